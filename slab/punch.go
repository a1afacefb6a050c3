package slab

import (
	"math/bits"
	"time"

	"github.com/growarena/growarena/internal/pageheap"
)

// punchSize is the smallest size of objects whose pages are given back between
// others that are in use without being asked to: each has pages of its own. Of
// many small objects on a page some are nearly always in use.
const punchSize = pageSize

// inSpan returns how many objects of the span that e is of are in use.
func (a *Allocator) inSpan(e entry) (n int) {
	k := &kinds[e.class()]
	for i := range k.groups {
		v := a.groups.at(e.number() + i).word.Load()
		if v>>classShift == e.class() { // Or it is about to end, see sweepLocked.
			n += bits.OnesCount64(objectsIn(int(k.objects), int(i)) &^ v)
		}
	}
	return n
}

// eachSpan calls f for each span of small objects: with its entry in the page
// table, its region, and its first page. Spans begin and end meanwhile.
func (a *Allocator) eachSpan(f func(e entry, r *pageheap.Region, page int)) {
	for _, r := range a.pages.Regions() {
		for page, pages := 0, r.Pages(); page < pages; page++ {
			e := entry(r.Tag(page))
			if e.class() == 0 || e.class() == mediumClass || e.page() != 0 {
				continue
			}
			f(e, r, page)
			page += int(classPages[e.class()]) - 1
		}
	}
}

// punch gives the memory of all pages back that belong to spans of class first and
// above and hold no object in use.
func (a *Allocator) punch(first int) (err error) {
	a.eachSpan(func(e entry, r *pageheap.Region, page int) {
		if int(e.class()) < first || a.inSpan(e) == int(kinds[e.class()].objects) {
			return
		}
		if failed := a.punchSpan(e, r, page); failed != nil {
			err = failed
		}
	})
	return err
}

// punchSpan gives the memory of a span's pages back that hold no object in use. The
// groups with free objects are apart meanwhile, so that nobody takes those; they stay
// free in the groups' words, where Free finds them.
func (a *Allocator) punchSpan(e entry, r *pageheap.Region, page int) (err error) {
	c := int(e.class())
	k, cl := &kinds[c], a.class(c)
	var free [groupsMax]uint32 // of the groups that are apart
	var mine uint32            // a bit for each of those
	cl.mu.Lock()
	if entry(r.Tag(page)) != e {
		cl.mu.Unlock()
		return nil // It has ended meanwhile.
	}
	for i := range k.groups {
		if g := e.number() + i; a.own(c, g) {
			free[i] = uint32(a.groups.at(g).word.Or(apart))
			mine |= 1 << i
		}
	}
	cl.mu.Unlock()
	for from, n := 0, int(classPages[c]); from < n; {
		to := from
		for to < n && k.unused(to, &free) {
			to++
		}
		if to > from {
			if failed := a.pages.Punch(r, page+from, to-from); failed != nil {
				err = failed
			}
		}
		from = to + 1
	}
	for i := range k.groups {
		if mine&(1<<i) != 0 {
			a.leave(c, e.number()+i)
		}
	}
	a.sweep(c, e.number())
	return err
}

// unused reports whether all objects on a span's page number p are free.
func (k *kind) unused(p int, free *[groupsMax]uint32) bool {
	from := uint32(p*pageSize) / k.size
	to := min(uint32((p+1)*pageSize-1)/k.size+1, k.objects)
	for from < to {
		i := from % groupLen
		n := min(groupLen-i, to-from)
		if want := (uint32(1)<<n - 1) << i; free[from/groupLen]&want != want {
			return false
		}
		from += n
	}
	return true
}

// What is used of spans of large objects, of punchSize bytes and more, is counted when
// groups change hands, not by who takes an object from a group that it owns: of owned
// groups all objects count as used. So neither Alloc nor Free looks at spans to know
// how much that is.

// used notes that objects of class c count as used from now on.
func (a *Allocator) used(c, objects int) {
	if kinds[c].size < punchSize {
		return
	}
	s := a.shard()
	if n := s.used.Add(int64(objects) * int64(kinds[c].size)); n > s.most.Load() {
		s.most.Store(n)
	}
}

// unused notes that objects of class c no longer count as used. From time to time it
// looks how many do.
func (a *Allocator) unused(c, objects int) {
	if kinds[c].size < punchSize || objects == 0 {
		return
	}
	s, i := a.shard(), &a.idle
	n := s.used.Add(-int64(objects) * int64(kinds[c].size))
	if a.watch != nil || s.most.Load()-n < max(pageheap.KeepMin, i.spans.Load())/lookShare {
		return
	}
	s.most.Store(n)
	i.arm()
	now := time.Now()
	if now.UnixNano() < i.next.Load() || !i.mu.TryLock() {
		i.missed.Store(true)
		return
	}
	a.lookLarge(now)
	i.mu.Unlock()
}

// countSpan counts a span of class c that has begun or ended.
func (i *idle) countSpan(c, sign int) {
	if kinds[c].size >= punchSize {
		i.spans.Add(int64(sign) * int64(classPages[c]) * pageSize)
	}
}

// lookLarge looks how many bytes of the spans of large objects are used, and how many
// they have.
//
// Preconditions: idle.mu is held.
func (a *Allocator) lookLarge(now time.Time) (used, total int) {
	i := &a.idle
	i.next.Store(now.Add(lookTime).UnixNano())
	for s := range a.allShards() {
		used += int(s.used.Load())
	}
	total = int(i.spans.Load())
	i.peak = max(i.peak, used)
	if i.missed.Swap(false) { // As much may have been used as there is.
		i.peak = max(i.peak, total)
	}
	return used, total
}

// punchIdle gives the pages between large objects back when less than half of what
// was in use of them still is.
//
// Preconditions: idle.mu is held.
func (a *Allocator) punchIdle() {
	used, total := a.lookLarge(time.Now())
	if used < a.idle.peak/2 && total-used > pageheap.KeepMin {
		a.idle.peak = used
		_ = a.punch(classOf(punchSize)) // What is refused is counted.
	}
}
