package arena

import (
	"unsafe"

	"github.com/growarena/growarena/addrspace"
)

// view is what readers and writers see of an arena: an immutable pair of place
// and capacity. A growth publishes a new one; successive views never shrink.
type view struct {
	base   unsafe.Pointer    // of the window
	cap    int               // bytes that may be touched from base on
	window *addrspace.Window // nil after Free
}

// slice returns [off, off+n) of the view, with no spare capacity.
//
// Preconditions: 0 <= off, 0 <= n, off+n <= v.cap.
func (v *view) slice(off, n int) []byte {
	// safety: the window is ours and mapped over [0, cap); it outlives the slice
	// by the pointer rule the arena was made with.
	return unsafe.Slice((*byte)(unsafe.Add(v.base, off)), n)
}

// addr returns the address of offset off.
func (v *view) addr(off int) uintptr { return uintptr(v.base) + uintptr(off) }

// offset returns where in the view b begins, and false if outside.
func (v *view) offset(b []byte) (int, bool) {
	off := uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(v.base)
	return int(off), off < uintptr(v.cap)
}

// bytesAt returns n bytes at base, the inside of a window of ours.
func bytesAt(base unsafe.Pointer, n int) []byte {
	// safety: the caller has mapped n bytes from base on.
	return unsafe.Slice((*byte)(base), n)
}
