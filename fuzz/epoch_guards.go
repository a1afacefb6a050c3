package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/growarena/growarena/epoch"
)

func (e *epochRun) opPin() error {
	if len(e.guards) >= epochGuards {
		return nil
	}
	least := e.newest()
	g, err := e.d.Pin()
	if e.closed {
		return wantError(err, epoch.ErrClosed)
	}
	if err != nil {
		return err
	}
	if err := e.published(g.Version(), least); err != nil || g.Value() != e.value {
		_ = panicText(g.Unpin)
		return errors.Join(err, fmt.Errorf("pinned value %v, want %v", g.Value(), e.value))
	}
	p := &epochPin{version: g.Version(), value: e.value}
	e.mu.Lock()
	e.pins[p] = struct{}{}
	e.mu.Unlock()
	e.guards = append(e.guards, &epochGuard{Guard: g, pin: p, version: p.version, value: p.value})
	return nil
}

// pick returns one of the guards, or nil.
func (e *epochRun) pick() *epochGuard {
	if len(e.guards) == 0 {
		return nil
	}
	return e.guards[e.in.below(len(e.guards))]
}

// forget drops a variable.
func (e *epochRun) forget(g *epochGuard) {
	i := slices.Index(e.guards, g)
	e.guards[i] = e.guards[len(e.guards)-1]
	e.guards = e.guards[:len(e.guards)-1]
}

// pinned reports whether g's variable still names its pin.
func (e *epochRun) pinned(g *epochGuard) bool {
	_, ok := e.pins[g.pin]
	return ok && !g.done && g.moves == g.pin.moves
}

// unpinModel ends a pin in the model. That is done first, since what the pin
// keeps may be freed before Unpin returns.
func (e *epochRun) unpinModel(p *epochPin) {
	e.mu.Lock()
	delete(e.pins, p)
	e.mu.Unlock()
}

func (e *epochRun) opUnpin() error {
	g := e.pick()
	if g == nil {
		return nil
	}
	err := e.unpin(g)
	if g.done && e.in.below(4) > 0 {
		e.forget(g)
	}
	return err
}

// unpin unpins through g, which panics if the pin is not g's any more.
func (e *epochRun) unpin(g *epochGuard) error {
	if !e.pinned(g) {
		return e.wantMisuse(g, "Unpin", g.Unpin)
	}
	e.unpinModel(g.pin)
	g.Unpin()
	g.done, g.version, g.value = true, 0, nil
	return e.look(g)
}

// wantMisuse checks that f panics for g.
func (e *epochRun) wantMisuse(g *epochGuard, method string, f func()) error {
	if text := panicText(f); !strings.HasPrefix(text, "epoch: "+method+" of a Guard") {
		return fmt.Errorf("%s of a guard that is not pinned: panic %q (of version %d, unpinned by itself: %v)", method, text, g.version, g.done)
	}
	return nil
}

// panicText returns what f panics with, as text, or "".
func panicText(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// look compares what g says with the model.
func (e *epochRun) look(g *epochGuard) error {
	if v := g.Version(); v != g.version {
		return fmt.Errorf("a guard says it is of version %d, want %d", v, g.version)
	}
	if e.leased && !g.done && !e.pinned(g) {
		return e.wantMisuse(g, "Value", func() { g.Value() })
	}
	if v := g.Value(); v != g.value {
		return fmt.Errorf("a guard says the value is %v, want %v", v, g.value)
	}
	return nil
}

func (e *epochRun) opRefresh() error {
	g := e.pick()
	if g == nil {
		return nil
	}
	if !e.pinned(g) {
		if !g.done && !e.debug && !e.closed && g.version == e.version {
			return nil // goes unnoticed while nothing new is published
		}
		return e.wantMisuse(g, "Refresh", func() { _ = g.Refresh() })
	}
	if e.closed {
		e.unpinModel(g.pin)
		err := g.Refresh()
		g.done, g.version, g.value = true, 0, nil
		return errors.Join(wantError(err, epoch.ErrClosed), e.look(g))
	}
	// It pins nothing while it moves, as far as the model can tell.
	e.unpinModel(g.pin)
	least := e.newest()
	if err := g.Refresh(); err != nil {
		return err
	}
	version := g.Version()
	if err := e.published(version, least); err != nil {
		return err
	}
	if g.pin.version != version {
		g.pin.moves++
	}
	g.pin.version, g.pin.value = version, e.value
	e.mu.Lock()
	e.pins[g.pin] = struct{}{}
	e.mu.Unlock()
	g.moves, g.version, g.value = g.pin.moves, version, e.value
	if e.leased {
		// The copies are dead, and some would not notice.
		e.guards = slices.DeleteFunc(e.guards, func(c *epochGuard) bool { return c != g && c.pin == g.pin })
	}
	return e.look(g)
}

func (e *epochRun) opCopy() error {
	g := e.pick()
	if g == nil || len(e.guards) >= epochGuards {
		return nil
	}
	c := *g
	e.guards = append(e.guards, &c)
	return e.look(&c)
}

// opPinMany pins more often than there are slots.
func (e *epochRun) opPinMany() error {
	for range 1 + e.in.below(40) {
		if err := e.opPin(); err != nil {
			return err
		}
	}
	return nil
}

// opUnpinMany unpins without waiting in between for what that frees.
func (e *epochRun) opUnpinMany() error {
	for range 1 + e.in.below(40) {
		if err := e.opUnpin(); err != nil {
			return err
		}
	}
	return nil
}
