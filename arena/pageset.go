package arena

import (
	"iter"
	"math/bits"
	"slices"
)

// pageSet is a set of pages of an arena, by number.
type pageSet struct{ words []uint64 }

// add adds the pages [from, to).
func (s *pageSet) add(from, to int) {
	if n := (to + 63) / 64; n > len(s.words) {
		s.words = append(s.words, make([]uint64, n-len(s.words))...)
	}
	for from < to {
		i, n := from/64, min(to-from, 64-from%64)
		s.words[i] |= (1<<n - 1) << (from % 64) // Shifted by 64 it is all ones.
		from += n
	}
}

// remove takes the pages [from, to) out.
func (s *pageSet) remove(from, to int) {
	to = min(to, 64*len(s.words))
	for from < to {
		i, n := from/64, min(to-from, 64-from%64)
		s.words[i] &^= (1<<n - 1) << (from % 64)
		from += n
	}
}

// addAll adds the pages of other.
func (s *pageSet) addAll(other *pageSet) {
	if n := len(other.words); n > len(s.words) {
		s.words = append(s.words, make([]uint64, n-len(s.words))...)
	}
	for i, w := range other.words {
		s.words[i] |= w
	}
}

// count returns how many pages below to it has.
func (s *pageSet) count(to int) (n int) {
	for i, w := range s.words {
		if 64*i+64 > to {
			w &= 1<<max(to-64*i, 0) - 1
		}
		n += bits.OnesCount64(w)
	}
	return n
}

// runs yields the runs [from, to) of pages below limit, in order. Pages may be removed meanwhile up to the
// end of the run that was yielded last.
func (s *pageSet) runs(limit int) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := s.next(0, limit, true); from < limit; {
			to := s.next(from, limit, false)
			if !yield(from, to) {
				return
			}
			from = s.next(to, limit, true)
		}
	}
}

// next returns the first page at or behind at that is in the set, or is not, and limit if there is none.
func (s *pageSet) next(at, limit int, in bool) int {
	for at < limit {
		w := uint64(0)
		if at/64 < len(s.words) {
			w = s.words[at/64]
		} else if in {
			return limit
		}
		if !in {
			w = ^w
		}
		if w >>= at % 64; w != 0 {
			return min(at+bits.TrailingZeros64(w), limit)
		}
		at = (at/64 + 1) * 64
	}
	return limit
}

// clear empties the set.
func (s *pageSet) clear() { clear(s.words) }

// clone returns a copy.
func (s *pageSet) clone() pageSet { return pageSet{slices.Clone(s.words)} }
