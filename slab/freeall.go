package slab

import (
	"math/bits"
	"slices"

	"github.com/growarena/growarena/internal/pageheap"
)

// FreeAll frees every object in use at once, as Free does one: none of their slices and
// Refs may be used any more. What that takes depends on the spans there are, not on the
// objects in them, and their pages are free memory like any other: they are used again,
// given back a moment later, or by Trim. The allocator and its Locals live on; Locals
// have nothing at hand then. Retired objects stay until their guards are gone. In debug
// mode each object is freed by itself, and one that was written behind its end panics as in
// Free, with some objects freed and others not. No other call but Stats may be made meanwhile.
func (a *Allocator) FreeAll() {
	a.mustBeOpen("FreeAll")
	a.retired.frees.Lock() // What is retired is as it is for now.
	defer a.retired.frees.Unlock()
	if a.watch.debugs() {
		a.watch.freeEach(a)
		return
	}
	a.idle.mu.Lock() // Nothing is being given back between objects.
	defer a.idle.mu.Unlock()
	a.forgetGroups(false)
	for _, u := range a.runsInUse() {
		if u.tag.class() == mediumClass {
			a.freeRun(u)
		} else {
			a.freeSpan(u)
		}
	}
	a.large.freeAll()
	a.idle.arm()
	if a.watch != nil {
		a.watch.profile.forgetAll(a.isRetiredAt)
	}
}

// forgetGroups ends that Locals, shards and lists have groups, and closes the Locals if so
// asked. Whoever calls it says in the words of all groups what they are then.
//
// Preconditions: nobody uses the allocator.
func (a *Allocator) forgetGroups(closeLocals bool) {
	a.locals.mu.Lock()
	for l := range a.locals.open {
		clear(l.current[:])
		clear(l.more[:])
		l.closed = closeLocals
	}
	if closeLocals {
		clear(a.locals.open)
	}
	a.locals.mu.Unlock()
	for s := range a.allShards() {
		for c := range s.current {
			s.current[c].Store(0)
		}
		for c := range s.recent {
			for i := range s.recent[c] {
				s.recent[c][i].Store(0)
			}
		}
		s.used.Store(0)
		s.most.Store(0)
	}
	for c := range a.classes {
		if cl := a.classes[c].Load(); cl != nil {
			cl.mu.Lock()
			cl.list = nil
			cl.mu.Unlock()
		}
	}
}

// runInUse is a run of pages in use: a span of small objects, or a medium object.
type runInUse struct {
	tag  entry // of its first page
	r    *pageheap.Region
	page int
}

// runsInUse returns the runs of pages in use.
func (a *Allocator) runsInUse() (all []runInUse) {
	a.pages.Lock()
	defer a.pages.Unlock()
	a.pages.EachLocked(func(r *pageheap.Region, page int, tag uint64) int {
		all = append(all, runInUse{entry(tag), r, page})
		return a.pagesOfLocked(entry(tag))
	})
	return all
}

// freeRun frees a medium object, unless it is retired.
func (a *Allocator) freeRun(u runInUse) {
	a.pages.Lock()
	defer a.pages.Unlock()
	if !a.retired.has(u.r.Address(u.page)) {
		a.endSpanLocked(a.spans.at(u.tag.number()))
	}
}

// freeSpan frees the objects of a span of small ones: it ends, or has its retired objects
// only.
//
// Preconditions: nobody has a group of it, and they are in no list.
func (a *Allocator) freeSpan(u runInUse) {
	c, first := int(u.tag.class()), u.tag.number()
	k, cl := &kinds[c], a.class(c)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	kept := a.retired.inSpan(first, k.groups)
	if kept == nil {
		a.killLocked(c, first)
		return
	}
	for i, objects := range kept {
		g, w := first+uint32(i), &a.groups.at(first+uint32(i)).word
		v := w.Load()&genBits | objectsIn(int(k.objects), i)&^uint64(objects) | uint64(c)<<classShift
		if objects != 0 {
			v |= marked
		}
		if v&freeBits != 0 {
			v |= listed
			cl.list = append(cl.list, g)
		}
		w.Store(v)
		a.used(c, bits.OnesCount32(objects))
	}
}

// inSpan returns which objects are retired of each group of a span, or nil if none is.
func (r *retired) inSpan(first, groups uint32) (all []uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range groups {
		if objects := r.groups[first+i]; objects != 0 {
			if all == nil {
				all = make([]uint32, groups)
			}
			all[i] = objects
		}
	}
	return all
}

// isRetiredAt reports whether what begins at p is an object that is retired.
func (a *Allocator) isRetiredAt(p uintptr) bool {
	e, _ := a.look(p)
	if o, ok := a.smallAt(p, int(kinds[e.class()&kindMask].size)); ok {
		return a.isRetired(o)
	}
	return a.retired.has(p)
}

// freeAll frees all large objects that are not retired.
func (l *large) freeAll() {
	l.mu.Lock()
	var all [][]byte
	for p, n := range l.live {
		if !l.retired.has(p) {
			all = append(all, bytesAt(p, n, n))
			delete(l.live, p)
			l.bytes -= n
		}
	}
	l.changes++
	l.mu.Unlock()
	for _, b := range all {
		l.pool.Load().Free(b)
		l.budget.refund(len(b))
	}
}

// freeEach frees all objects that debug mode knows in use, by address.
func (w *watch) freeEach(a *Allocator) {
	for _, b := range w.debug.inUse() {
		w.free(a, b, false)
	}
}

// inUse returns the objects in use that are not retired.
func (d *debug) inUse() (all [][]byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, r := range d.live {
		if !r.isRetired {
			all = append(all, bytesAt(p, r.n, r.n))
		}
	}
	slices.SortFunc(all, func(b, c []byte) int { return int(addrOf(b)) - int(addrOf(c)) })
	return all
}
