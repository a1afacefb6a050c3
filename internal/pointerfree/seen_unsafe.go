package pointerfree

import (
	"sync/atomic"
	"unsafe"
)

// seen holds types that have been found to contain no pointers, each in the one place
// its hash says, so that asking for one again is a load and a comparison. The numbers are
// addresses of type descriptors, which do not move and are never freed (types made by
// package reflect at run time may be, but cannot be a type parameter).
var seen [256]atomic.Uintptr

// typeOf returns a number that stands for type T.
func typeOf[T any]() uintptr {
	// The first word of an interface is the address of its type's descriptor, here
	// that of *T.
	var p any = (*T)(nil)
	return *(*uintptr)(unsafe.Pointer(&p))
}

// place returns where t is in seen, if it is there.
func place(t uintptr) *atomic.Uintptr {
	return &seen[uint64(t)*0x9e3779b97f4a7c15>>56]
}
