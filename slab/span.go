package slab

import "sync/atomic"

// span is a run of pages in use: objects of one class, or one medium object.
// A record is written before the page table points to it, and again only after
// nothing of the span is in use.
type span struct {
	start   uintptr // address
	pages   uint32
	group   uint32 // first of its groups; small only
	objects uint32 // small: how many; medium: 1
	size    uint32 // of an object
	magic   uint32 // of its class; see classMagic
	class   uint8  // mediumClass for a medium run, noClass for none
	region  uint8
}

const (
	mediumClass = classCount
	noClass     = classCount + 1
)

// groups returns how many groups a small span has.
func (sp *span) groups() int { return (int(sp.objects) + groupLen - 1) / groupLen }

const (
	spanChunkLen = 1 << 12
	spanChunkMax = 1 << 14
)

type spanChunk [spanChunkLen]span

// spanTable is the table of all spans, by number; number 0 is none. Records do
// not move.
type spanTable struct {
	chunks [spanChunkMax]atomic.Pointer[spanChunk]
	next   uint32   // first number never used. Protected by pages.mu.
	free   []uint32 // numbers to be used again. Protected by pages.mu.
}

func (t *spanTable) at(i uint32) *span {
	return &t.chunks[i/spanChunkLen].Load()[i%spanChunkLen]
}

// allocLocked returns an unused record and its number, 0 if there are no more.
func (t *spanTable) allocLocked() (uint32, *span) {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i, t.at(i)
	}
	i := max(t.next, 1)
	if i/spanChunkLen >= spanChunkMax {
		return 0, nil
	}
	if t.chunks[i/spanChunkLen].Load() == nil {
		t.chunks[i/spanChunkLen].Store(new(spanChunk))
	}
	t.next = i + 1
	return i, t.at(i)
}

// newSpanLocked makes a span of class c, lists its groups but the first, and
// returns that as owned: None → Owned, Listed.
//
// Preconditions: cl.mu is held.
func (a *Allocator) newSpanLocked(cl *class, c int) (uint32, error) {
	sp, err := a.beginSpan(int(classPages[c]), c)
	if err != nil {
		return 0, err
	}
	cl.spans++
	for i := range sp.groups() {
		g := sp.group + uint32(i)
		chunk, at := a.groups.at(g)
		chunk.base[at] = sp.start + uintptr(i*groupLen)*uintptr(sp.size)
		state := uint64(owned)
		if i > 0 {
			state = listed
		}
		w := &chunk.word[at]
		w.Store(w.Load()&genBits | objectsIn(int(sp.objects), i) | state | uint64(c+1)<<classShift)
	}
	for i := sp.groups() - 1; i > 0; i-- {
		cl.list = append(cl.list, sp.group+uint32(i))
	}
	return sp.group, nil
}

// beginSpan takes a run of pages for class c (or mediumClass) and enters it into
// the page table.
func (a *Allocator) beginSpan(pages, c int) (*span, error) {
	h := &a.pages
	h.mu.Lock()
	defer h.mu.Unlock()
	r, page, err := a.allocRunLocked(pages)
	if err != nil {
		return nil, err
	}
	number, sp := a.spans.allocLocked()
	group, objects, size := uint32(0), uint32(1), uint32(pages*pageSize)
	if number != 0 && c < classCount {
		size = classSize[c]
		objects = uint32(pages*pageSize) / size
		group = a.groups.allocLocked((int(objects) + groupLen - 1) / groupLen)
	}
	if number == 0 || c < classCount && group == 0 {
		if number != 0 {
			a.spans.free = append(a.spans.free, number)
		}
		a.freeRunLocked(r, page, pages, false)
		return nil, errTables
	}
	*sp = span{
		start: r.base + uintptr(page)*pageSize, pages: uint32(pages),
		group: group, objects: objects, size: size, class: uint8(c), region: r.index,
	}
	if c < classCount {
		sp.magic = classMagic[c]
	}
	for p := page; p < page+pages; p++ {
		r.entry(p).Store(number)
	}
	h.used += pages
	return sp, nil
}

// endSpan gives the pages of a span back.
//
// Preconditions: nothing of it is in use, and it can no longer be found to be.
func (a *Allocator) endSpan(sp *span) {
	a.pages.mu.Lock()
	defer a.pages.mu.Unlock()
	a.endSpanLocked(sp)
}

func (a *Allocator) endSpanLocked(sp *span) {
	h := &a.pages
	r := (*a.regions.Load())[sp.region]
	page := int((sp.start - r.base) / pageSize)
	number := r.entry(page).Load()
	for p := page; p < page+int(sp.pages); p++ {
		r.entry(p).Store(0)
	}
	if sp.class < classCount {
		a.groups.releaseLocked(sp.group, sp.groups())
	}
	pages := int(sp.pages)
	sp.class = noClass
	a.spans.free = append(a.spans.free, number)
	h.used -= pages
	a.freeRunLocked(r, page, pages, true)
	a.decommitLocked(a.keepPages())
}
