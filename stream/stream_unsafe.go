package stream

import (
	"unsafe"

	"github.com/growarena/growarena/addrspace"
)

// view is where the bytes of a track are mapped: byte off of the track at base, plus off,
// less first. Immutable.
type view struct {
	base   unsafe.Pointer
	first  int64 // of the track's bytes that are mapped
	window *addrspace.Window
}

// bytes returns [off, off+n) of the track, with no spare capacity.
//
// Preconditions: v.first <= off, 0 <= n, and the window maps so far.
func (v *view) bytes(off int64, n int) []byte {
	// safety: inside the window by the precondition, which stays mapped while the
	// caller's guard is pinned, or his reservation is not published.
	return unsafe.Slice((*byte)(unsafe.Add(v.base, off-v.first)), n)
}

// addr returns the address of byte off.
func (v *view) addr(off int64) uintptr { return uintptr(v.base) + uintptr(off-v.first) }

// sizeOf returns the size of a T.
func sizeOf[T any]() int64 {
	var zero T
	return int64(unsafe.Sizeof(zero))
}

// valuesAt returns n values of a track of T from number at on, with no spare capacity.
//
// Preconditions: as of bytes; T has no pointers.
func valuesAt[T any](v *view, at int64, n int) []T {
	// safety: as in bytes. Aligned, because a window and the first byte it shows are to
	// 2 MiB, and the offset is a multiple of T's size, which is one of its alignment.
	return unsafe.Slice((*T)(unsafe.Add(v.base, at*sizeOf[T]()-v.first)), n)
}
