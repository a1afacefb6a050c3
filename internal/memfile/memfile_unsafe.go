package memfile

import "unsafe"

// bytesAt returns n bytes at base, the inside of a trial's mapping.
func bytesAt(base unsafe.Pointer, n int) []byte {
	// safety: the trial has mapped n bytes from base on, and keeps them.
	return unsafe.Slice((*byte)(base), n)
}
