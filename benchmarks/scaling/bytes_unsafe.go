package scaling

import (
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

// bytesAt returns the n bytes at addr.
func bytesAt(addr uintptr, n int64) []byte {
	// safety: only called for what was mapped a moment ago and is not used after it
	// is unmapped.
	return unsafe.Slice((*byte)(sys.Pointer(addr)), n)
}
