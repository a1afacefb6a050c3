package pool_test

import "unsafe"

// beyond returns n bytes from where b begins, whatever its length.
func beyond(b []byte, n int) []byte { return unsafe.Slice(unsafe.SliceData(b), n) }

// addressOf returns where b begins.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
