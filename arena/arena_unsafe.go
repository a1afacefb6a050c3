package arena

import (
	"unsafe"

	"github.com/growarena/growarena/internal/mapping"
)

// view is what readers and writers see of an arena; see [mapping.View]. Those who touch
// its bytes, or have the kernel do something at their address, hold it so:
//
//	touch                           by a pin (clearing recycled bytes, Clone)
//	Guard                           by its pin
//	growing, Trim, commit, Alias    by Arena.mu: nobody else publishes
//	preparing memory (prepare)      by Arena.prep, shared: nobody moves
//	a Buffer's owner                as the only one who grows the arena
//	LinearMemory                    as one that never moves
//
// Alloc, Bytes, New, Local and Ref return addresses and touch nothing: what their
// caller holds the pointer rule says. Decommit and Trim go by the file.
type view = mapping.View

// bytesAt returns n bytes at base, the inside of a window of ours.
func bytesAt(base unsafe.Pointer, n int) []byte {
	// safety: the caller has mapped n bytes from base on.
	return unsafe.Slice((*byte)(base), n)
}

// dataOf returns where b begins, also if it is empty.
func dataOf(b []byte) *byte { return unsafe.SliceData(b) }

// sizeOf returns size and alignment of T.
func sizeOf[T any]() (size, alignment int) {
	var zero T
	return int(unsafe.Sizeof(zero)), int(unsafe.Alignof(zero))
}

// sliceAt returns n values of T from offset off of the view on.
//
// Preconditions: T contains no pointers; off is aligned for T; off plus n times
// the size of T is at most v.Cap.
func sliceAt[T any](v *view, off, n int) []T {
	// safety: inside the window by the precondition, and aligned, because windows
	// are to 2 MiB.
	return unsafe.Slice((*T)(unsafe.Add(v.Base, off)), n)
}

// valueAt returns the T that b, of its size, is.
//
// Preconditions: T contains no pointers; b is of an arena's window, and aligned for T.
func valueAt[T any](b []byte) *T {
	// safety: as long as a T and aligned by the precondition; as valid as b.
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// addressOf returns where p points to, for comparison with where windows are.
func addressOf[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) } // safety: a number, never a pointer again.
