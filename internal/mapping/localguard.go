package mapping

import "github.com/growarena/growarena/epoch"

// LocalGuard is a [Guard] for one goroutine that pins again and again: its pin is an
// [epoch.Local]. Pins nest. Make one with [Mapping.NewLocalGuard].
type LocalGuard struct {
	View   *View // nil when not pinned
	m      *Mapping
	pin    *epoch.Local // nil where old windows are kept.
	nested int          // pins within the pin
}

// NewLocalGuard returns a LocalGuard that is not pinned. Safe for concurrent use.
func (m *Mapping) NewLocalGuard() LocalGuard {
	g := LocalGuard{m: m}
	if m.Domain != nil {
		g.pin = m.Domain.NewLocal()
	}
	return g
}

// Pin makes g a guard of the newest view; within a pin it keeps that one's. Errors are
// those of [Mapping.Pin], and there is none within a pin.
func (g *LocalGuard) Pin() error {
	if g.View != nil {
		g.nested++
		return nil
	}
	if g.pin == nil {
		if g.View = g.m.Kept(); g.View == nil {
			return epoch.ErrClosed
		}
		return nil
	}
	value, err := g.pin.Pin()
	if err != nil {
		return err
	}
	return g.hold(g.m.viewOf(value))
}

// hold keeps v, which is pinned, if there is something to be seen in it.
func (g *LocalGuard) hold(v *View) error {
	if v.Window == nil {
		g.View = nil
		if g.pin != nil {
			g.pin.Unpin() // It would hold what others retire in the domain, for good.
		}
		return epoch.ErrClosed
	}
	g.View = v
	return nil
}

// Refresh moves g to the newest view. While nothing has grown it costs a load or two. After
// an error, which is that of Pin, g is not pinned.
//
// Preconditions: g is pinned once.
func (g *LocalGuard) Refresh() error {
	if g.pin == nil {
		return g.hold(g.m.view.Load())
	}
	if err := g.pin.Refresh(); err != nil {
		g.View = nil
		return err
	}
	return g.hold(g.m.viewOf(g.pin.Value()))
}

// Unpin ends the pin, or the innermost of several.
//
// Preconditions: g is pinned.
func (g *LocalGuard) Unpin() {
	if g.nested > 0 {
		g.nested--
		return
	}
	g.View = nil
	if g.pin != nil {
		g.pin.Unpin()
	}
}

// Pins returns how many pins have not ended.
func (g *LocalGuard) Pins() int {
	if g.View == nil {
		return 0
	}
	return 1 + g.nested
}

// Close gives back what the domain keeps for g, which is of no use afterwards.
//
// Preconditions: g is not pinned.
func (g *LocalGuard) Close() error {
	if g.pin == nil {
		return nil
	}
	return g.pin.Close()
}
