package slab

import "github.com/growarena/growarena/internal/pageheap"

// span is a run of pages in use: objects of one class, or one medium object.
// Fast paths do not look at it: they find all they need in the page table.
// Written and read under the lock of pages; of a small span the numbers stay what they
// are while it lives, and it begins and ends under class.mu, which is enough to
// read them.
type span struct {
	page   uint32 // number in the region
	pages  uint32
	group  uint32 // first of its groups; small only
	class  uint8  // mediumClass for a medium run
	region uint8
}

// mediumClass marks runs of pages that are one object.
const mediumClass = classCount

// spansShift is log2 of the length of the span table's first chunk.
const spansShift = 6

// spanTable is the table of all spans.
type spanTable struct {
	table[span]
	free []uint32 // numbers to be used again. Protected by pages.
}

// allocLocked returns an unused record and its number, 0 if there are no more.
func (t *spanTable) allocLocked() (uint32, *span) {
	if n := len(t.free); n > 0 {
		i := t.free[n-1]
		t.free = t.free[:n-1]
		return i, t.at(i)
	}
	i := t.takeLocked(1, spansShift)
	if i == 0 {
		return 0, nil
	}
	return i, t.at(i)
}

// newSpanLocked makes a span of class c, lists its groups but the first, and
// returns that as owned: None → Owned, Listed.
//
// Preconditions: cl.mu is held.
func (a *Allocator) newSpanLocked(cl *class, c int, sparse bool) (uint32, error) {
	number, start, stale, err := a.beginSpan(a.wholeRun(int(classPages[c])), c, sparse)
	if err != nil {
		return 0, err
	}
	if a.watch != nil {
		a.watch.begun(start, int(classPages[c])*pageSize)
	}
	k, first := &kinds[c], a.spans.at(number).group
	// From the last to the first, so that the first are popped first.
	for i := int(k.groups) - 1; i >= 0; i-- {
		g := first + uint32(i)
		*a.groups.spanOf(g) = number
		gr := a.groups.at(g)
		gr.base.Store(start + uintptr(i*groupLen)*uintptr(k.size))
		state := uint64(owned)
		if i > 0 {
			state = listed
			cl.list = append(cl.list, g)
		}
		if !a.watch.debugs() && !stale.Has(i*groupLen*int(k.size), groupLen*int(k.size)) {
			state |= fresh
		}
		gr.word.Store(gr.word.Load()&genBits | objectsIn(int(k.objects), i) | state | uint64(c)<<classShift)
	}
	a.used(c, int(min(k.objects, groupLen)))
	a.idle.countSpan(c, 1)
	return first, nil
}

// wholeRun returns the number of pages in a run for n of them.
func (a *Allocator) wholeRun(n int) int { return (n + a.runUnit - 1) / a.runUnit * a.runUnit }

// pagesOfLocked returns the number of pages of the span that e is of.
//
// Preconditions: pages is locked.
func (a *Allocator) pagesOfLocked(e entry) int {
	if e.class() == mediumClass {
		return int(a.spans.at(e.number()).pages)
	}
	return a.wholeRun(int(classPages[e.class()]))
}

// beginSpan takes a run of pages, sparse or not, for class c (or mediumClass), enters it
// into the page table, and returns its number and address, and as TakeLocked what may
// hold old bytes.
func (a *Allocator) beginSpan(pages, c int, sparse bool) (number uint32, start uintptr, stale pageheap.PageSet, err error) {
	a.pages.Lock()
	defer a.pages.Unlock()
	r, page, stale, err := a.takeRunLocked(pages, sparse)
	if err != nil {
		return 0, 0, stale, err
	}
	number, sp := a.spans.allocLocked()
	first, ok := number, number != 0
	if ok && c < classCount {
		first = a.groups.allocLocked(int(kinds[c].groups))
		if ok = first != 0; !ok {
			a.spans.free = append(a.spans.free, number)
		}
	}
	if !ok {
		a.putRunLocked(r, page, pages)
		return 0, 0, stale, errTables
	}
	*sp = span{page: uint32(page), pages: uint32(pages), group: first, class: uint8(c), region: r.Index()}
	a.enterLocked(r, page, 0, pages, c, first)
	return number, r.Address(page), stale, nil
}

