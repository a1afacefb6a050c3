package addrspace

import (
	"fmt"
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

// heapAddress returns an address in the Go heap, where stacks are as well.
func heapAddress() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here)) // safety: a number, never a pointer again.
}

// Bytes returns [off, off+n) of w as a slice, with no spare capacity. Like the pointer that
// Base returns it is no reference, and what is unmapped or released under it faults or
// shows something else. It panics unless all of the range is mapped.
func (w *Window) Bytes(off, n int) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkHeld("Bytes")
	if off < 0 || n < 0 || uint(off)+uint(n) > uint(w.len()) || n > 0 && !w.segs.covers(uintptr(off), uintptr(n)) {
		panic(fmt.Sprintf("addrspace: Bytes of %d bytes at %d of window %v: part of it is not mapped", n, off, w))
	}
	// safety: w is held and maps the range; see Base.
	return unsafe.Slice((*byte)(unsafe.Add(sys.Pointer(w.start), off)), n)
}

// Base returns a pointer to the first byte of w. It is no reference: the
// garbage collector neither follows it nor keeps w for it.
func (w *Window) Base() unsafe.Pointer {
	w.check("Base")
	// safety: w is held, so start lies in a mapping of ours, which is never Go
	// heap; it stays one until Release.
	return sys.Pointer(w.start)
}
