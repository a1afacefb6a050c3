package arena

import (
	"fmt"

	"github.com/growarena/growarena/internal/mapping"
)

// Guard pins a view of an arena: what Bytes returns is valid, in place and of the
// same length until Unpin or Refresh, however the arena grows meanwhile. From Free it protects
// only with Options.Retire or Options.Domain. A Guard is a small
// value; it may be kept across blocking calls and unpinned by another goroutine.
// It belongs to one goroutine at a time.
type Guard struct {
	arena *Arena
	n     int           // the arena's length, loaded before the view: no view is shorter
	held  mapping.Guard // A view.
}

// Pin returns a guard on the newest view. It takes no lock, makes no system call
// and allocates nothing. Its only error wraps epoch.ErrClosed: after Free, which a
// reader need not know of, or after Close of the domain.
func (a *Arena) Pin() (Guard, error) {
	n := a.Len()
	if v := a.mapping.Kept(); v != nil {
		return Guard{arena: a, n: n, held: mapping.Guard{View: v}}, nil
	}
	g := Guard{arena: a, n: n}
	if err := a.mapping.Pin(&g.held); err != nil {
		return Guard{}, a.pinError(err)
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
	if a.mapping.Domain == nil {
		f(a.load()) // All windows are kept.
		return
	}
	pin, err := a.mapping.Domain.Pin()
	if err != nil {
		// Nobody can be kept waiting by a domain that is closed. Without mu no
		// window is left.
		a.mu.Lock()
		defer a.mu.Unlock()
		f(a.load())
		return
	}
	defer pin.Unpin() // Touching may fault; see CatchFault.
	v := a.mapping.ViewOf(&pin)
	if v.Window == nil {
		a.load() // Panics.
	}
	f(v)
}

// Bytes returns what had been handed out, or written through a [Buffer], when g
// was pinned or last refreshed. Panics (nil dereference) if g is not pinned.
func (g *Guard) Bytes() []byte { return g.held.View.Slice(0, g.n) }

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
	return g.held.View.Slice(off, n), nil
}

// Refresh moves the guard to the newest bytes; what Bytes returned before may
// become invalid. While nothing has grown it costs one load. After an error, which
// is that of [Arena.Pin], the guard is unpinned.
func (g *Guard) Refresh() error {
	g.n = g.arena.Len()
	if err := g.arena.mapping.Refresh(&g.held); err != nil {
		return g.arena.pinError(err)
	}
	return nil
}

// Unpin ends the protection. Where windows are retired, unpinning twice, also
// through a copy, panics.
func (g *Guard) Unpin() { g.arena.mapping.Unpin(&g.held) }

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
