package addrspace

import (
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

// heapAddress returns an address in the Go heap, where stacks are as well.
func heapAddress() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here)) // safety: a number, never a pointer again.
}

// Base returns a pointer to the first byte of w. It is no reference: the
// garbage collector neither follows it nor keeps w for it.
func (w *Window) Base() unsafe.Pointer {
	w.check("Base")
	// safety: w is held, so start lies in a mapping of ours, which is never Go
	// heap; it stays one until Release.
	return sys.Pointer(w.start)
}
