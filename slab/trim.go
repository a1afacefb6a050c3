package slab

import (
	"fmt"

	"github.com/growarena/growarena/internal/memfile"
)

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
	for c := range a.classes {
		if a.classes[c].Load() != nil {
			a.trimClass(c)
		}
	}
	if a.watch != nil {
		a.watch.drain(a) // Of the spans that have just ended, too.
	}
	errs := []error{a.large.trim()}
	if !a.watch.debugs() { // There, freed objects are poisoned.
		errs = append(errs, a.punch(1))
	}
	errs = append(errs, a.pages.Trim())
	if err := memfile.JoinOnce(errs...); err != nil {
		return fmt.Errorf("slab: trim %q: %w", a.name, err)
	}
	return nil
}

// trimClass ends the spans of a class of which nothing is in use.
func (a *Allocator) trimClass(c int) {
	cl := a.class(c)
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
	for c := range a.classes {
		cl := a.classes[c].Load()
		if cl == nil {
			continue
		}
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
