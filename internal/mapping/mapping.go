package mapping

import (
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// Mapping is a growing mapping with a newest view. Who has one protects it by a lock of
// his own, except where methods say otherwise.
type Mapping struct {
	Ladder        // Immutable after Open.
	Limit  int    // of the capacity. Immutable after Open.
	Page   int    // page size of the file. Immutable after Open.
	Source Source // Immutable after Open.

	// Domain is what old windows are retired through; nil keeps them. Immutable once
	// others use the mapping.
	Domain *epoch.Domain
	exact  bool // Domain is our own and publishes views; see RetireExactly. Immutable as Domain.

	// view is the newest view. Stored by who has the mapping, loaded by anyone (atomic).
	view atomic.Pointer[View]

	_ [128]byte // What stands before is read all the time.

	place Place
	birth uint64 // version of Domain at which the current window was published
	grown Growth

	mu      sync.Mutex
	waiting []*addrspace.Window // not retired yet, or refused: see OfferWaiting. Protected by mu.

	old oldWindows // Has its own lock.
}

// Open reserves the first window, of size or at least least bytes, and maps it. The first
// have bytes of it are the capacity. compact is that of [addrspace.ReserveOptions]. commit,
// if it is not nil, is called with the view before that is published, and can refuse it.
func (m *Mapping) Open(size, least, have int, compact bool, commit func(*View) error) error {
	w, err := m.reserve(size, least, compact)
	if err != nil {
		return err
	}
	p := Place{Window: w}
	if err := m.mapTail(&p, m.Source, least); err != nil {
		return errors.Join(err, w.Release())
	}
	w.SetTouched(have)
	v := &View{Base: w.Base(), Cap: have, Ready: have, Window: w}
	if commit != nil {
		if err := commit(v); err != nil {
			return errors.Join(err, w.Release())
		}
	}
	m.place = p
	m.view.Store(v)
	return nil
}

// WindowSize returns the length of a window that holds n bytes.
func (m *Mapping) WindowSize(n int) (int, error) {
	size, ok := align.Up(n, max(memfile.ExtentSize, m.Page))
	if !ok {
		return 0, fmt.Errorf("%w: no window holds %d bytes", addrspace.ErrNoSpace, n)
	}
	return size, nil
}

// View returns the newest view, which has no window after Shut. Safe for concurrent use.
func (m *Mapping) View() *View { return m.view.Load() }

// Grow makes the capacity goal by the cheapest rung that gets there, and changes nothing
// visible if none does. commit, if it is not nil, is called with the new view before that
// is published, and can refuse it.
//
// Preconditions: capacity < goal <= Limit; the source reaches so far.
func (m *Mapping) Grow(goal int, commit func(*View) error) error {
	old := m.view.Load()
	least, err := m.WindowSize(goal)
	if err != nil {
		return err
	}
	// Twice the length, so that n bytes cost O(log n) windows and those that are
	// kept are together no longer than the current one.
	size := least
	if old := old.Window.Size(); old <= math.MaxInt/2 {
		size = max(least, 2*old)
	}
	if limit, err := m.WindowSize(m.Limit); err == nil {
		size = min(size, max(limit, least))
	}
	return m.Climb(&m.place, m.Source, least, size, func(s Step) error {
		v := &View{Base: s.Window.Base(), Cap: goal, Ready: goal, Window: s.Window}
		s.Window.SetTouched(goal)
		if commit != nil {
			if err := commit(v); err != nil {
				return err
			}
		}
		if err := m.publish(v, old.Window); err != nil {
			return err
		}
		m.grown.count(s.Rung)
		return nil
	})
}

// Grown returns how often each rung was climbed.
func (m *Mapping) Grown() Growth { return m.grown }

// Old returns how many windows are mapped that the mapping has left, and their length in
// bytes. Safe for concurrent use.
func (m *Mapping) Old() (n, bytes int) { return m.old.size() }

// Windows returns the windows that show the mapping: the current one first, then those it has left and
// that are still mapped. One of these may be released at any time: see OnLeave.
func (m *Mapping) Windows() []*addrspace.Window {
	return append([]*addrspace.Window{m.view.Load().Window}, m.old.all()...)
}

// OnLeave has f called with each window that the mapping has left, before it is released: when Windows
// returns it no more, and by whoever releases it. nil ends that. Safe for concurrent use.
func (m *Mapping) OnLeave(f func(w *addrspace.Window)) {
	if f == nil {
		m.old.leave.Store(nil)
		return
	}
	m.old.leave.Store(&f)
}

// Offset returns the offset that is mapped at addr, in the current window or in an old
// one that is still mapped, and false if addr lies elsewhere. Safe for concurrent use.
func (m *Mapping) Offset(addr uintptr) (int, bool) {
	v := m.view.Load()
	if m.exact {
		// A guard can have a view that the mapping is just about to have, too.
		if published, ok := m.Domain.Value().(*View); ok {
			v = published
		}
	}
	if off := addr - v.Addr(0); off <= uintptr(v.Cap) { // An empty slice may lie at the end.
		return int(off), true
	}
	return m.old.offset(addr)
}
