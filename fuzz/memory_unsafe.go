package fuzz

import "unsafe"

// bytesAt returns the n bytes at p.
//
// Preconditions: they are in a window that is held, and mapped.
func bytesAt(p unsafe.Pointer, n int) []byte {
	// safety: by the precondition; whoever has the slice lets it go before the
	// window.
	return unsafe.Slice((*byte)(p), n)
}

// addrOf returns where b begins, also if it is empty.
func addrOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
