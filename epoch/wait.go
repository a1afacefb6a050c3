package epoch

import (
	"context"
	"fmt"
	"io"
)

// A barrier is a Barrier call under way.
type barrier struct {
	order uint64 // it waits for what was retired with this number or below. Immutable.
	left  int    // how many of those are not Gone. Protected by Domain.mu.
	gate  *gate  // opened when left is 0.
}

// Synchronize waits until every guard pinned before the call has been unpinned
// or refreshed, or until ctx ends, whose error it then returns. Guards pinned
// later do not matter. It publishes a new version of the same value. A caller
// that holds a guard itself waits for ctx.
func (d *Domain) Synchronize(ctx context.Context) error {
	d.mu.Lock()
	if !d.closed {
		if d.version >= versionMax-1 {
			d.mu.Unlock()
			return fmt.Errorf("epoch: synchronize %q: version %d is the last", d.opts.Name, d.version)
		}
		// Pins from here on get the new version, so that a stream of them
		// cannot keep the old ones company for ever.
		d.version++
		d.cur.Store(&view{value: d.valueLocked(), version: d.version})
	}
	g := d.addGateLocked(d.version)
	d.collectLocked()
	d.startReaperLocked()
	d.mu.Unlock()

	err := g.wait(ctx)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeGateLocked(g)
	return fmt.Errorf("epoch: synchronize %q: %w%s", d.opts.Name, err, d.holdersLocked())
}

// Barrier waits until everything that was retired before the call has been
// freed, each Free having returned, or until ctx ends, whose error it then
// returns. What is retired later does not matter. It must not be called by a
// Free.
func (d *Domain) Barrier(ctx context.Context) error {
	d.mu.Lock()
	b := d.addBarrierLocked()
	d.mu.Unlock()

	err := b.gate.wait(ctx)
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeBarrierLocked(b)
	return fmt.Errorf("epoch: barrier %q: %w: %d of %d retired things not freed%s",
		d.opts.Name, err, b.left, d.pending, d.holdersLocked())
}

// addBarrierLocked returns a barrier for what is retired now. I3 sees to it
// that somebody frees it.
func (d *Domain) addBarrierLocked() *barrier {
	b := &barrier{order: d.orders, left: d.pending, gate: newGate()}
	if b.left == 0 {
		b.gate.open()
	} else {
		d.waits = append(d.waits, b)
	}
	return b
}

// removeBarrierLocked takes b back, if it is still shut.
func (d *Domain) removeBarrierLocked(b *barrier) {
	for i := range d.waits {
		if d.waits[i] == b {
			d.waits = append(d.waits[:i], d.waits[i+1:]...)
			return
		}
	}
}

var _ io.Closer = (*Domain)(nil)

// Close ends the Domain and does not wait for readers: Pin, Refresh and Publish
// return ErrClosed from here on, and what no guard pins is freed, on the caller.
// If guards are pinned the error wraps ErrPinned and names them; what they hold is
// freed when the last of them is unpinned, and nobody has to call Close again. It
// may be called again, to see what is left. What the last value contained was not
// retired, so Close frees nothing of that: see [Domain.Shutdown].
func (d *Domain) Close() error {
	g, b := d.beginShutdown(nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	if pinned := d.endWaitLocked(g, b); pinned != nil {
		return fmt.Errorf("epoch: close %q: %w", d.opts.Name, pinned)
	}
	return nil
}

// Shutdown ends the Domain as Close does, and waits until no guard is pinned and
// everything retired has been freed. drop names what the last value contained; it
// is retired regardless of MaxRetired. If ctx ends before, the error wraps ctx's
// and, if guards are pinned, ErrPinned and names them; what they hold stays and is
// freed when they are unpinned.
//
// Shutdown may be called again, also after Close, to wait again or to retire more.
func (d *Domain) Shutdown(ctx context.Context, drop ...Retired) error {
	g, b := d.beginShutdown(drop)
	err := g.wait(ctx)
	if err == nil {
		err = b.gate.wait(ctx)
	}
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if pinned := d.endWaitLocked(g, b); pinned != nil {
		return fmt.Errorf("epoch: shut down %q: %w: %w", d.opts.Name, err, pinned)
	}
	return fmt.Errorf("epoch: shut down %q: %w: %d things are still being freed", d.opts.Name, err, d.pending)
}

// endWaitLocked takes back what beginShutdown has returned, and returns an error
// that names the guards pinned, nil if there are none.
func (d *Domain) endWaitLocked(g *gate, b *barrier) error {
	d.removeGateLocked(g)
	d.removeBarrierLocked(b)
	d.collectLocked()
	d.startReaperLocked()
	d.scanLocked()
	if len(d.pins) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d, %d bytes wait%s", ErrPinned, len(d.pins), d.pendingBytes, d.holdersLocked())
}

// beginShutdown closes the Domain, if it is open, retires drop and frees what it
// can. It returns what opens when no guard is pinned, and when everything
// retired is freed.
func (d *Domain) beginShutdown(drop []Retired) (*gate, *barrier) {
	d.mu.Lock()
	defer d.mu.Unlock()
	version := d.version
	if !d.closed {
		version++
	}
	d.checkRetired("shut down", version, drop)
	if !d.closed {
		d.closed = true
		d.version = version
		// As in publish: unlink, then list. A pin that finds nil when it
		// validates gives its slot back.
		d.cur.Store(nil)
		d.openRoomLocked()
	}
	d.addLocked(version, drop)
	g := d.addGateLocked(version)
	b := d.addBarrierLocked()
	d.runLocked(d.collectLocked)
	d.startReaperLocked()
	return g, b
}
