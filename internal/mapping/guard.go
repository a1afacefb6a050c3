package mapping

import (
	"io"

	"github.com/growarena/growarena/epoch"
)

// Guard is a view that is pinned: its bytes are there until Unpin or Refresh, beside Shut
// only where windows are retired. The zero value is not pinned. A Guard may be copied, and
// belongs to one goroutine at a time.
type Guard struct {
	View *View       // nil when not pinned
	pin  epoch.Guard // Unused where old windows are kept.
}

// Kept returns the newest view where old windows are kept, and nil where they are retired, or
// after Shut: Guard{View: m.Kept()} is then what Pin makes, for callers that count
// nanoseconds. Safe for concurrent use.
func (m *Mapping) Kept() *View {
	if v := m.view.Load(); m.Domain == nil && v.Window != nil {
		return v
	}
	return nil
}

// Pin makes g, which is not pinned, a guard of the newest view. It takes no lock, makes no
// system call and allocates nothing. Its only error wraps epoch.ErrClosed: after Shut, or
// after Close of the domain; g is not pinned then. Safe for concurrent use.
func (m *Mapping) Pin(g *Guard) error {
	if m.Domain == nil {
		if g.View = m.Kept(); g.View == nil {
			return epoch.ErrClosed
		}
		return nil
	}
	pin, err := m.Domain.Pin()
	if err != nil {
		return err
	}
	v := m.ViewOf(&pin)
	if v.Window == nil {
		pin.Unpin() // It would hold what others retire in the domain, for good.
		return epoch.ErrClosed
	}
	g.View, g.pin = v, pin
	return nil
}

// Refresh moves g to the newest view. While nothing has grown it costs one load. After an
// error, which is that of Pin, g is not pinned. Safe for concurrent use.
func (m *Mapping) Refresh(g *Guard) error {
	if m.Domain == nil {
		g.View = m.view.Load()
	} else {
		if err := g.pin.Refresh(); err != nil {
			g.View = nil
			return err
		}
		g.View = m.ViewOf(&g.pin)
	}
	if g.View.Window == nil {
		m.Unpin(g)
		return epoch.ErrClosed
	}
	return nil
}

// Unpin ends the protection. Where windows are retired, unpinning twice, also through a
// copy, panics. Safe for concurrent use.
func (m *Mapping) Unpin(g *Guard) {
	g.View = nil
	if m.Domain != nil {
		g.pin.Unpin()
	}
}

// ReadAt copies from off on of the first n bytes, as io.ReaderAt has it.
//
// Preconditions: g is pinned; 0 <= off; n <= g.View.Cap.
func (g *Guard) ReadAt(p []byte, off int64, n int) (copied int, err error) {
	if off < int64(n) {
		copied = copy(p, g.View.Slice(int(off), n-int(off)))
	}
	if copied < len(p) {
		return copied, io.EOF
	}
	return copied, nil
}
