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

// startOf returns where b begins.
func startOf(b []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(b)) }

// bytesOf returns the bytes of s, up to its capacity.
func bytesOf(s []uint64) []byte {
	// safety: the same memory, of a type without pointers.
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), 8*cap(s))[:8*len(s)]
}

// wordsOf undoes bytesOf.
func wordsOf(b []byte) []uint64 {
	// safety: as bytesOf, which b comes from, so it is aligned.
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(b))), cap(b)/8)[:len(b)/8]
}
