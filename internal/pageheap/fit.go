package pageheap

import "math/bits"

// Free runs of pages are kept in lists by length, eight to each doubling, with
// a bitmap of the lists that are not empty: taking a run that is long enough and
// giving one back, merged with its neighbours, are a few steps whatever there is
// (two-level segregated fit). Links and lengths are in arrays beside the page
// table, never in the pages.
//
// There are two sets of lists: of runs some pages of which may have memory, which
// are taken first, and of those that have none.
const (
	binShift = 3
	binCount = (32 - binShift) << binShift
)

// dirtyBins is where the lists of dirty runs begin.
const dirtyBins = binCount

// binOf returns the list that a free run of n pages is in.
func binOf(n int) int {
	if n < 1<<binShift {
		return n
	}
	e := bits.Len(uint(n)) - 1
	return (e-binShift+1)<<binShift | n>>(e-binShift)&(1<<binShift-1)
}

// binFor returns the first list all of whose runs have n pages or more.
func binFor(n int) int {
	b := binOf(n)
	if n < 2<<binShift {
		return b // Lists of one length.
	}
	e := bits.Len(uint(n)) - 1
	if n&(1<<(e-binShift)-1) != 0 {
		b++
	}
	return b
}

// firstIn returns the first list in [from, to) that is not empty, or -1.
func (h *Heap) firstIn(from, to int) int {
	word := h.filled[from/64] >> (from % 64) << (from % 64)
	for i := from / 64; ; word = h.filled[i] {
		if word != 0 {
			if b := i*64 + bits.TrailingZeros64(word); b < to {
				return b
			}
			return -1
		}
		if i++; i*64 >= to {
			return -1
		}
	}
}

// lastIn returns the last list in [from, to) that is not empty, or -1.
func (h *Heap) lastIn(from, to int) int {
	for b := to - 1; b >= from; b-- {
		word := h.filled[b/64] << (63 - b%64)
		if word != 0 {
			if b -= bits.LeadingZeros64(word); b >= from {
				return b
			}
			return -1
		}
		b -= b % 64
	}
	return -1
}

// linkLocked puts the free run [page, page+n), of which dirt pages are soiled,
// into its list.
func (h *Heap) linkLocked(r *Region, page, n, dirt int) {
	b := binOf(n)
	if dirt > 0 {
		b += dirtyBins
	}
	c, i := r.chunk(page)
	id := r.id(page)
	c.run[i], c.dirt[i] = uint32(n), uint32(dirt)
	last, j := r.chunk(page + n - 1)
	last.run[j] = uint32(n)
	c.prev[i], c.next[i] = 0, h.bins[b]
	if c.next[i] != 0 {
		nr, np := h.pageOf(c.next[i])
		nc, k := nr.chunk(np)
		nc.prev[k] = id
	}
	h.bins[b] = id
	h.filled[b/64] |= 1 << (b % 64)
	h.free += n
	h.dirty += dirt
}

// unlinkLocked takes the free run that begins at page out of its list.
func (h *Heap) unlinkLocked(r *Region, page int) (n, dirt int) {
	c, i := r.chunk(page)
	n, dirt = int(c.run[i]), int(c.dirt[i])
	b := binOf(n)
	if dirt > 0 {
		b += dirtyBins
	}
	if c.next[i] != 0 {
		nr, np := h.pageOf(c.next[i])
		nc, k := nr.chunk(np)
		nc.prev[k] = c.prev[i]
	}
	if c.prev[i] != 0 {
		pr, pp := h.pageOf(c.prev[i])
		pc, k := pr.chunk(pp)
		pc.next[k] = c.next[i]
	} else {
		h.bins[b] = c.next[i]
		if c.next[i] == 0 {
			h.filled[b/64] &^= 1 << (b % 64)
		}
	}
	last, j := r.chunk(page + n - 1)
	c.run[i], last.run[j] = 0, 0
	h.free -= n
	h.dirty -= dirt
	return n, dirt
}

// findRunLocked returns a free run of at least n pages, if possible one that has
// memory already, or 0.
func (h *Heap) findRunLocked(n int) pageID {
	b := binFor(n)
	if i := h.firstIn(dirtyBins+b, 2*binCount); i >= 0 {
		return h.bins[i]
	}
	if i := h.firstIn(b, binCount); i >= 0 {
		return h.bins[i]
	}
	return 0
}

// mergeLocked makes [page, page+n) a free run, or a part of one.
func (h *Heap) mergeLocked(r *Region, page, n int) {
	dirt := r.dirtLocked(page, n)
	if page > 0 {
		if c, i := r.chunk(page - 1); c.run[i] != 0 {
			before := int(c.run[i])
			_, d := h.unlinkLocked(r, page-before)
			page, n, dirt = page-before, n+before, dirt+d
		}
	}
	if page+n < r.pages {
		if c, i := r.chunk(page + n); c.run[i] != 0 {
			behind, d := h.unlinkLocked(r, page+n)
			n, dirt = n+behind, dirt+d
		}
	}
	h.linkLocked(r, page, n, dirt)
}
