package epoch

import (
	"slices"
	"sort"
)

// scanning is the countdown's value while a scan runs: so high that no number
// of unpins brings it to zero.
const scanning = 1 << 60

// collectLocked takes from Waiting to Ready what no pinned version contains,
// and arranges that the rest is looked at again when that may help.
//
// The countdown. Looking again at every unpin would make the unpinning of n
// held pins cost n². Instead a scan that leaves something waiting counts the
// pins that may be why, and asks for half of them to end before the next scan.
// Every such pin, when it ends, either finds the countdown or ended before the
// scan looked at it, so the count is reached without any further call: after
// n, n/2, n/4 ... unpins, in all O(n).
//
// The countdown runs from before the scan, with a start no unpins can use up,
// so that the pins that end between the scan's reading them and its counting
// them are not missed. If those alone are enough it scans again.
func (d *Domain) collectLocked() {
	for d.waitingLocked() > 0 {
		// What waits is fixed from here on (mu is held). maxDeath comes
		// before the countdown, as unpins read them the other way round.
		d.maxDeath.Store(d.maxDeathLocked())
		d.want.Store(scanning)
		d.scanLocked()
		d.sortOutLocked()
		if d.waitingLocked() == 0 {
			break
		}
		maxDeath := d.maxDeathLocked()
		d.maxDeath.Store(maxDeath)
		d.noteLocked()
		n := int64(0)
		for i := range d.pins {
			if versionOf(d.pins[i].word) < maxDeath {
				n++
			}
		}
		if n == 0 {
			panic("epoch: BUG: something waits for no pin")
		}
		n = (n + 1) / 2
		if d.want.Add(n-scanning) > 0 {
			return
		}
	}
	d.want.Store(0)
}

// scanLocked reads all slots into d.pins and their versions into d.seen.
//
// Preconditions: d.mu is held, so that what the scan is for is fixed and was
// unlinked before.
//
// A slot that holds a version is seen, unless it was written after the scan
// read it; but then its pin validates later than the unlinking and does not
// keep the version. The list of tables is loaded first: a table that is not in
// it had no claimed word then, and the same holds for its pins.
func (d *Domain) scanLocked() {
	// There will be about as many pins as last time.
	d.pins, d.prev = slices.Grow(d.prev[:0], len(d.pins)), d.pins
	d.seen = d.seen[:0]
	d.scans++
	list := d.over.Load()
	for i := range d.slots {
		d.sawLocked(i, d.slots[i].word.Load())
	}
	if list != nil {
		for _, t := range *list {
			// A table is there because the one before was full: grow in
			// few steps, as each copies all and touches fresh pages.
			d.pins = slices.Grow(d.pins, len(t.words)/4)
			for i := range t.words {
				d.sawLocked(t.base+i, t.words[i].Load())
			}
		}
	}
	for i, l := range d.locals {
		if l != nil {
			d.sawLocked(localBase+i, l.slot.Load())
		}
	}
	slices.Sort(d.seen)
	d.seen = slices.Compact(d.seen)
	d.rememberLocked()
}

// sawLocked records that slot i held the word w.
func (d *Domain) sawLocked(i int, w uint64) {
	if w&activeBit == 0 {
		return
	}
	d.pins = append(d.pins, pinned{slot: int32(i), word: w})
	// Most pins are of one version: leave the sort little to do.
	v := versionOf(w)
	if n := len(d.seen); n == 0 || d.seen[n-1] != v {
		d.seen = append(d.seen, v)
	}
}

// sortOutLocked takes what waits to Ready, except what a version in d.seen
// contains.
func (d *Domain) sortOutLocked() {
	// Deaths ascend, so what the oldest pin does not hold is a prefix.
	n := len(d.classic)
	if len(d.seen) > 0 {
		n = sort.Search(n, func(i int) bool { return d.classic[i].death > d.seen[0] })
	}
	for i := range d.classic[:n] {
		d.readyLocked(d.classic[i])
	}
	d.classic = popN(d.classic, n)

	kept := d.exact[:0]
	for _, e := range d.exact {
		if d.heldLocked(e) {
			kept = append(kept, e)
		} else {
			d.readyLocked(e)
		}
	}
	clear(d.exact[len(kept):])
	d.exact = kept
}

// heldLocked reports whether a version in d.seen lies in [birth, death) of e.
func (d *Domain) heldLocked(e entry) bool {
	i, _ := slices.BinarySearch(d.seen, e.Birth)
	return i < len(d.seen) && d.seen[i] < e.death
}

// readyLocked takes e from Waiting to Ready; a gate opens.
func (d *Domain) readyLocked(e entry) {
	if e.gate != nil {
		e.gate.open()
		return
	}
	d.ready = append(d.ready, e)
}

// popN returns q without its first n entries, and forgets those so that their
// Free functions can be collected. An empty queue starts over, which keeps it
// from wandering through memory.
func popN(q []entry, n int) []entry {
	clear(q[:n])
	if n == len(q) {
		return q[:0]
	}
	return q[n:]
}
