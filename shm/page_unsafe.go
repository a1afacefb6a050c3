package shm

import (
	"fmt"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// layout is the control page as FORMAT.md describes it, and with bell the only place of the
// library whose atomics lie in shared memory: there is no other word that two processes have.
// Whoever reads it trusts nothing of it (see read), whoever writes it is the one that has
// the lock.
type layout struct {
	// Line 0 never changes.
	magic   word64
	version word32
	header  word32 // bytes of the layout
	page    word32 // of the data, in bytes
	flags   word32
	id      [2]word64 // of the buffer, at random
	_       [24]byte

	// Line 1 is what is published.
	seq        word32 // the futex: moved by each publication
	state      word32
	generation word64
	capacity   word64
	length     word64
	front      word64
	synced     word64
	_          [16]byte

	// Line 2 is set by each writer when it begins.
	pid     word32
	uid     word32
	started word64    // Unix time in nanoseconds
	boot    [2]word64 // of the system
	inode   word64    // of the data
	_       [24]byte
	_       [64]byte
}

// bell is the page that followers write: nothing of it is believed.
type bell struct {
	waiting word32 // not 0: somebody sleeps on seq
}

// bellSize is how many bytes of the bell's file are used.
const bellSize = int64(unsafe.Sizeof(bell{}))

// The sizes that FORMAT.md promises.
var (
	_ [headerSize - unsafe.Sizeof(layout{})]byte
	_ [unsafe.Sizeof(layout{}) - headerSize]byte
	_ [64 - unsafe.Offsetof(layout{}.seq)]byte
	_ [unsafe.Offsetof(layout{}.seq) - 64]byte
	_ [128 - unsafe.Offsetof(layout{}.pid)]byte
	_ [unsafe.Offsetof(layout{}.pid) - 128]byte
)

// mapPage maps the beginning of a file. The window is mapped beyond the end of the file, so
// that it is one mapping of the kernel's.
func mapPage(space *addrspace.Space, name string, fd int, write bool) (*addrspace.Window, error) {
	w, err := space.Reserve(1, addrspace.ReserveOptions{Name: name, Compact: true, MapAll: true})
	if err != nil {
		return nil, err
	}
	prot := sys.ProtRead
	if write {
		prot |= sys.ProtWrite
	}
	if err := w.MapFile(0, w.Size(), fd, 0, prot); err != nil {
		_ = w.Release()
		return nil, fmt.Errorf("map %s: %w", name, err)
	}
	return w, nil
}

// layoutIn returns the control page that w shows.
//
// Preconditions: it is used no longer than w.
func layoutIn(w *addrspace.Window) *layout {
	// safety: w maps the file from its start on; a page that is not there (any more) is a
	// fault, which guarded makes an error.
	return (*layout)(w.Base())
}

// bytesOfLayout returns the memory of a copy that nobody else has.
func bytesOfLayout(l *layout) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(l)), headerSize) // safety: it has that size.
}

// bellIn is layoutIn of a bell.
func bellIn(w *addrspace.Window) *bell {
	return (*bell)(w.Base()) // safety: as of layoutIn.
}

// sizeOf returns the size of a T.
func sizeOf[T any]() int {
	var zero T
	return int(unsafe.Sizeof(zero))
}

// bytesOf returns the memory of values.
//
// Preconditions: T has no pointers.
func bytesOf[T any](values []T) []byte {
	// safety: the same memory, of which any bytes are a value.
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*sizeOf[T]())
}

// valuesAt returns n values of those that b, the beginning of a window, consists of, from number
// at on.
//
// Preconditions: b has so many; T has no pointers.
func valuesAt[T any](b []byte, at, n int) []T {
	if n == 0 {
		return nil
	}
	// safety: within b. Aligned, because a window is to 2 MiB, and the offset is a multiple of T's
	// size, which is one of its alignment.
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b[at*sizeOf[T]():]))), n)
}

// seqAddr returns the address of the futex.
func seqAddr(w *addrspace.Window) uintptr {
	return w.Range().Start + unsafe.Offsetof(layout{}.seq) // safety: a number, for the kernel alone.
}
