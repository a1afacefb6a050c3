package mapping

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
)

// oldWindows are the windows a mapping has moved out of and that still show its
// bytes: kept for good, or retired and waiting for their guards.
type oldWindows struct {
	mu   sync.Mutex
	list []*addrspace.Window // Protected by mu.

	// leave is called with each window before that is released; nil if nobody wants to
	// know (atomic).
	leave atomic.Pointer[func(*addrspace.Window)]
}

// letGo releases w, which is in the list no more.
func (o *oldWindows) letGo(w *addrspace.Window) {
	if f := o.leave.Load(); f != nil {
		(*f)(w)
	}
	Release(w)
}

func (o *oldWindows) add(w ...*addrspace.Window) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, w...)
}

// forget takes w from the list.
func (o *oldWindows) forget(w *addrspace.Window) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(have *addrspace.Window) bool { return have == w })
}

// release gives w back to its space.
func (o *oldWindows) release(w *addrspace.Window) {
	o.forget(w)
	o.letGo(w)
}

// releaseAll gives all of them back.
func (o *oldWindows) releaseAll() {
	o.mu.Lock()
	list := o.list
	o.list = nil
	o.mu.Unlock()
	for _, w := range list {
		o.letGo(w)
	}
}

// all returns the windows.
func (o *oldWindows) all() []*addrspace.Window {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}

// offset returns the offset in the mapping that address addr shows, and false if
// none of the windows contains it.
func (o *oldWindows) offset(addr uintptr) (int, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.list {
		if r := w.Range(); r.Contains(addr) {
			return int(addr - r.Start), true
		}
	}
	return 0, false
}

// size returns the number of windows and their length in bytes.
func (o *oldWindows) size() (n, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.list {
		bytes += w.Size()
	}
	return len(o.list), bytes
}
