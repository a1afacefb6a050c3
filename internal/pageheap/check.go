package pageheap

import "fmt"

// EachLocked calls f for each run of pages in use, with the tag of its first page. F
// returns its length.
func (h *Heap) EachLocked(f func(r *Region, page int, tag uint64) (pages int)) {
	for _, r := range *h.regions.Load() {
		for page := 0; page < r.pages; {
			if tag := r.Tag(page); tag != 0 {
				page += f(r, page, tag)
				continue
			}
			c, i := r.chunk(page)
			page += max(int(c.run[i]), 1) // 1 in runs that are held, or being given back.
		}
	}
}

// CheckLocked panics if an invariant does not hold. As with EachLocked, f returns the
// length of the run in use that begins at page.
func (h *Heap) CheckLocked(f func(r *Region, page int, tag uint64) (pages int)) {
	taken, used, free, dirty := 0, 0, 0, 0
	for _, r := range *h.regions.Load() {
		taken += r.pages
		before := false // is a free run
		for page := 0; page < r.pages; {
			c, i := r.chunk(page)
			n := int(c.run[i])
			tag := r.Tag(page)
			switch {
			case tag != 0:
				must(n == 0, "P1: page %d of region %d is in use and in a free run of %d", page, r.index, n)
				n = f(r, page, tag)
				must(page+n <= r.pages, "P1: the run at page %d of region %d has %d pages, the region %d", page, r.index, n, r.pages)
				must(r.dirtLocked(page, n) == 0, "P2: of %d pages in use at page %d of region %d %d are noted as dirty", n, page, r.index, r.dirtLocked(page, n))
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
			before = tag == 0 && c.run[i] != 0
			page += n
		}
	}
	must(h.used == used && h.free == free && h.dirty == dirty, "P2: %d pages are used, %d free, %d dirty, want %d, %d, %d",
		h.used, h.free, h.dirty, used, free, dirty)
	must(h.low <= h.dirty, "P2: %d pages are dirty, and the fewest lately were %d", h.dirty, h.low)
	must(used+free+h.held == taken, "P1: %d pages are used, %d free, %d held, of %d", used, free, h.held, taken)
}

// must panics with a text if an invariant does not hold.
func must(holds bool, format string, args ...any) {
	if !holds {
		panic("pageheap: BUG: " + fmt.Sprintf(format, args...))
	}
}
