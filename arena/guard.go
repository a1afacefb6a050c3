package arena

import (
	"fmt"

	"github.com/growarena/growarena/epoch"
)

// Guard pins a view of an arena: what Bytes returns is valid, in place and of the
// same length until Unpin or Refresh, whatever the arena does meanwhile. A Guard is a small
// value; it may be kept across blocking calls and unpinned by another goroutine.
// It belongs to one goroutine at a time.
type Guard struct {
	arena *Arena
	view  *view       // nil when not pinned
	n     int         // the arena's length, loaded before view: no view is shorter
	pin   epoch.Guard // Unused where old windows are kept.
}

// Pin returns a guard on the newest view. It takes no lock, makes no system call
// and allocates nothing. Its only error wraps epoch.ErrClosed: after Free, which a
// reader need not know of, or after Close of the domain.
func (a *Arena) Pin() (Guard, error) {
	g := Guard{arena: a, n: a.Len()}
	if a.domain == nil {
		g.view = a.view.Load()
	} else {
		var err error
		if g.pin, err = a.domain.Pin(); err != nil {
			return Guard{}, a.pinError(err)
		}
		g.view = a.viewOf(&g.pin)
	}
	if g.view.window == nil {
		g.Unpin() // It would hold what others retire in the domain, for good.
		return Guard{}, a.pinError(epoch.ErrClosed)
	}
	return g, nil
}

// pinError says that there is nothing to pin any more.
func (a *Arena) pinError(err error) error {
	return fmt.Errorf("arena: pin %q, which has been freed or whose domain is closed: %w", a.name, err)
}

// touch calls f with a view that stays mapped until f returns, and is no older than
// any that was loaded before the call. All that reads or writes bytes of an arena
// on behalf of a caller who need not hold a guard does it here. Panics after Free.
func (a *Arena) touch(f func(v *view)) {
	if a.domain == nil {
		f(a.load()) // All windows are kept.
		return
	}
	pin, err := a.domain.Pin()
	if err != nil {
		// Nobody can be kept waiting by a domain that is closed. Without mu no
		// window is left.
		a.mu.Lock()
		defer a.mu.Unlock()
		f(a.load())
		return
	}
	defer pin.Unpin() // Touching may fault; see CatchFault.
	v := a.viewOf(&pin)
	if v.window == nil {
		a.load() // Panics.
	}
	f(v)
}

// viewOf returns the view a pin protects: the very one that was published with
// the pinned version (exact rule), or the newest one, loaded after the pin
// (classic rule), which has no window after Free.
func (a *Arena) viewOf(pin *epoch.Guard) *view {
	if a.exact {
		return pin.Value().(*view)
	}
	return a.view.Load()
}

// Bytes returns what had been handed out, or written through a [Buffer], when g
// was pinned or last refreshed. Panics (nil dereference) if g is not pinned.
func (g *Guard) Bytes() []byte { return g.view.slice(0, g.n) }

// Alloc is Arena.Alloc with a slice that g protects. It refreshes g: slices
// obtained from it before may no longer be valid if the arena has moved.
func (g *Guard) Alloc(n int) ([]byte, error) {
	_, off, err := g.arena.alloc(n, 1)
	if err != nil {
		return nil, err
	}
	if err := g.Refresh(); err != nil {
		return nil, err
	}
	return g.view.slice(off, n), nil
}

// Refresh moves the guard to the newest bytes; what Bytes returned before may
// become invalid. While nothing has grown it costs one load. After an error, which
// is that of [Arena.Pin], the guard is unpinned.
func (g *Guard) Refresh() error {
	a := g.arena
	g.n = a.Len()
	if a.domain == nil {
		g.view = a.view.Load()
	} else {
		if err := g.pin.Refresh(); err != nil {
			g.view = nil
			return a.pinError(err)
		}
		g.view = a.viewOf(&g.pin)
	}
	if g.view.window == nil {
		g.Unpin()
		return a.pinError(epoch.ErrClosed)
	}
	return nil
}

// Unpin ends the protection. Where windows are retired, unpinning twice, also
// through a copy, panics.
func (g *Guard) Unpin() {
	g.view = nil
	if g.arena.domain != nil {
		g.pin.Unpin()
	}
}

// Read calls f with the newest bytes, pinned for the duration of the call: the
// form of Pin that cannot be forgotten to end. It returns the error of Pin, or f's.
func (a *Arena) Read(f func(b []byte) error) error {
	g, err := a.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	return f(g.Bytes())
}
