package epoch

import (
	"fmt"
	"io"
)

// A Local is the pin of one goroutine that pins again and again. Its slot is its
// own, so a pin is one atomic store and a load, and ends with another store, where
// [Domain.Pin] and Unpin look for a slot and are two compare-and-swaps. Close gives
// the slot back.
//
// A Local is used by one goroutine at a time. It may be handed to another, pinned
// or not, in any way that orders the two, such as a channel. In a Debug domain
// each pin is checked, and two goroutines that use it at once are noticed; elsewhere
// only the race detector sees that.
//
// Pins nest: a Pin within a pin is of the same version, and the pin ends with the
// Unpin of the outermost. A Local that is forgotten costs its 128 bytes and a look
// in each scan until its Domain goes.
type Local struct {
	d      *Domain      // the Domain; noDomain when closed. Owner only.
	slot   atomicUint64 // Written by the owner, read by scans (atomic).
	word   uint64       // what the last pin left in the slot. Owner only.
	view   *view        // the pinned version; nil when not pinned. Owner only.
	nested int          // pins within the pin. Owner only.
	of     *Domain      // the Domain, also when closed. Immutable.
	number int          // its place in Domain.locals. Immutable.

	trace atomicPointer[trace] // who pinned, in a domain that traces. Written by the owner, read by scans (atomic).

	// To two cache lines, of which no other Local has a part.
	_ [64]byte
}

// localBase is the number of the first Local's slot, behind those of all tables.
const localBase = 1 << 30

// noDomain is what a closed Local pins in: it is closed, so that Pin looks closer.
var noDomain = &Domain{}

// NewLocal returns a Local that is not pinned. It takes the Domain's lock.
//
// Scans find Locals in a list that the lock protects. A Local that a scan does
// not find is made after the scan, and so after the unlinking that the scan is
// for: it pins a version without what the scan frees.
func (d *Domain) NewLocal() *Local {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &Local{d: d, of: d, number: -1}
	for i, other := range d.locals {
		if other == nil {
			l.number = i
			break
		}
	}
	if l.number < 0 {
		l.number = len(d.locals)
		d.locals = append(d.locals, nil)
	}
	d.locals[l.number] = l
	return l
}

// Pin pins the newest version and returns its value, which must not be touched
// after the Unpin or Refresh that ends the pin. Within a pin it returns the value
// that is pinned already. It does not wait. Its only error is ErrClosed, and there
// is none within a pin. It panics if the Local is closed.
//
// As Domain.Pin, with a store, as nobody else writes the slot: the version is
// written, and then looked at again.
func (l *Local) Pin() (any, error) {
	d := l.d
	v := d.cur.Load()
	if v == nil || l.view != nil || d.traced.Load() != 0 {
		return l.pinSlow()
	}
	w := nextWord(l.word, v.version)
	l.slot.Store(w)
	if d.cur.Load() != v {
		return l.settle(w)
	}
	l.word, l.view = w, v
	return v.value, nil
}

// pinSlow pins within a pin, when pins are traced, or finds the Domain or the
// Local closed.
//
//go:noinline
func (l *Local) pinSlow() (any, error) {
	d := l.of
	if l.d == noDomain {
		panic(fmt.Sprintf("epoch: Pin of a Local in domain %q that is closed", d.opts.Name))
	}
	if l.view != nil {
		l.check()
		l.nested++
		return l.view.value, nil
	}
	v := d.cur.Load()
	if v == nil {
		return nil, d.closeE
	}
	w := nextWord(l.word, v.version)
	l.write(w)
	if d.traced.Load() != 0 {
		l.trace.Store(traceOf(w, 3)) // traceOf, pinSlow and Pin
	}
	value, err := l.settle(w)
	if err == nil && d.opts.Profile {
		pinsProfile().Add(l, 3) // Add, pinSlow, Pin
	}
	return value, err
}

// settle takes the slot, which holds w, from Claimed to Pinned.
//
//go:noinline
func (l *Local) settle(w uint64) (any, error) {
	l.word = w // of which settle keeps the number, whatever comes
	v, w := l.of.settle(&l.slot, w)
	if v == nil {
		return nil, l.of.closeE
	}
	l.word, l.view = w, v
	return v.value, nil
}

