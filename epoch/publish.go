package epoch

import (
	"context"
	"fmt"
)

// Publish makes value the newest version and returns its number. What drop
// names lived until now; each is freed when no pinned version contains it.
// Publish does not wait for readers, and leaves the freeing to the reaper.
//
// With a limit on retired bytes it first frees what it can, on the caller, if
// drop would exceed it, and returns ErrRetired if that is not enough. On an
// error nothing was published and drop still belongs to the caller. Panics if
// a Birth is not below the new version.
func (d *Domain) Publish(value any, drop ...Retired) (version uint64, err error) {
	return d.publish("publish", func(any) any { return value }, drop, nil)
}

// PublishWait is Publish, except that where Publish returns ErrRetired it
// waits for readers to unpin, until ctx ends. It returns ErrRetired at once if
// drop alone exceeds the limit.
func (d *Domain) PublishWait(ctx context.Context, value any, drop ...Retired) (version uint64, err error) {
	return d.publish("publish", func(any) any { return value }, drop,
		func(room *gate) error { return room.wait(ctx) })
}

// Retire frees each r when no pin is left that is older than the call: it
// publishes a new version of the same value. Where Birth is not 0 the exact
// rule holds. Errors as for Publish.
func (d *Domain) Retire(r ...Retired) error {
	if len(r) == 0 {
		return nil
	}
	_, err := d.publish("retire", func(same any) any { return same }, r, nil)
	return err
}

// publish is Publish with the new value as a function of the old one, and with
// a way to wait for room; nil: do not.
func (d *Domain) publish(verb string, value func(old any) any, drop []Retired, wait func(room *gate) error) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Misuse leaves the Domain as it is, so it is looked for first.
	n := d.checkRetired(verb, d.version+1, drop)
	if err := d.makeRoomLocked(verb, n, wait); err != nil {
		return 0, err
	}
	d.version++
	// Unlink, then list. A pin that validates after this line cannot reach
	// what drop names; a pin that validated before it wrote its slot before,
	// and every scan from here on sees it (pin.go).
	d.cur.Store(&view{value: value(d.valueLocked()), version: d.version})
	d.addLocked(d.version, drop)
	if len(drop) > 0 {
		d.startReaperLocked()
	}
	return d.version, nil
}

// valueLocked returns the newest value.
func (d *Domain) valueLocked() any {
	if v := d.cur.Load(); v != nil {
		return v.value
	}
	return nil
}

// makeRoomLocked returns nil once a version that drops n bytes may be
// published. d.mu is held when it returns but not throughout.
//
// Bytes count until their Free is called, not until it returns: a Publish
// within a Free cannot wait for that Free, and at most one thing per goroutine
// is in that state.
func (d *Domain) makeRoomLocked(verb string, n int64, wait func(room *gate) error) error {
	limit := d.opts.MaxRetired
	for {
		if d.closed {
			return d.closeE
		}
		if d.version >= versionMax-1 {
			// One version is left for Shutdown.
			return fmt.Errorf("epoch: %s in %q: version %d is the last", verb, d.opts.Name, d.version)
		}
		if limit == 0 || n == 0 || n <= limit-d.held {
			return nil
		}
		if n <= limit {
			if len(d.ready) == 0 {
				d.collectLocked()
			}
			if len(d.ready) > 0 {
				d.runOneLocked()
				continue
			}
		}
		if wait == nil || n > limit {
			return fmt.Errorf("epoch: %s in %q, dropping %d bytes: %w: %d of %d bytes wait%s",
				verb, d.opts.Name, n, ErrRetired, d.held, limit, d.holdersLocked())
		}
		if d.room == nil {
			d.room = newGate()
		}
		room := d.room
		d.mu.Unlock()
		err := wait(room)
		d.mu.Lock()
		if err != nil {
			return fmt.Errorf("epoch: %s in %q, dropping %d bytes: %w: %w: %d of %d bytes wait%s",
				verb, d.opts.Name, n, err, ErrRetired, d.held, limit, d.holdersLocked())
		}
	}
}

// openRoomLocked lets those look again who wait for room.
func (d *Domain) openRoomLocked() {
	if d.room != nil {
		d.room.open()
		d.room = nil
	}
}
