package epoch

import "fmt"

// A Guard is the token of one pin, four words that are passed by value. The
// zero Guard is unpinned. A Guard may move between goroutines, but a variable
// of it must not be used by two at once. Copies name the same pin: exactly one
// of them is unpinned or refreshed, and the others are then dead.
type Guard struct {
	d    *Domain
	slot *atomicUint64
	word uint64 // what Pin or Refresh left in the slot
	view *view  // what the version's value is; nil once unpinned through this variable
}

// Unpin ends the pin. It takes no lock and runs no Free: if this pin was the
// last to keep something retired, it wakes the goroutine that frees it. It
// panics if the guard is not pinned, or was unpinned or refreshed through a
// copy.
//
// Everything read under the guard happens before the free, because the scan
// that allows the free sees the word written here or a later one of the slot.
func (g *Guard) Unpin() {
	v := g.view
	if v == nil || v.lease != nil {
		g.unpinSlow()
		return
	}
	d, w := g.d, g.word
	if !g.slot.CompareAndSwap(w, freeWord(w)) {
		d.misuse("Unpin", g.slot, w)
	}
	g.view = nil
	// As left, by hand: one call less.
	if d.want.Load() > 0 {
		d.leftSlow(versionOf(w))
	}
}

// unpinSlow unpins a guard that has a lease, and panics for one that is not
// pinned.
//
//go:noinline
func (g *Guard) unpinSlow() {
	g.mustBePinned("Unpin")
	if !g.slot.CompareAndSwap(g.word, freeWord(g.word)) {
		g.d.misuse("Unpin", g.slot, g.word)
	}
	g.view.lease.end()
	g.view = nil
	g.d.left(versionOf(g.word))
}

// Refresh moves the pin to the newest version: as Unpin and Pin, but without
// giving up the slot, and for the price of one load when nothing was published
// since. What was read under the guard before must not be used after it. If the
// Domain is closed Refresh returns ErrClosed and the guard is unpinned. It
// panics like Unpin, except that a guard unpinned through a copy goes unnoticed
// while nothing new is published, unless the Domain is a Debug one.
func (g *Guard) Refresh() error {
	if v := g.view; v == nil || g.d.cur.Load() != v {
		return g.refreshSlow()
	}
	return nil
}

//go:noinline
func (g *Guard) refreshSlow() error {
	g.mustBePinned("Refresh")
	d, l := g.d, g.view.lease
	if d.debug && g.slot.Load() != g.word {
		d.misuse("Refresh", g.slot, g.word)
	}
	v, w := d.settle(g.slot, g.word)
	l.end()
	g.view = v
	if v == nil {
		return d.closeE
	}
	g.word = w
	if d.leases {
		g.lend(4) // Add, lend, refreshSlow, Refresh
	}
	return nil
}

// Value returns the value that was published with the pinned version, nil if
// the guard was unpinned through this variable.
func (g *Guard) Value() any {
	v := g.view
	if v == nil {
		return nil
	}
	if v.lease != nil {
		g.checkWord()
	}
	return v.value
}

// Version returns the pinned version, 0 if the guard was unpinned through this
// variable.
func (g *Guard) Version() uint64 {
	if g.view == nil {
		return 0
	}
	return versionOf(g.word)
}

// mustBePinned panics if the guard was unpinned through this variable.
func (g *Guard) mustBePinned(method string) {
	if g.d == nil {
		panic(fmt.Sprintf("epoch: %s of a Guard that Pin did not return", method))
	}
	if g.view == nil {
		g.d.misuse(method, g.slot, g.word)
	}
}

// checkWord panics if the slot no longer holds this pin.
//
//go:noinline
func (g *Guard) checkWord() {
	if g.slot.Load() != g.word {
		g.d.misuse("Value", g.slot, g.word)
	}
}

// misuse panics for a guard whose slot no longer holds its word w.
//
//go:noinline
func (d *Domain) misuse(method string, s *atomicUint64, w uint64) {
	now := s.Load()
	number := d.slotNumber(s)
	if number >= localBase {
		panic(fmt.Sprintf("epoch: %s of Local %d in domain %q, which another goroutine uses too", method, number-localBase, d.opts.Name))
	}
	state := "the slot is free"
	if now&activeBit != 0 {
		state = fmt.Sprintf("the slot now holds version %d", versionOf(now))
		if samePin(now, w) {
			state = fmt.Sprintf("the pin was refreshed to version %d", versionOf(now))
		}
	}
	panic(fmt.Sprintf("epoch: %s of a Guard in domain %q that is not pinned: slot %d, version %d (unpinned before, perhaps through a copy; %s)",
		method, d.opts.Name, number, versionOf(w), state))
}
