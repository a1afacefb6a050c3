package pageheap

import (
	"unsafe"

	"github.com/growarena/growarena/arena"
)

// baseOf returns the address of an empty arena's first byte.
func baseOf(a *arena.Arena) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(a.Bytes()))) }
