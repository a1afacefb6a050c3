package buffers

import (
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

// addr returns where b begins.
func addr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// view returns the n bytes at addr, which are mapped as long as the buffer lives.
func view(addr uintptr, n int) []byte {
	// safety: addr is in a mapping that sys.Reserve has made.
	return unsafe.Slice((*byte)(sys.Pointer(addr)), n)
}
