package arena

import (
	"context"
	"slices"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
)

// oldWindows are the windows an arena has moved out of and that still show its
// bytes: kept for good, or retired and waiting for their guards.
type oldWindows struct {
	mu   sync.Mutex
	list []*addrspace.Window // Protected by mu.
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
	release(w)
}

// releaseAll gives all of them back.
func (o *oldWindows) releaseAll() {
	o.mu.Lock()
	list := o.list
	o.list = nil
	o.mu.Unlock()
	for _, w := range list {
		release(w)
	}
}

// offset returns the offset in the arena that address addr shows, and false if
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

// release gives a window back. The space keeps what it cannot release, counts
// it and tries again later, so there is nothing to be done about an error.
func release(w *addrspace.Window) { _ = w.Release() }

// offerWaiting retires the windows that wait for it in a shared domain: each by
// itself, so that what there is room for goes. What is refused is offered again when
// the arena grows next, and goes with the last guard of today if the arena is freed.
//
// Nothing is locked: a domain with a limit runs what is ready on whoever retires more,
// and that is others' code.
func (a *Arena) offerWaiting() {
	if a.domain == nil || a.exact {
		return
	}
	a.mu.Lock()
	list := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	var refused []*addrspace.Window
	for _, w := range list {
		if a.domain.Retire(a.retired(0, w)...) != nil {
			refused = append(refused, w)
		}
	}
	if len(refused) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.view.Load().window == nil {
		a.releaseLater(refused)
		return
	}
	a.waiting = append(refused, a.waiting...)
}

// retired turns windows into what a domain takes.
func (a *Arena) retired(birth uint64, windows ...*addrspace.Window) []epoch.Retired {
	var r []epoch.Retired
	for _, w := range windows {
		r = append(r, epoch.Retired{Birth: birth, Bytes: int64(w.Size()), Free: func() { a.old.release(w) }})
	}
	return r
}

// releaseLater releases windows when no guard pinned now is left, by a goroutine
// that ends then: for the arena that is freed while its domain takes no more.
func (a *Arena) releaseLater(windows []*addrspace.Window) {
	go func() {
		if a.domain.Synchronize(context.Background()) == nil {
			for _, w := range windows {
				a.old.release(w)
			}
		}
	}()
}
