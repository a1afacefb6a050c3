package slab

import "github.com/growarena/growarena/internal/pageheap"

// mediumMax is the largest request that is served with a run of pages. Above it,
// growing without a copy is worth a band of its own.
const mediumMax = 1 << 20

// A medium object's zero pages are known: the heap says so of as many at once.
const _ = uint(pageheap.SetMax - mediumMax/pageSize)

// allocMedium allocates n bytes in a run of pages, up to its capacity zero if so asked.
func (a *Allocator) allocMedium(n, pages int, zero bool) ([]byte, error) {
	_, start, stale, err := a.beginSpan(pages, mediumClass, zero)
	if err != nil {
		return nil, err
	}
	b := bytesAt(start, n, pages*pageSize)
	if zero {
		stale.Clear(b)
	}
	return b, nil
}

// freeMedium frees a run of pages. Of two goroutines that free the same one, the
// lock tells who was first.
func (a *Allocator) freeMedium(method string, b []byte, isRetired bool) {
	a.pages.Lock()
	sp := a.mediumLocked(b)
	if sp == nil || !a.retired.claim(addrOf(b), isRetired) {
		a.pages.Unlock()
		a.misuse(method, b)
	}
	a.endSpanLocked(sp)
	a.pages.Unlock()
}

// mediumLocked returns the span that b is the medium object of, or nil.
//
// Preconditions: pages is locked.
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

// resize makes a medium object n bytes long where it is: shorter by giving back
// its last pages, or longer if the pages behind it are free. It returns nil if that
// cannot be.
func (a *Allocator) resize(b []byte, n int, zero bool) []byte {
	a.pages.Lock()
	got, stale := a.resizeLocked(b, n)
	a.pages.Unlock()
	if zero && got != nil {
		stale.Clear(got)
	}
	return got
}

// resizeLocked is resize, and returns which of the new pages may hold old bytes.
func (a *Allocator) resizeLocked(b []byte, n int) (got []byte, stale pageheap.PageSet) {
	sp := a.mediumLocked(b)
	if sp == nil || a.retired.has(addrOf(b)) {
		return nil, stale // Freed or retired meanwhile: it will be noticed.
	}
	r := a.pages.Regions()[sp.region]
	page, have, want := int(sp.page), int(sp.pages), (n+pageSize-1)/pageSize
	switch {
	case want < have:
		a.putRunLocked(r, page+want, have-want)
	case want > have:
		if !a.pages.RoomBehindLocked(r, page, have, want-have) || a.budget.charge((want-have)*pageSize) != nil {
			return nil, stale
		}
		stale = a.pages.LengthenLocked(r, page, have, want)
		a.enterLocked(r, page, have, want, mediumClass, entry(r.Tag(page)).number())
	}
	sp.pages = uint32(want)
	return bytesAt(addrOf(b), n, want*pageSize), stale
}
