package arena

import (
	"unsafe"

	"github.com/growarena/growarena/addrspace"
)

// view is what readers and writers see of an arena: an immutable pair of place
// and capacity. A growth publishes a new one; successive views never shrink.
//
// A view that was loaded is good for numbers and addresses. Its bytes are there only
// for one who holds it, because where windows are retired another goroutine may have
// the arena moved and the window unmapped at any time. Those who touch bytes, or have
// the kernel do something at their address, hold it so:
//
//	touch                           by a pin (clearing recycled bytes, Clone)
//	Guard                           by its pin
//	growing, Trim, commit, Alias    by Arena.mu: nobody else publishes
//	preparing memory (prepare)      by Arena.prep, shared: nobody moves
//	a Buffer's owner                as the only one who grows the arena
//	LinearMemory                    as one that never moves
//
// Alloc, Bytes, New, Local and Ref return addresses and touch nothing: what their
// caller holds the pointer rule says. Decommit and Trim go by the file.
type view struct {
	base   unsafe.Pointer    // of the window
	cap    int               // bytes that may be touched from base on
	ready  int               // of them what may be handed out: less after Trim, with Options.Commit
	window *addrspace.Window // nil after Free
}

// slice returns [off, off+n) of the view, with no spare capacity.
//
// Preconditions: 0 <= off, 0 <= n, off+n <= v.cap.
func (v *view) slice(off, n int) []byte {
	// safety: the window is ours and mapped over [0, cap); it outlives the slice
	// by the pointer rule the arena was made with.
	return unsafe.Slice((*byte)(unsafe.Add(v.base, off)), n)
}

// addr returns the address of offset off.
func (v *view) addr(off int) uintptr { return uintptr(v.base) + uintptr(off) }

// bytesAt returns n bytes at base, the inside of a window of ours.
func bytesAt(base unsafe.Pointer, n int) []byte {
	// safety: the caller has mapped n bytes from base on.
	return unsafe.Slice((*byte)(base), n)
}

// dataOf returns where b begins, also if it is empty.
func dataOf(b []byte) *byte { return unsafe.SliceData(b) }

// sizeOf returns size and alignment of T.
func sizeOf[T any]() (size, alignment int) {
	var zero T
	return int(unsafe.Sizeof(zero)), int(unsafe.Alignof(zero))
}

// sliceAt returns n values of T from offset off of the view on.
//
// Preconditions: T contains no pointers; off is aligned for T; off plus n times
// the size of T is at most v.cap.
func sliceAt[T any](v *view, off, n int) []T {
	// safety: inside the window by the precondition, and aligned, because windows
	// are to 2 MiB.
	return unsafe.Slice((*T)(unsafe.Add(v.base, off)), n)
}

// valueAt returns the T that b, of its size, is.
//
// Preconditions: T contains no pointers; b is of an arena's window, and aligned for T.
func valueAt[T any](b []byte) *T {
	// safety: as long as a T and aligned by the precondition; as valid as b.
	return (*T)(unsafe.Pointer(unsafe.SliceData(b)))
}

// offsetOf returns the offset in the arena that p points to, through the current
// window or an old one that is still mapped, and false if it points elsewhere.
func offsetOf[T any](a *Arena, p *T) (int, bool) {
	v := a.load()
	if a.exact {
		// A guard can have a view that the arena is just about to have, too.
		if published, ok := a.domain.Value().(*view); ok {
			v = published
		}
	}
	addr := uintptr(unsafe.Pointer(p))
	if off := addr - uintptr(v.base); off <= uintptr(v.cap) { // An empty slice may lie at the end.
		return int(off), true
	}
	return a.old.offset(addr)
}
