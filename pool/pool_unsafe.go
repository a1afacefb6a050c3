package pool

import "unsafe"

// bytesAt returns n bytes at base, the inside of a window of ours.
func bytesAt(base unsafe.Pointer, n int) []byte {
	// safety: the caller has mapped n bytes from base on; they stay until the buffer
	// that begins there is freed.
	return unsafe.Slice((*byte)(base), n)
}

// dataOf returns where b begins, also if it is empty.
func dataOf(b []byte) *byte { return unsafe.SliceData(b) }