// takeRunLocked takes n pages from the page heap, as the limit allows.
func (a *Allocator) takeRunLocked(n int, sparse bool) (r *pageheap.Region, page int, stale pageheap.PageSet, err error) {
	if err := a.budget.charge(n * pageSize); err != nil {
		return nil, 0, stale, err
	}
	r, page, stale, err = a.pages.TakeLocked(n, sparse)
	if err != nil {
		a.budget.refund(n * pageSize)
	}
	return r, page, stale, err
}

// putRunLocked gives pages back to the page heap.
func (a *Allocator) putRunLocked(r *pageheap.Region, page, n int) {
	a.budget.refund(n * pageSize)
	a.pages.PutLocked(r, page, n)
}

// enterLocked enters pages [from, to) of a span that begins at page into the page
// table.
func (a *Allocator) enterLocked(r *pageheap.Region, page, from, to, c int, number uint32) {
	for i := from; i < to; i++ {
		r.SetTagLocked(page+i, uint64(newEntry(c, i, number)))
	}
}

// endSpanLocked gives the pages of a span back.
//
// Preconditions: pages is locked; nothing of the span is in use, and it can no
// longer be found to be.
func (a *Allocator) endSpanLocked(sp *span) {
	r := a.pages.Regions()[sp.region]
	page, n := int(sp.page), int(sp.pages)
	number := entry(r.Tag(page)).number()
	if sp.class < classCount {
		number = *a.groups.spanOf(sp.group)
		a.groups.releaseLocked(sp.group, int(kinds[sp.class].groups))
	}
	a.spans.free = append(a.spans.free, number)
	if a.watch == nil || !a.watch.holdRun(a, r, page, n) { // Or it is given back later.
		a.putRunLocked(r, page, n)
	}
}

// sweep ends the span of class c whose first group is number first if nothing of
// it is in use: its groups Listed → Ending → Dead.
func (a *Allocator) sweep(c int, first uint32) {
	cl := a.class(c)
	cl.mu.Lock()
	a.sweepLocked(c, first)
	cl.mu.Unlock()
}

// sweepLocked is sweep for a caller that holds the class's lock, under which
// spans of the class begin and end. It reports whether the span has ended.
//
// First was the first group of a span of the class a while ago. If that has ended
// it is dead, of another class, or the first of another span, for ranges of groups
// stay together: it is never the middle of one.
func (a *Allocator) sweepLocked(c int, first uint32) bool {
	if n := a.beginEndLocked(c, first); n < int(kinds[c].groups) {
		a.undoEndLocked(first, n)
		return false
	}
	a.killLocked(c, first)
	return true
}

// beginEndLocked takes the groups of a span, one after the other, from Listed to
// Ending, and returns how many: not all, if of one something is in use.
func (a *Allocator) beginEndLocked(c int, first uint32) (n int) {
	k := &kinds[c]
	for ; n < int(k.groups); n++ {
		w := &a.groups.at(first + uint32(n)).word
		v := w.Load()
		want := objectsIn(int(k.objects), n) | listed | uint64(c)<<classShift
		if v&^(genBits|fresh) != want || !w.CompareAndSwap(v, v|apart) {
			break
		}
	}
	return n
}

// undoEndLocked takes the first n groups of a span from Ending to Listed.
func (a *Allocator) undoEndLocked(first uint32, n int) {
	for i := range n {
		a.groups.at(first + uint32(i)).word.And(^uint64(apart))
	}
}

// killLocked ends a span whose groups are all Ending, so that nobody changes their words
// but us: Ending → Dead.
func (a *Allocator) killLocked(c int, first uint32) {
	for i := range int(kinds[c].groups) {
		w := &a.groups.at(first + uint32(i)).word
		w.Store((w.Load() + 1<<genShift) & genBits) // No class, no free objects, and another generation.
	}
	a.pages.Lock()
	a.endSpanLocked(a.spans.at(*a.groups.spanOf(first)))
	a.pages.Unlock()
	a.idle.countSpan(c, -1)
}