// Unpin ends the pin, or the innermost of several. It takes no lock and runs no
// Free. It panics if the Local is not pinned.
func (l *Local) Unpin() {
	d := l.d
	if l.view == nil || l.nested != 0 || d.leases {
		l.unpinSlow()
		return
	}
	w := l.word
	l.view = nil
	l.slot.Store(freeWord(w))
	if d.want.Load() > 0 {
		d.leftSlow(versionOf(w))
	}
}

//go:noinline
func (l *Local) unpinSlow() {
	l.mustBePinned("Unpin")
	l.check()
	if l.nested > 0 {
		l.nested--
		return
	}
	l.view = nil
	if l.of.opts.Profile {
		pinsProfile().Remove(l)
	}
	w := l.word
	l.write(freeWord(w))
	l.of.left(versionOf(w))
}

// Refresh moves the pin to the newest version, as Unpin and Pin, for the price of
// one load when nothing was published since. What was read before must not be
// used after it. If the Domain is closed it returns ErrClosed, and the Local is
// not pinned any more. It panics if the Local is not pinned, and within another
// pin, whose value would go.
func (l *Local) Refresh() error {
	if v := l.view; v == nil || l.nested != 0 || l.d.cur.Load() != v {
		return l.refreshSlow()
	}
	return nil
}

//go:noinline
func (l *Local) refreshSlow() error {
	l.mustBePinned("Refresh")
	if l.nested > 0 {
		panic(fmt.Sprintf("epoch: Refresh of a Local in domain %q within %d pins of it", l.of.opts.Name, l.nested))
	}
	l.check()
	l.view = nil
	_, err := l.settle(l.word)
	if err != nil && l.of.opts.Profile {
		pinsProfile().Remove(l)
	}
	return err
}

// Value returns the value of the pinned version, nil if the Local is not pinned.
func (l *Local) Value() any {
	if l.view == nil {
		return nil
	}
	return l.view.value
}

// Version returns the pinned version, 0 if the Local is not pinned.
func (l *Local) Version() uint64 {
	if l.view == nil {
		return 0
	}
	return l.view.version
}

// Read calls f with the newest published value, pinned until f returns, and
// returns f's error. Errors and panics as for Pin.
func (l *Local) Read(f func(value any) error) error {
	v, err := l.Pin()
	if err != nil {
		return err
	}
	defer l.Unpin()
	return f(v)
}

var _ io.Closer = (*Local)(nil)

// Close gives the slot back. The Local is of no use afterwards. The error is nil:
// nothing can be left. Close may be called twice, and after the Domain was closed.
// It panics if the Local is pinned.
func (l *Local) Close() error {
	d := l.of
	if l.view != nil {
		panic(fmt.Sprintf("epoch: Close of a Local in domain %q that is pinned at version %d", d.opts.Name, l.view.version))
	}
	if l.d == noDomain {
		return nil
	}
	l.d = noDomain
	d.mu.Lock()
	defer d.mu.Unlock()
	d.locals[l.number] = nil
	for n := len(d.locals); n > 0 && d.locals[n-1] == nil; n-- {
		d.locals = d.locals[:n-1]
	}
	return nil
}

// mustBePinned panics if the Local is not pinned.
func (l *Local) mustBePinned(method string) {
	if l.view == nil {
		panic(fmt.Sprintf("epoch: %s of a Local in domain %q that is not pinned", method, l.of.opts.Name))
	}
}

// write writes w in place of what the Local's last pin or unpin has left. In a
// Debug domain it panics if that is not there.
func (l *Local) write(w uint64) {
	if !l.of.debug {
		l.slot.Store(w)
		return
	}
	old := l.word
	if w&activeBit != 0 {
		old = freeWord(old)
	}
	if !l.slot.CompareAndSwap(old, w) {
		l.of.misuse("Pin", &l.slot, old)
	}
}

// check panics, in a Debug domain, if the slot does not hold the Local's pin.
func (l *Local) check() {
	if l.of.debug && l.slot.Load() != l.word {
		l.of.misuse("Pin", &l.slot, l.word)
	}
}
