package addrspace

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// state is what a window's handle is good for.
type state uint32

const (
	held        state = iota // Reserved, with Mapped parts
	quarantined              // all inaccessible, until Release
	released                 // gone; any use panics
)

// Window is a contiguous range of addresses that we hold. Its methods are safe
// for concurrent use, but Release ends it for all.
//
// Invariants:
//
//	I6: segs are sorted, disjoint, inside the window, and no neighbours join.
//	I7: mapped is their sum.
type Window struct {
	space *Space         // Immutable.
	place *place         // Immutable; stands for the addresses longer than the window.
	start uintptr        // Immutable.
	opts  ReserveOptions // Immutable.

	end    atomic.Uintptr // Written with mu held, read by anyone (atomic).
	mapped atomic.Int64   // bytes mapped. Written with mu held, read by anyone (atomic).
	state  atomic.Uint32  // Written with mu held, read by anyone (atomic).

	// touched is the end of what anyone may have touched, as SetTouched said, or
	// the end of all addresses. Written by the owner, read with mu held (atomic).
	touched atomic.Uintptr

	// mu is held for each change of what is mapped, system calls included. It
	// comes before Space.mu; of two windows the lower comes first.
	mu    sync.Mutex
	segs  segments   // what is mapped. Protected by mu.
	first [1]segment // room for segs: most windows have one segment
}

// newWindow returns a new handle on p. Everything it needs is in one object: the
// list of segments is inside until there is more than one.
func newWindow(s *Space, p *place, o ReserveOptions) *Window {
	w := &Window{space: s, place: p, start: p.start, opts: o}
	w.end.Store(p.end)
	w.touched.Store(^uintptr(0))
	w.segs = w.first[:0]
	return w
}

// Range returns the addresses of w.
func (w *Window) Range() Range {
	w.check("Range")
	return w.rng()
}

// rng is Range for those who may look at released windows.
func (w *Window) rng() Range { return Range{w.start, w.end.Load()} }

func (w *Window) len() uintptr { return w.end.Load() - w.start }

// Size returns the length of w in bytes.
func (w *Window) Size() int {
	w.check("Size")
	return int(w.len())
}

// Name returns the name w was reserved with.
func (w *Window) Name() string {
	w.check("Name")
	return w.opts.Name
}

// Mapped returns how many bytes of w are mapped.
func (w *Window) Mapped() int {
	w.check("Mapped")
	return int(w.mapped.Load())
}

// SetTouched says that nobody touches a byte of w at or beyond n before it is
// called again with more: a window is often mapped far beyond what is used of the
// file. Taking the window's mapping away then costs less, because it is known
// that there are few page tables. Being wrong costs time, no more.
func (w *Window) SetTouched(n int) {
	w.check("SetTouched")
	w.touched.Store(uintptr(max(n, 0)))
}

// String returns the range and the name of w, also when it was released.
func (w *Window) String() string {
	if w.opts.Name == "" {
		return w.rng().String()
	}
	return fmt.Sprintf("%v %q", w.rng(), w.opts.Name)
}

// check panics if w was released. Methods that take mu call it with mu held, so
// that a Release at the same time is either before or after them; the others
// are right at some moment of the call.
func (w *Window) check(method string) {
	if state(w.state.Load()) == released {
		panic(fmt.Sprintf("addrspace: %s of window %v: it was released", method, w))
	}
}

// checkHeld panics if w was released or is quarantined.
func (w *Window) checkHeld(method string) {
	w.check(method)
	if state(w.state.Load()) == quarantined {
		panic(fmt.Sprintf("addrspace: %s of window %v: it is quarantined", method, w))
	}
}

// checkPart panics unless [off, off+n) is a part of w made of whole pages.
func (w *Window) checkPart(method string, off, n int) {
	page := int(w.space.page)
	if off < 0 || n <= 0 || off%page != 0 || n%page != 0 || uint(off)+uint(n) > uint(w.len()) {
		panic(fmt.Sprintf("addrspace: %s of %d bytes at %d of window %v: not whole pages inside it", method, n, off, w))
	}
}
