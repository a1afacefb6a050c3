package epoch

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
