package slab

import (
	"fmt"

	"github.com/growarena/growarena/internal/pageheap"
)

// checkPagesLocked panics if an invariant of the page heap does not hold, or the page
// table does not say what the spans do.
//
// Preconditions: pages is locked.
func (a *Allocator) checkPagesLocked() { a.pages.CheckLocked(a.checkSpanLocked) }

// checkSpanLocked panics if the span whose first page has that tag is not entered as it
// should be, and returns the number of its pages.
func (a *Allocator) checkSpanLocked(r *pageheap.Region, page int, tag uint64) int {
	e := entry(tag)
	n, class := a.pagesOfLocked(e), int(e.class())
	if class == mediumClass {
		sp := a.spans.at(e.number())
		must(int(sp.class) == class && sp.region == r.Index() && int(sp.page) == page,
			"P1: page %d of region %d is of span %d, which is %+v", page, r.Index(), e.number(), *sp)
	}
	must(e.page() == 0, "P1: page %d of region %d is page %d of a span that does not begin", page, r.Index(), e.page())
	must(page+n <= r.Pages(), "P1: the span at page %d of region %d has %d pages, the region %d", page, r.Index(), n, r.Pages())
	for i := range n {
		at := entry(r.Tag(page + i))
		must(at == newEntry(class, i, e.number()), "P1: page %d of region %d is entered as %#x, want page %d of what %#x is of", page+i, r.Index(), at, i, e)
	}
	return n
}

// must panics with a text if an invariant does not hold.
func must(holds bool, format string, args ...any) {
	if !holds {
		panic("slab: BUG: " + fmt.Sprintf(format, args...))
	}
}
