package slab

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/epoch"
)

// errNoDomain is what Retire says without Options.Domain.
var errNoDomain = errors.New("slab: Retire needs Options.Domain")

// retired knows the objects that were retired and are not free yet, so that
// freeing or retiring one again is found out by whoever does it, not by the
// goroutine that frees. A medium or large one is entered, and taken off, under the
// lock that says whether it is in use: that of pages or large.mu. While there are small ones
// the word of their group is marked, and who frees one of that comes here. Debug mode
// has a record of each object instead.
type retired struct {
	waiting atomic.Int64   // objects that wait for guards, as the domain counts them
	freeing sync.WaitGroup // has those, and those that are being freed

	// frees is held, shared, while one is being freed, and by who frees all objects, or
	// ends the allocator. It comes before idle.mu.
	frees sync.RWMutex

	entered atomic.Int64 // how many are in others

	mu     sync.Mutex
	groups map[uint32]uint32    // small ones: a bit for each, by number of the group. Protected by mu.
	others map[uintptr]struct{} // medium and large ones, by address. Protected by mu.
}

// await waits until nothing is being freed, or returns how many objects wait for
// guards.
func (r *retired) await(d *epoch.Domain) int64 {
	if r.waiting.Load() > 0 {
		d.TryReclaim()
	}
	if n := r.waiting.Load(); n > 0 {
		return n
	}
	r.freeing.Wait()
	return 0
}

// enter notes that the object at p is retired, and reports false if it was.
func (r *retired) enter(p uintptr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.others[p]; twice {
		return false
	}
	if r.others == nil {
		r.others = make(map[uintptr]struct{})
	}
	r.others[p] = struct{}{}
	r.entered.Add(1)
	return true
}

// has reports whether the object at p, which is not small, is retired.
func (r *retired) has(p uintptr) bool {
	if r.entered.Load() == 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.others[p]
	return ok
}

// claim reports whether the object at p, which is not small, is retired or not, as
// the caller says, and takes it off.
func (r *retired) claim(p uintptr, is bool) bool {
	if r.has(p) != is {
		return false
	}
	if is {
		r.mu.Lock()
		delete(r.others, p)
		r.entered.Add(-1)
		r.mu.Unlock()
	}
	return true
}

// setLocked says which objects of a group are retired.
func (r *retired) setLocked(group, objects uint32) {
	switch {
	case objects == 0:
		delete(r.groups, group)
		return
	case r.groups == nil:
		r.groups = make(map[uint32]uint32)
	}
	r.groups[group] = objects
}

// Retire frees b when no guard that is pinned now is left: for objects that
// readers find by following links and may still be looking at after they were
// unlinked. Until then b must be neither freed nor reallocated: that panics, as does
// retiring it twice. An error is the domain's (its limit is reached, or it is
// closed), and b is still allocated. Panics without Options.Domain, and as Free does.
func (a *Allocator) Retire(b []byte) error {
	if a.domain == nil {
		panic(errNoDomain)
	}
	a.mustBeOpen("Retire")
	if cap(b) == 0 {
		return nil
	}
	a.retire(b)
	r := &a.retired
	r.freeing.Add(1)
	err := a.domain.Retire(epoch.Retired{Bytes: int64(cap(b)), Waiting: &r.waiting, Free: func() {
		a.freeRetired(b)
		r.freeing.Done()
	}})
	if err != nil {
		a.unretire(b)
		r.freeing.Done()
		return fmt.Errorf("slab: retire %d bytes of %q: %w", cap(b), a.name, err)
	}
	return nil
}

// retire notes that b is retired, or panics.
func (a *Allocator) retire(b []byte) {
	if a.watch.debugs() {
		a.watch.debug.retire(a, b)
	} else if !a.mark(b) {
		a.misuse("Retire", b)
	}
}

// mark notes that b is retired. It reports false if b is no object in use, or retired
// already.
func (a *Allocator) mark(b []byte) bool {
	p := addrOf(b)
	switch e, _ := a.look(p); {
	case e == 0:
		return a.large.retire(b)
	case e.class() == mediumClass:
		a.pages.Lock()
		defer a.pages.Unlock()
		return a.mediumLocked(b) != nil && a.retired.enter(p)
	}
	o, ok := a.smallAt(p, cap(b))
	if !ok {
		return false
	}
	r, gr := &a.retired, a.groups.at(o.group)
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		v := gr.word.Load()
		objects := r.groups[o.group]
		if !o.inUse(gr, v) || objects&o.bit != 0 {
			return false
		}
		// Who frees b at the same time either comes first, or finds the mark.
		if gr.word.CompareAndSwap(v, v|marked) {
			r.setLocked(o.group, objects|o.bit)
			return true
		}
	}
}

// unretire ends that b is retired.
func (a *Allocator) unretire(b []byte) {
	r, p := &a.retired, addrOf(b)
	switch {
	case a.watch.debugs():
		a.watch.debug.unretire(b)
		return
	case r.claim(p, true):
		return
	}
	o, _ := a.smallAt(p, cap(b))
	r.mu.Lock()
	defer r.mu.Unlock()
	objects := r.groups[o.group] &^ o.bit
	r.setLocked(o.group, objects)
	if objects == 0 {
		a.groups.at(o.group).word.And(^uint64(marked))
	}
}

// retiredIn returns which objects of a group are retired, whose word is v.
func (a *Allocator) retiredIn(group uint32, v uint64) uint32 {
	if v&marked == 0 {
		return 0
	}
	r := &a.retired
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups[group]
}

// isRetired reports whether a small object is retired.
func (a *Allocator) isRetired(o place) bool {
	return a.retiredIn(o.group, a.groups.at(o.group).word.Load())&o.bit != 0
}

// putMarked is put where objects of the group are retired. It frees what is, or what is
// not, as the caller says.
func (a *Allocator) putMarked(b []byte, isRetired bool) bool {
	o, ok := a.smallAt(addrOf(b), cap(b))
	if !ok {
		return false
	}
	r, gr := &a.retired, a.groups.at(o.group)
	r.mu.Lock()
	objects := r.groups[o.group]
	if objects&o.bit != 0 != isRetired {
		r.mu.Unlock()
		return false
	}
	left := objects &^ o.bit
	var v, next uint64
	for {
		v = gr.word.Load()
		if !o.inUse(gr, v) {
			r.mu.Unlock()
			return false
		}
		next = (v | uint64(o.bit)) &^ fresh
		if left == 0 {
			next &^= marked
		}
		if v&(owned|listed) == 0 {
			next |= listed
		}
		if gr.word.CompareAndSwap(v, next) {
			break
		}
	}
	r.setLocked(o.group, left)
	r.mu.Unlock()
	if next&owned == 0 {
		a.released(o.entry, o.i, v, next)
	}
	return true
}
