package arena_test

import "unsafe"

// pointed returns n bytes at offset off of a bare mapping.
func pointed(p unsafe.Pointer, off, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(p, off)), n)
}
