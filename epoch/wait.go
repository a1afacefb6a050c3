package epoch

import (
	"context"
	"fmt"
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

// Close ends the Domain: Pin, Refresh and Publish return ErrClosed from here
// on. drop names what the last value contained; it is retired regardless of
// MaxRetired. Close frees what it can, on the caller, and then waits until no
// guard is pinned and everything retired has been freed. If ctx ends before,
// it returns an error that wraps ctx's and, if guards are pinned, ErrPinned and
// names them; what they hold stays and is freed when they are unpinned.
//
// Close may be called again, to wait again or to retire more.
func (d *Domain) Close(ctx context.Context, drop ...Retired) error {
	g, b := d.beginClose(drop)
	err := g.wait(ctx)
	if err == nil {
		err = b.gate.wait(ctx)
	}
	if err == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeGateLocked(g)
	d.removeBarrierLocked(b)
	d.collectLocked()
	d.startReaperLocked()
	d.scanLocked()
	if len(d.pins) > 0 {
		return fmt.Errorf("epoch: close %q: %w: %w: %d, %d bytes wait%s",
			d.opts.Name, err, ErrPinned, len(d.pins), d.pendingBytes, d.holdersLocked())
	}
	return fmt.Errorf("epoch: close %q: %w: %d things are still being freed", d.opts.Name, err, d.pending)
}

// beginClose closes the Domain, if it is open, retires drop and frees what it
// can. It returns what opens when no guard is pinned, and when everything
// retired is freed.
func (d *Domain) beginClose(drop []Retired) (*gate, *barrier) {
	d.mu.Lock()
	defer d.mu.Unlock()
	version := d.version
	if !d.closed {
		version++
	}
	d.checkRetired("close", version, drop)
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
