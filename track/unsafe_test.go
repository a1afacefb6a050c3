package track_test

import (
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

func addr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func bytesAt(at uintptr, n int) []byte { return unsafe.Slice((*byte)(sys.Pointer(at)), n) }
