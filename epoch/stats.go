package epoch

import (
	"cmp"
	"fmt"
	"slices"
)

// Stats is a Domain's state at one moment.
type Stats struct {
	Version uint64 // the newest version
	Pinned  int    // guards and Locals pinned
	Slots   int    // slots in all tables; grows with the pins held at once
	Locals  int    // Locals not closed

	Retired      int    // things retired and not freed: their Free has not returned
	RetiredBytes int64  // their bytes
	Freed        uint64 // things ever freed
	FreedBytes   int64  // their bytes

	// Stalled are the pins that have kept something from being freed for at
	// least Options.StallAfter. Readers do not note the time: an age counts
	// from the first scan that saw the pin hold something. The reaper scans
	// soon after each retirement, and Stats scans too.
	Stalled []Stall

	// Lost are the first guards found lost, in a Debug domain.
	Lost []Stall

	Closed bool // Close or Shutdown was called.
}

// Stats looks at all slots and returns the state.
func (d *Domain) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waitingLocked() > 0 {
		// This is also what notes the pins' ages.
		d.collectLocked()
		d.startReaperLocked()
	}
	stalled := d.stalledNowLocked()
	d.scanLocked()
	locals := 0
	for _, l := range d.locals {
		if l != nil {
			locals++
		}
	}
	return Stats{
		Version:      d.version,
		Pinned:       len(d.pins),
		Slots:        d.slotsLen(),
		Locals:       locals,
		Retired:      d.pending,
		RetiredBytes: d.pendingBytes,
		Freed:        d.freed,
		FreedBytes:   d.freedBytes,
		Stalled:      stalled,
		Lost:         append([]Stall(nil), d.lost...),
		Closed:       d.closed,
	}
}

// stalledNowLocked returns all pins that count as stalled, reported or not.
func (d *Domain) stalledNowLocked() []Stall {
	if d.waitingLocked() == 0 {
		return nil
	}
	var stalls []Stall
	t := now()
	for i := range d.pins {
		p := &d.pins[i]
		if p.since == 0 || t-p.since < d.opts.StallAfter {
			continue
		}
		d.traced.Store(1)
		stalls = append(stalls, d.stallLocked(p, t))
	}
	return stalls
}

// Pins returns up to n of the pins of this moment: those that keep something from being
// freed first, by how long they have done so, then those of the oldest versions. Age and Bytes
// are 0 of a pin that keeps nothing; see [Stats] for what Age counts. Panics if n is
// negative.
func (d *Domain) Pins(n int) []Stall {
	if n < 0 {
		panic(fmt.Sprintf("epoch: Pins of %q: n is %d, want 0 or more", d.opts.Name, n))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waitingLocked() > 0 {
		d.collectLocked()
		d.startReaperLocked()
	}
	d.scanLocked()
	// The first n in order, as a few of very many are wanted.
	var first []pinned
	for _, p := range d.pins {
		at, _ := slices.BinarySearchFunc(first, p, pinsBefore)
		if at < n {
			first = slices.Insert(first[:min(len(first), n-1)], at, p)
		}
	}
	t := now()
	list := make([]Stall, len(first))
	for i := range first {
		list[i] = d.stallLocked(&first[i], t)
	}
	return list
}

// pinsBefore compares pins in the order of Pins.
func pinsBefore(p, q pinned) int {
	if p.since == 0 != (q.since == 0) {
		if p.since == 0 {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(p.since, q.since), cmp.Compare(versionOf(p.word), versionOf(q.word)), cmp.Compare(p.slot, q.slot))
}

// Name returns the name from the options.
func (d *Domain) Name() string { return d.opts.Name }
