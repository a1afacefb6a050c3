package arena_test

import "unsafe"

// pointed returns n bytes at offset off of a bare mapping.
func pointed(p unsafe.Pointer, off, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(p, off)), n)
}

// gap returns how far behind b's first byte the next multiple of alignment is.
func gap(b []byte, alignment int) int {
	return -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & (alignment - 1)
}
