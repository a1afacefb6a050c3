package slab

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/growarena/growarena/epoch"
)

// Discard ends the allocator with all that lives in it: as Close, but that something is in
// use is no error, and guards may be pinned. It must not be used any more, and panics as
// after Close; but who holds a guard of Options.Domain that was pinned before may go on reading
// objects, and following Refs to them, until all such guards are gone. Then the memory
// goes, also that of retired objects, for which nothing else happens any more; without a guard, or a
// domain, before Discard returns, unless the domain's own goroutine is just about to do
// it. It counts as retired in the domain's Stats, but its limit is none for what is
// there anyway. An error means that the domain is closed, guards are still pinned, and
// nothing has changed; or it is the system's when memory was given back, and all is gone.
// No other call may be made meanwhile.
func (a *Allocator) Discard() error {
	a.mustBeOpen("Discard")
	end := &ending{a: a}
	end.left.Store(1)
	waits, err := a.discardLater(end)
	if err != nil {
		return fmt.Errorf("slab: discard %q: %w", a.name, err)
	}
	a.shutDown()
	err = end.done()
	if waits {
		a.domain.TryReclaim()
	}
	if err != nil {
		return fmt.Errorf("slab: discard %q: %w", a.name, err)
	}
	return nil
}

// ending gives an allocator's memory back when both have happened: it was shut down, and
// guards no longer show any.
type ending struct {
	a    *Allocator
	left atomic.Int32 // of the two, what is still to happen
}

// done notes that one of the two has happened.
func (e *ending) done() error {
	if e.left.Add(-1) > 0 {
		return nil
	}
	err := e.a.pages.Close()
	e.a.large.close()
	if e.a.watch.debugs() {
		e.a.watch.debug.forgetAll()
	}
	return err
}

// discardLater has the domain call end.done when the guards that are pinned now are gone,
// and reports whether it will.
func (a *Allocator) discardLater(end *ending) (waits bool, err error) {
	if a.domain == nil {
		return false, nil
	}
	end.left.Add(1)
	r := epoch.Retired{Bytes: a.budget.charged.Load(), Free: func() {
		_ = end.done() // Nobody is there to be told.
	}}
	err = a.domain.Retire(r)
	if errors.Is(err, epoch.ErrRetired) {
		r.Bytes = 0 // Refusing would save nothing.
		err = a.domain.Retire(r)
	}
	if err != nil {
		end.left.Add(-1)
		if errors.Is(err, epoch.ErrClosed) && a.domain.Stats().Pinned == 0 {
			return false, nil // And nobody will pin it any more.
		}
		return false, fmt.Errorf("its memory cannot wait for guards: unpin them first: %w", err)
	}
	return true, nil
}

// shutDown ends that the allocator can be used. Its memory, and the page table, by which
// Refs find it, stay.
func (a *Allocator) shutDown() {
	a.retired.frees.Lock() // Whoever frees what was retired finds it closed.
	a.idle.close(a)
	a.retired.frees.Unlock()
	a.forgetGroups(true)
	for _, u := range a.runsInUse() {
		if u.tag.class() == mediumClass {
			continue
		}
		// So that Free does not find its objects.
		for i := range kinds[u.tag.class()].groups {
			a.groups.at(u.tag.number() + i).word.Store(0)
		}
	}
	if a.watch != nil && a.watch.profile != nil {
		a.watch.profile.close()
	}
}

// forgetAll ends that anything is known of objects.
func (d *debug) forgetAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.live, d.freed, d.moved, d.queue = nil, nil, nil, nil
}
