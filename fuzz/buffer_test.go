package fuzz

import "testing"

// FuzzBuffer fuzzes the target "buffer".
func FuzzBuffer(f *testing.F) {
	fuzzTarget(f, "buffer",
		[]byte("\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x01\x00\x00\xff\x08\x08\x08"))
}
