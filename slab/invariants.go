package slab

import "fmt"

// checkPagesLocked panics if an invariant of pageHeap does not hold, or the page
// table does not say what the spans do.
//
// Preconditions: pages.mu is held.
func (a *Allocator) checkPagesLocked() {
	h := &a.pages
	taken, used, free, dirty := 0, 0, 0, 0
	for _, r := range *a.regions.Load() {
		taken += r.pages
		before := false // is a free run
		for page := 0; page < r.pages; {
			c, i := r.chunk(page)
			n := int(c.run[i])
			e := entry(c.entry[i].Load())
			switch {
			case e != 0:
				must(n == 0, "P1: page %d of region %d is in use and in a free run of %d", page, r.index, n)
				n = a.checkSpanLocked(r, page, e)
				used += n
			case n > 0:
				must(!before, "P3: the free run at page %d of region %d begins where another ends", page, r.index)
				must(page+n <= r.pages, "P1: the free run at page %d of region %d has %d pages, the region %d", page, r.index, n, r.pages)
				last, j := r.chunk(page + n - 1)
				must(int(last.run[j]) == n, "P1: the free run at page %d of region %d has %d pages, at its end %d", page, r.index, n, last.run[j])
				dirt := r.dirtLocked(page, n)
				must(int(c.dirt[i]) == dirt, "P2: the free run at page %d of region %d has %d dirty pages, want %d", page, r.index, c.dirt[i], dirt)
				free += n
				dirty += dirt
			default:
				n = 1 // Of a run that is held, or being given back.
			}
			before = e == 0 && c.run[i] != 0
			page += n
		}
	}
	must(h.used == used && h.free == free && h.dirty == dirty, "P2: %d pages are used, %d free, %d dirty, want %d, %d, %d",
		h.used, h.free, h.dirty, used, free, dirty)
	must(a.idle.low <= h.dirty, "P2: %d pages are dirty, and the fewest lately were %d", h.dirty, a.idle.low)
	must(used+free+h.held == taken, "P1: %d pages are used, %d free, %d held, of %d", used, free, h.held, taken)
}

// checkSpanLocked panics if the span whose first page has entry e is not entered
// as it should be, and returns the number of its pages.
func (a *Allocator) checkSpanLocked(r *region, page int, e entry) int {
	n, class, sp := 0, int(e.class()), (*span)(nil)
	if class == mediumClass {
		sp = a.spans.at(e.number())
		n = int(sp.pages)
		must(int(sp.class) == class && sp.region == r.index && int(sp.page) == page,
			"P1: page %d of region %d is of span %d, which is %+v", page, r.index, e.number(), *sp)
	} else {
		n = a.wholeRun(int(classPages[class]))
	}
	must(e.page() == 0, "P1: page %d of region %d is page %d of a span that does not begin", page, r.index, e.page())
	must(page+n <= r.pages, "P1: the span at page %d of region %d has %d pages, the region %d", page, r.index, n, r.pages)
	for i := range n {
		at := entry(r.entry(page + i).Load())
		must(at == newEntry(class, i, e.number()), "P1: page %d of region %d is entered as %#x, want page %d of what %#x is of", page+i, r.index, at, i, e)
	}
	must(r.dirtLocked(page, n) == 0, "P2: of %d pages in use at page %d of region %d %d are noted as dirty", n, page, r.index, r.dirtLocked(page, n))
	return n
}

// must panics with a text if an invariant does not hold.
func must(holds bool, format string, args ...any) {
	if !holds {
		panic("slab: BUG: " + fmt.Sprintf(format, args...))
	}
}
