package dirty

import (
	"os"
	"runtime"
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

var pageSize = uintptr(os.Getpagesize())

// RangeOf returns where b lies.
func RangeOf(b []byte) Range {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b))) // safety: a number, never a pointer again.
	return Range{start, start + uintptr(len(b))}
}

// isGo reports whether b is memory of the Go runtime: its heap, or a variable of the program. The
// runtime refuses to attach a cleanup to anything else, by a panic.
func isGo(b []byte) (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	runtime.AddCleanup(unsafe.SliceData(b), func(int) {}, 0).Stop()
	return true
}

// Bytes returns r as a slice.
//
// Preconditions: r is mapped, and no Go memory.
func (r Range) Bytes() []byte {
	// safety: by the precondition.
	return unsafe.Slice((*byte)(sys.Pointer(r.Start)), r.End-r.Start)
}
