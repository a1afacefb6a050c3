package mapping

import (
	"unsafe"

	"github.com/growarena/growarena/addrspace"
)

// View is an immutable pair of place and capacity. A growth publishes a new one;
// successive views never shrink.
//
// A view that was loaded is good for numbers and addresses. Its bytes are there only for
// one who holds it, because where windows are retired another goroutine may have the
// mapping moved and the window unmapped at any time: by a pin of the domain, or by
// whatever keeps others from publishing.
type View struct {
	Base   unsafe.Pointer    // of the window
	Cap    int               // bytes that may be touched from Base on
	Ready  int               // of them what may be handed out: less where memory is missing
	Window *addrspace.Window // nil once the mapping is shut
}

// Slice returns [off, off+n) of the view, with no spare capacity.
//
// Preconditions: 0 <= off, 0 <= n, off+n <= v.Cap.
func (v *View) Slice(off, n int) []byte {
	// safety: the window is ours and mapped over [0, Cap); it outlives the slice
	// by the pointer rule of the mapping.
	return unsafe.Slice((*byte)(unsafe.Add(v.Base, off)), n)
}

// Addr returns the address of offset off.
func (v *View) Addr(off int) uintptr { return uintptr(v.Base) + uintptr(off) }
