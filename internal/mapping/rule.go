package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
)

// RetireExactly makes the mapping retire old windows through a domain of its own, which
// publishes the views as well: a window goes when no guard is left that saw it.
//
// Preconditions: Open has returned nil, and nobody else uses the mapping yet.
func (m *Mapping) RetireExactly() {
	m.Domain = epoch.NewDomain(epoch.Options{Name: m.Name})
	m.exact = true
	var err error
	if m.birth, err = m.Domain.Publish(m.view.Load()); err != nil {
		panic(fmt.Sprintf("mapping: BUG: first publication of %q: %v", m.Name, err))
	}
}

// ViewOf returns the view a pin of Domain protects: the very one that was published with
// the pinned version (Exact), or the newest one, loaded after the pin
// (a shared domain), which has no window after Shut. Safe for concurrent use.
func (m *Mapping) ViewOf(pin *epoch.Guard) *View {
	return m.viewOf(pin.Value())
}

// viewOf is ViewOf for the value that was pinned.
func (m *Mapping) viewOf(value any) *View {
	if m.exact {
		return value.(*View)
	}
	return m.view.Load()
}

// Publish publishes a view of the same window.
func (m *Mapping) Publish(v *View) error {
	if m.exact {
		// Guards get the view from the domain. It goes there first because that
		// can fail; the writers' own view follows.
		if _, err := m.Domain.Publish(v); err != nil {
			return err
		}
	}
	m.view.Store(v)
	return nil
}

// publish publishes a view and lets go of the old window, if it is another, as the
// pointer rule says. On an error nothing has been published.
func (m *Mapping) publish(v *View, old *addrspace.Window) error {
	if v.Window == old {
		return m.Publish(v)
	}
	m.old.add(old)
	switch {
	case m.exact:
		// Locks are held. The domain has no limit, so this runs nobody's Free.
		version, err := m.Domain.Publish(v, m.retired(m.birth, old)...)
		if err != nil {
			m.old.forget(old)
			return err
		}
		m.birth = version
		m.view.Store(v)
	case m.Domain != nil:
		// Unlink, then retire: a guard pinned from now on cannot find the old
		// window. Retired it is when no locks are held: see OfferWaiting.
		m.view.Store(v)
		m.wait(old)
	default:
		m.view.Store(v)
	}
	return nil
}

// wait puts a window behind those that wait to be retired.
func (m *Mapping) wait(w *addrspace.Window) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waiting = append(m.waiting, w)
}

// OfferWaiting retires the windows that wait for it in a shared domain: each by
// itself, so that what there is room for goes. What is refused is offered again at the
// next call, and goes with the last guard of today if the mapping is shut.
//
// Nothing may be locked: a domain with a limit runs what is ready on whoever retires
// more, and that is others' code. Safe for concurrent use.
func (m *Mapping) OfferWaiting() {
	if m.Domain == nil || m.exact {
		return
	}
	m.mu.Lock()
	list := m.waiting
	m.waiting = nil
	m.mu.Unlock()
	var refused []*addrspace.Window
	for _, w := range list {
		if m.Domain.Retire(m.retired(0, w)...) != nil {
			refused = append(refused, w)
		}
	}
	if len(refused) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.view.Load().Window == nil {
		m.releaseLater(refused)
		return
	}
	m.waiting = append(refused, m.waiting...)
}

// retired turns windows into what a domain takes.
func (m *Mapping) retired(birth uint64, windows ...*addrspace.Window) []epoch.Retired {
	var r []epoch.Retired
	for _, w := range windows {
		r = append(r, epoch.Retired{Birth: birth, Bytes: int64(w.Size()), Free: func() { m.old.release(w) }})
	}
	return r
}

// releaseLater releases windows when no guard pinned now is left, by a goroutine
// that ends then: for the mapping that is shut while its domain takes no more.
func (m *Mapping) releaseLater(windows []*addrspace.Window) {
	go func() {
		if m.Domain.Synchronize(context.Background()) == nil {
			for _, w := range windows {
				m.old.release(w)
			}
		}
	}()
}

// Shut publishes that there is no view any more. The windows stay: see LetGo.
func (m *Mapping) Shut() {
	last := m.view.Load().Window
	m.old.add(last)
	m.view.Store(&View{})
	m.wait(last)
}

// LetGo gives the windows up, now or with the guards that see them, and calls gone, if it
// is not nil, when no guard is left that does. Nothing may be locked: it runs what is
// ready, which may be others' code.
//
// Preconditions: Shut has returned; gone may be called twice.
func (m *Mapping) LetGo(gone func()) {
	switch {
	case m.exact:
		drop := m.retired(m.birth, m.place.Window)
		if gone != nil {
			drop = append(drop, epoch.Retired{Free: gone})
		}
		// It does not wait: what is pinned goes with its last guard.
		err := m.Domain.Shutdown(ended(), drop...)
		if gone != nil && !errors.Is(err, epoch.ErrPinned) {
			gone() // Sooner than the reaper.
		}
	case m.Domain != nil:
		m.OfferWaiting()
		if gone != nil {
			m.whenUnpinned(gone)
		}
	default:
		m.old.releaseAll()
	}
}

// whenUnpinned calls f when no guard of the domain is left that is pinned now: at once, if
// there is none.
func (m *Mapping) whenUnpinned(f func()) {
	if m.Domain.Synchronize(ended()) == nil {
		f()
	} else if m.Domain.Retire(epoch.Retired{Free: f}) != nil { // It is closed, or takes no more.
		go func() {
			if m.Domain.Synchronize(context.Background()) == nil {
				f()
			}
		}()
	}
}

// ended returns a context that has ended, for calls that do not wait.
func ended() context.Context {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	return done
}
