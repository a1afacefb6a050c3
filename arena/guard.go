package arena

import (
	"context"

	"github.com/growarena/growarena/addrspace"
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
// and allocates nothing. The error is epoch.ErrClosed after Free with
// Options.Retire, or after Close of a shared domain; without a domain there is
// nothing to fail and nothing to wait for.
func (a *Arena) Pin() (Guard, error) {
	n := a.Len()
	if a.domain == nil {
		return Guard{arena: a, view: a.load(), n: n}, nil
	}
	pin, err := a.domain.Pin()
	if err != nil {
		return Guard{}, err
	}
	v := a.viewOf(&pin)
	if v.window == nil {
		pin.Unpin() // It would hold what others retire in the domain, for good.
		a.load()    // Panics: after Free.
	}
	return Guard{arena: a, view: v, n: n, pin: pin}, nil
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
// become invalid. While nothing has grown it costs one load. After an error
// (epoch.ErrClosed) the guard is unpinned.
func (g *Guard) Refresh() error {
	g.n = g.arena.Len()
	if g.arena.domain == nil {
		g.view = g.arena.load()
		return nil
	}
	if err := g.pin.Refresh(); err != nil {
		g.view = nil
		return err
	}
	v := g.arena.viewOf(&g.pin)
	if v.window == nil {
		g.arena.load() // Panics: after Free. The guard stays pinned, its owner knows it.
	}
	g.view = v
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
// form of Pin that cannot be forgotten to end.
func (a *Arena) Read(f func(b []byte) error) error {
	g, err := a.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	return f(g.Bytes())
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
