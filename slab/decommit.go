package slab

import (
	"errors"
	"fmt"
	"math/bits"
)

const (
	// keepShare and keepMin say how much free memory is kept for what comes: a
	// 32nd of what is in use, and two huge pages.
	keepShare = 32
	keepMin   = 4 << 20
)

// keepPages is how many free pages may keep their memory.
func (a *Allocator) keepPages() int { return max(a.pages.used/keepShare, keepMin/pageSize) }

// soiledIn calls f for each word of the bitmaps that covers part of [page, page+n),
// with a mask of that part.
func (r *region) soiledIn(page, n int, f func(soiled, stale *uint64, mask uint64)) {
	for end := page + n; page < end; {
		k := min(64-page%64, end-page)
		c, i := r.chunk(page)
		f(&c.soiled[i/64], &c.stale[i/64], ^uint64(0)>>(64-k)<<(page%64))
		page += k
	}
}

// soilLocked notes that pages may have memory, and old bytes in it.
func (r *region) soilLocked(page, n int) {
	r.soiledIn(page, n, func(soiled, stale *uint64, mask uint64) {
		*soiled |= mask
		*stale |= mask
	})
}

// preparedLocked notes that pages may have memory, which is zero: the arena may have
// prepared it.
func (r *region) preparedLocked(page, n int) {
	r.soiledIn(page, n, func(soiled, _ *uint64, mask uint64) { *soiled |= mask })
}

// cleanLocked notes that pages have no memory, or that it does not matter because
// they are in use, and returns how many it was noted of that they may.
func (r *region) cleanLocked(page, n int) (dirt int) {
	r.soiledIn(page, n, func(soiled, stale *uint64, mask uint64) {
		dirt += bits.OnesCount64(*soiled & mask)
		*soiled &^= mask
		*stale &^= mask
	})
	return dirt
}

// dirtLocked returns how many of the pages may have memory.
func (r *region) dirtLocked(page, n int) (dirt int) {
	r.soiledIn(page, n, func(soiled, _ *uint64, mask uint64) { dirt += bits.OnesCount64(*soiled & mask) })
	return dirt
}

// decommitLocked gives memory of free runs back to the system, the longest first,
// until at most target pages may have any.
//
// Preconditions: pages.mu is held; it is released for a while.
func (a *Allocator) decommitLocked(target int) error {
	h := &a.pages
	for h.dirty > target {
		b := h.lastIn(dirtyBins, 2*binCount)
		if b < 0 {
			break
		}
		r, page := a.pageOf(h.bins[b])
		n, dirt := a.unlinkLocked(r, page)
		a.idle.low = min(a.idle.low, h.dirty)
		h.held += n
		h.mu.Unlock()
		// Nobody else knows of the run now. Its clean pages cost nothing.
		err := r.arena.Decommit(page*pageSize, n*pageSize)
		h.mu.Lock()
		h.held -= n
		if err == nil {
			r.cleanLocked(page, n)
			a.decommitted.Add(int64(dirt * pageSize))
		}
		a.mergeLocked(r, page, n)
		if err != nil {
			a.decommitFailed.Add(1)
			return err // Nothing is lost: it stays dirty, and is tried again.
		}
	}
	return nil
}

// Trim gives all free memory back to the system: free pages, spans that only a
// shard holds on to, and pages of other spans that no object in use lies on. What
// is in use stays where it is. An error is the system's; what could not be given
// back is kept, and tried again.
func (a *Allocator) Trim() error {
	a.mustBeOpen("Trim")
	a.idle.mu.Lock()
	defer a.idle.mu.Unlock()
	if a.watch != nil {
		a.watch.drain(a)
	}
	for c := 1; c < classCount; c++ {
		a.trimClass(c)
	}
	if a.watch != nil {
		a.watch.drain(a) // Of the spans that have just ended, too.
	}
	errs := []error{a.large.trim()}
	if a.watch == nil || a.watch.debug == nil { // There, freed objects are poisoned.
		errs = append(errs, a.punch(1))
	}
	a.pages.mu.Lock()
	errs = append(errs, a.decommitLocked(0))
	for _, r := range *a.regions.Load() {
		errs = append(errs, r.arena.Trim())
	}
	a.pages.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("slab: trim %q: %w", a.name, err)
	}
	return nil
}

// trimClass ends the spans of a class of which nothing is in use.
func (a *Allocator) trimClass(c int) {
	cl := &a.classes[c]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for s := range a.allShards() {
		if g := s.current[c].Swap(0); g != 0 && a.disown(c, g) {
			cl.list = append(cl.list, g)
		}
		for k := range s.recent[c] {
			if g := s.recent[c][k].Swap(0); g != 0 {
				cl.list = append(cl.list, g)
			}
		}
	}
	// Of the list only what is true stays, once.
	list := cl.list
	cl.list = nil
	seen := make(map[uint32]struct{}, len(list))
	for _, g := range list {
		v := a.groups.at(g).word.Load()
		if _, twice := seen[g]; twice || v&listed == 0 || v>>classShift != uint64(c) {
			continue
		}
		seen[g] = struct{}{}
		if !a.sweepLocked(c, a.spans.at(*a.groups.spanOf(g)).group) {
			cl.list = append(cl.list, g)
		}
	}
}

// relent gives back what only we hold on to, for an allocation that would fail
// otherwise.
func (a *Allocator) relent() {
	a.idle.mu.Lock() // What is being given back between objects is free in a moment.
	defer a.idle.mu.Unlock()
	if a.watch != nil {
		a.watch.drain(a)
		defer a.watch.drain(a)
	}
	a.sweepShards()
}

// sweepShards ends the spans that only shards hold on to.
func (a *Allocator) sweepShards() {
	for c := 1; c < classCount; c++ {
		cl := &a.classes[c]
		cl.mu.Lock()
		for s := range a.allShards() {
			g := s.current[c].Load()
			if g == 0 {
				continue
			}
			sp := a.spans.at(*a.groups.spanOf(g))
			v := a.groups.at(g).word.Load()
			if v&freeBits != objectsIn(int(kinds[c].objects), int(g-sp.group)) {
				continue
			}
			if !s.current[c].CompareAndSwap(g, 0) {
				continue
			}
			if a.disown(c, g) && !a.sweepLocked(c, sp.group) {
				cl.list = append(cl.list, g)
			}
		}
		cl.mu.Unlock()
	}
}
