package slab

import (
	"unsafe"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
)

// bytesAt returns a slice of n bytes at p with the given capacity. Unlike
// unsafe.Slice it checks nothing: that takes as long as the rest of Alloc.
//
// Preconditions: [p, p+capacity) is an object in use of a region; n <= capacity.
func bytesAt(p uintptr, n, capacity int) []byte {
	s := struct {
		p      unsafe.Pointer
		n, cap int
	}{sys.Pointer(p), n, capacity}
	// safety: this is how a slice is laid out; the address is inside a region's
	// window, which stays until Close.
	return *(*[]byte)(unsafe.Pointer(&s))
}

// addrOf returns where b begins, also if it is empty.
func addrOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// baseOf returns the address of an empty arena's first byte.
func baseOf(a *arena.Arena) uintptr { return addrOf(a.Bytes()) }

// stackHash returns a number that is mostly different on different goroutines:
// where this one's stack is.
func stackHash() uint64 {
	var x byte
	// Stacks are 2 KiB at least; the golden ratio spreads what is left of the
	// address over the high bits.
	return uint64(uintptr(unsafe.Pointer(&x))>>11) * 0x9e3779b97f4a7c15
}
