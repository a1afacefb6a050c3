package slab

import (
	"unsafe"

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

// stackHash returns a number that is mostly different on different goroutines:
// where this one's stack is.
func stackHash() uint64 {
	var x byte
	// Stacks are 2 KiB at least; the golden ratio spreads what is left of the
	// address over the high bits.
	return uint64(uintptr(unsafe.Pointer(&x))>>11) * 0x9e3779b97f4a7c15
}

func sizeOf[T any]() int {
	var zero T
	return int(unsafe.Sizeof(zero))
}

// first returns the T at the start of an object.
//
// Preconditions: T is pointer-free and fits into b.
func first[T any](b []byte) *T {
	// safety: objects are aligned to 8, more than any type asks for.
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// valuesIn returns n T from the start of an object on, with room for as many as
// fit.
//
// Preconditions: T is pointer-free and not empty; n fit into cap(b).
func valuesIn[T any](b []byte, n int) []T {
	if cap(b) == 0 {
		return []T{}
	}
	// safety: as first; there are cap(b) bytes.
	return unsafe.Slice(first[T](b), cap(b)/sizeOf[T]())[:n]
}

// valuesAt returns n T at p, with room for c.
//
// Preconditions: as bytesAt; T is pointer-free and not empty.
func valuesAt[T any](p uintptr, n, c int) []T { return unsafe.Slice(valueAt[T](p), c)[:n] }

func addrOfValue[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

// valueAt returns the T at addr, which lies in a region.
func valueAt[T any](addr uintptr) *T {
	// safety: as bytesAt; whether a T is there is the user's affair, as it is with
	// any pointer into memory that is freed by hand.
	return (*T)(sys.Pointer(addr))
}
