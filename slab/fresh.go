package slab

import "math/bits"

// pageSet is a set of pages of a medium object, counted from its start.
type pageSet [(mediumMax/pageSize + 63) / 64]uint64

// staleLocked returns those of pages [from, to) of the run that begins at page that may
// hold old bytes; all others are zero.
//
// Preconditions: pages.mu is held; to is at most as many pages as a medium object has.
func (r *region) staleLocked(page, from, to int) (s pageSet) {
	for i := from; i < to; i++ {
		c, k := r.chunk(page + i)
		s[i/64] |= c.stale[k/64] >> (k % 64) & 1 << (i % 64)
	}
	return s
}

// clear clears the set's pages of a medium object.
func (s *pageSet) clear(b []byte) {
	b = b[:cap(b)]
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			i := w*64 + bits.TrailingZeros64(word)
			clear(b[i*pageSize : (i+1)*pageSize])
		}
	}
}

// allocMedium allocates n bytes in a run of pages, up to its capacity zero if so asked.
func (a *Allocator) allocMedium(n, pages int, zero bool) ([]byte, error) {
	_, start, stale, err := a.beginSpan(pages, mediumClass, zero)
	if err != nil {
		return nil, err
	}
	b := bytesAt(start, n, pages*pageSize)
	if zero {
		stale.clear(b)
	}
	return b, nil
}
