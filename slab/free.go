package slab

import "fmt"

// Free gives b back, which Alloc, AllocAligned or Realloc has returned; what
// counts is where it begins and its capacity, so it may have been resliced to
// another length. Freeing an empty slice of capacity 0, or nil, does nothing.
// Panics, with nothing damaged, if b is free or retired already, is the inside of an
// object, has another capacity, or is not of this allocator.
func (a *Allocator) Free(b []byte) {
	if a.watch != nil {
		a.watch.free(a, b, false)
		return
	}
	if !a.put(addrOf(b), cap(b)) {
		a.releaseSlow("Free", b, false)
	}
}

// release is Free, but for what watch does.
func (a *Allocator) release(method string, b []byte) {
	if !a.put(addrOf(b), cap(b)) {
		a.releaseSlow(method, b, false)
	}
}

// freeRetired frees b, which is retired, unless the allocator has ended with all that was
// in it.
func (a *Allocator) freeRetired(b []byte) {
	a.retired.frees.RLock()
	defer a.retired.frees.RUnlock()
	if a.closed.Load() {
		return
	}
	if a.watch != nil {
		a.watch.free(a, b, true)
		return
	}
	a.releaseSlow("Free", b, true)
}

// releaseSlow frees what put does not, or panics: also unless b is retired, or is not,
// as the caller says.
func (a *Allocator) releaseSlow(method string, b []byte, isRetired bool) {
	a.mustBeOpen(method)
	e, _ := a.look(addrOf(b))
	switch {
	case cap(b) == 0:
	case e == 0:
		if !a.large.free(b, isRetired) {
			a.misuse(method, b)
		}
		a.idle.arm()
	case e.class() == mediumClass:
		a.freeMedium(method, b, isRetired)
	case !a.putMarked(b, isRetired):
		a.misuse(method, b)
	}
}

// put frees a small object. It reports false, and has done nothing, if there is
// no small object of that capacity in use at p, or objects of its group are retired.
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
		next := (v | 1<<(idx%groupLen)) &^ fresh
		// Of whom frees twice while the span ends and the group serves another
		// one, class or base differ. Checked after the word is loaded: see group.
		if v>>(idx%groupLen)&1 != 0 || v&marked != 0 || v>>classShift != e.class() || gr.base.Load() != base {
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
	a.unused(c, 1)
}

// place is where a small object lies, in use or not.
type place struct {
	entry entry   // of its page
	i     uint32  // of the groups of its span
	group uint32  // number of that
	bit   uint32  // in that
	base  uintptr // of that, while it is of this span
}

// smallAt returns the place of the small object of that capacity at p, if there is
// one.
func (a *Allocator) smallAt(p uintptr, capacity int) (o place, ok bool) {
	e, off := a.look(p)
	k := &kinds[e.class()&kindMask]
	if k.size == 0 || capacity != int(k.size) {
		return place{}, false
	}
	idx := off / k.size
	if idx >= k.objects || idx*k.size != off {
		return place{}, false
	}
	return place{
		entry: e, i: idx >> groupShift, group: e.number() + idx>>groupShift,
		bit: 1 << (idx % groupLen), base: p - uintptr(idx%groupLen*k.size),
	}, true
}

// inUse reports whether the object is in use, going by the word v of its group.
func (o *place) inUse(gr *group, v uint64) bool {
	return uint32(v)&o.bit == 0 && v>>classShift == o.entry.class() && gr.base.Load() == o.base
}

// mustBeObject panics unless b is an object in use, as far as can be seen without
// a lock that others would have to wait for.
func (a *Allocator) mustBeObject(method string, b []byte) {
	if a.watch != nil && a.watch.debug != nil {
		a.watch.debug.mustBeObject(a, method, b)
		return
	}
	if !a.inUse(b) {
		a.misuse(method, b)
	}
}

// inUse reports whether b is an object in use, and not retired.
func (a *Allocator) inUse(b []byte) bool {
	p := addrOf(b)
	e, _ := a.look(p)
	switch {
	case e == 0:
		return a.large.inUse(b)
	case e.class() == mediumClass:
		a.pages.Lock()
		defer a.pages.Unlock()
		return a.mediumLocked(b) != nil && !a.retired.has(p)
	}
	o, ok := a.smallAt(p, cap(b))
	if !ok {
		return false
	}
	gr := a.groups.at(o.group)
	v := gr.word.Load()
	return o.inUse(gr, v) && a.retiredIn(o.group, v)&o.bit == 0
}

// misuse panics because b is no object in use, and says what it is instead, as of
// now: what freed it a moment ago may have made something else of it.
func (a *Allocator) misuse(method string, b []byte) {
	a.mustBeOpen(method)
	p := addrOf(b)
	panic(fmt.Sprintf("slab: %s of %d bytes at %#x in %q: %s", method, cap(b), p, a.name, a.why(p, cap(b))))
}

// why says why capacity bytes at p are no object in use.
func (a *Allocator) why(p uintptr, capacity int) string {
	if a.watch != nil {
		if why := a.watch.why(p); why != "" {
			return why
		}
	}
	if o, ok := a.smallAt(p, capacity); ok && a.isRetired(o) || a.retired.has(p) {
		return "retired already"
	}
	e, off := a.look(p)
	if e == 0 {
		if r, _ := a.pages.RegionOf(p); r != nil {
			return "free already"
		}
		return a.large.why(p)
	}
	k := kinds[e.class()]
	if e.class() == mediumClass {
		a.pages.Lock()
		sp := *a.spans.at(e.number())
		a.pages.Unlock()
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
