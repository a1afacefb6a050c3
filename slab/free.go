package slab

import "fmt"

// Free gives b back, which Alloc, AllocAligned or Realloc has returned; what
// counts is where it begins and its capacity, so it may have been resliced to
// another length. Freeing an empty slice of capacity 0, or nil, does nothing.
// Panics, with nothing damaged, if b is free already, is the inside of an object,
// has another capacity, or is not of this allocator.
func (a *Allocator) Free(b []byte) {
	if a.watch != nil {
		a.watch.free(a, b)
		return
	}
	if !a.put(addrOf(b), cap(b)) {
		a.releaseSlow("Free", b)
	}
}

// release is Free, but for what watch does.
func (a *Allocator) release(method string, b []byte) {
	if !a.put(addrOf(b), cap(b)) {
		a.releaseSlow(method, b)
	}
}

// put frees a small object. It reports false, and has done nothing, if there is
// no small object of that capacity in use at p.
func (a *Allocator) put(p uintptr, capacity int) bool {
	e, off := a.look(p)
	k := &kinds[e.class()&kindMask]
	idx := uint32(uint64(off) * uint64(k.magic) >> 32)
	if idx >= k.objects || idx*k.size != off || uint(capacity) != uint(k.size) {
		return false
	}
	gr := a.groups.at(e.number() + idx>>groupShift)
	base := p - uintptr(idx%groupLen*k.size)
	for {
		v := gr.word.Load()
		next := v | 1<<(idx%groupLen)
		// Of whom frees twice while the span ends and the group serves another
		// one, class or base differ. Checked after the word is loaded: see group.
		if next == v || v>>classShift != e.class() || gr.base.Load() != base {
			return false
		}
		if v&(owned|listed) == 0 {
			next |= listed
		}
		if gr.word.CompareAndSwap(v, next) {
			if next&owned == 0 {
				a.released(e, idx>>groupShift, v, next)
			}
			return true
		}
	}
}

// released goes on after group i of the span of e was changed from word v to
// next, which no shard owns: it is listed if it was full, and the span ends if it
// was the last in use. By now all may have changed, and even the span be gone:
// of e only the numbers count.
func (a *Allocator) released(e entry, i uint32, v, next uint64) {
	c := int(e.class())
	if v&listed == 0 {
		a.list(c, e.number()+i)
	}
	if next&freeBits == objectsIn(int(kinds[c].objects), int(i)) {
		a.sweep(c, e.number())
	}
	if n := int(kinds[c].size); n >= punchSize && a.watch == nil {
		a.freedLarge(n)
	}
}

// releaseSlow frees what is not small, or panics.
func (a *Allocator) releaseSlow(method string, b []byte) {
	a.mustBeOpen(method)
	e, _ := a.look(addrOf(b))
	switch {
	case cap(b) == 0:
	case e == 0:
		a.large.free(a, method, b)
	case e.class() == mediumClass:
		a.freeMedium(method, b)
	default:
		a.misuse(method, b)
	}
}

// freeMedium frees a run of pages. Of two goroutines that free the same one, the
// lock tells who was first.
func (a *Allocator) freeMedium(method string, b []byte) {
	a.pages.mu.Lock()
	sp := a.mediumLocked(b)
	if sp == nil {
		a.pages.mu.Unlock()
		a.misuse(method, b)
	}
	a.endSpanLocked(sp)
	a.pages.mu.Unlock()
}

// mediumLocked returns the span that b is the medium object of, or nil.
//
// Preconditions: pages.mu is held.
func (a *Allocator) mediumLocked(b []byte) *span {
	e, off := a.look(addrOf(b))
	if e.class() != mediumClass || off != 0 {
		return nil
	}
	if sp := a.spans.at(e.number()); cap(b) == int(sp.pages)*pageSize {
		return sp
	}
	return nil
}

// mustBeObject panics unless b is an object in use, as far as can be seen without
// a lock that others would have to wait for.
func (a *Allocator) mustBeObject(method string, b []byte) {
	if a.inUse(b) {
		return
	}
	a.misuse(method, b)
}

// inUse reports whether b is an object in use.
func (a *Allocator) inUse(b []byte) bool {
	p := addrOf(b)
	e, off := a.look(p)
	switch {
	case e == 0:
		return a.large.has(b)
	case e.class() == mediumClass:
		a.pages.mu.Lock()
		defer a.pages.mu.Unlock()
		return a.mediumLocked(b) != nil
	}
	k := &kinds[e.class()]
	idx := off / k.size
	if idx >= k.objects || idx*k.size != off || cap(b) != int(k.size) {
		return false
	}
	gr := a.groups.at(e.number() + idx>>groupShift)
	v := gr.word.Load()
	return v&(1<<(idx%groupLen)) == 0 && v>>classShift == e.class() && gr.base.Load() == p-uintptr(idx%groupLen*k.size)
}

// misuse panics because b is no object in use, and says what it is instead, as of
// now: what freed it a moment ago may have made something else of it.
func (a *Allocator) misuse(method string, b []byte) {
	a.mustBeOpen(method)
	p := addrOf(b)
	panic(fmt.Sprintf("slab: %s of %d bytes at %#x: %s", method, cap(b), p, a.why(p, cap(b))))
}

// why says why capacity bytes at p are no object in use.
func (a *Allocator) why(p uintptr, capacity int) string {
	if a.watch != nil {
		if why := a.watch.why(p); why != "" {
			return why
		}
	}
	e, off := a.look(p)
	if e == 0 {
		for _, r := range *a.regions.Load() {
			if p-r.base < r.bytes {
				return "free already"
			}
		}
		return a.large.why(a, p, capacity)
	}
	k := kinds[e.class()]
	if e.class() == mediumClass {
		a.pages.mu.Lock()
		sp := *a.spans.at(e.number())
		a.pages.mu.Unlock()
		k.size, k.objects = sp.pages*pageSize, 1
	}
	if k.size == 0 {
		return "free already"
	}
	if off/k.size >= k.objects {
		return "that is no object"
	}
	if in := off % k.size; in != 0 {
		return fmt.Sprintf("that is %d bytes inside an object of %d bytes", in, k.size)
	}
	if capacity != int(k.size) {
		return fmt.Sprintf("the object there has a capacity of %d bytes", k.size)
	}
	return "free already"
}
