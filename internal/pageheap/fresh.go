package pageheap

import "math/bits"

// Of a free page it is noted whether it may have memory, for that can be given back, and
// whether that may hold old bytes: what has none, or only what the arena has prepared, is
// zero.

// soiledIn calls f for each word of the bitmaps that covers part of [page, page+n),
// with a mask of that part.
func (r *Region) soiledIn(page, n int, f func(soiled, stale *uint64, mask uint64)) {
	for end := page + n; page < end; {
		k := min(64-page%64, end-page)
		c, i := r.chunk(page)
		f(&c.soiled[i/64], &c.stale[i/64], ^uint64(0)>>(64-k)<<(page%64))
		page += k
	}
}

// soilLocked notes that pages may have memory, and old bytes in it.
func (r *Region) soilLocked(page, n int) {
	r.soiledIn(page, n, func(soiled, stale *uint64, mask uint64) {
		*soiled |= mask
		*stale |= mask
	})
}

// preparedLocked notes that pages may have memory, which is zero: the arena may have
// prepared it.
func (r *Region) preparedLocked(page, n int) {
	r.soiledIn(page, n, func(soiled, _ *uint64, mask uint64) { *soiled |= mask })
}

// cleanLocked notes that pages have no memory, or that it does not matter because
// they are in use, and returns how many it was noted of that they may.
func (r *Region) cleanLocked(page, n int) (dirt int) {
	r.soiledIn(page, n, func(soiled, stale *uint64, mask uint64) {
		dirt += bits.OnesCount64(*soiled & mask)
		*soiled &^= mask
		*stale &^= mask
	})
	return dirt
}

// dirtLocked returns how many of the pages may have memory.
func (r *Region) dirtLocked(page, n int) (dirt int) {
	r.soiledIn(page, n, func(soiled, _ *uint64, mask uint64) { dirt += bits.OnesCount64(*soiled & mask) })
	return dirt
}

// SetMax is how many pages of a run a PageSet covers.
const SetMax = 128

// PageSet is a set of pages of a run, counted from its start.
type PageSet [SetMax / 64]uint64

// staleLocked returns those of pages [from, to) of the run that begins at page that may
// hold old bytes; all others are zero.
//
// Preconditions: to is at most SetMax.
func (r *Region) staleLocked(page, from, to int) (s PageSet) {
	at := from
	r.soiledIn(page+from, to-from, func(_, stale *uint64, mask uint64) {
		word := *stale & mask >> bits.TrailingZeros64(mask)
		s[at/64] |= word << (at % 64)
		if n := bits.OnesCount64(mask); at%64+n > 64 {
			s[at/64+1] |= word >> (64 - at%64)
		}
		at += bits.OnesCount64(mask)
	})
	return s
}

// Has reports whether one of the set's pages has a part of the n bytes at off of the run.
func (s *PageSet) Has(off, n int) bool {
	for i, end := off/PageSize, min((off+n-1)/PageSize+1, SetMax); i < end; i++ {
		if s[i/64]>>(i%64)&1 != 0 {
			return true
		}
	}
	return false
}

// Clear clears the set's pages of the run that b is all of, up to its capacity.
func (s *PageSet) Clear(b []byte) {
	b = b[:cap(b)]
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			clear(b[i*PageSize : (i+1)*PageSize])
		}
	}
}
