package slab

// A table holds records by number, 0 being none. Records do not move: it becomes longer
// by chunks, three of each length, then three of twice that, so that little is taken for
// few and a third more than needed at most for many. A number is that of the chunk and,
// in its low bits, that of the record in it.
//
// A chunk is entered before any number of it is known to anyone, and numbers go from hand
// to hand through locks and atomics, so looking one up takes neither.
type table[T any] struct {
	chunks [1 << (32 - tableShift)][]T // Written under the lock of pages.
	next   uint32                      // first number never used. Protected by pages.
}

const (
	tableShift = 26 // log2 of the longest chunk
	tableSame  = 3  // chunks of each length
)

// chunk returns the chunk that record i is in, and where in it.
func (t *table[T]) chunk(i uint32) ([]T, uint32) {
	return t.chunks[i>>tableShift], i & (1<<tableShift - 1)
}

func (t *table[T]) at(i uint32) *T {
	c, k := t.chunk(i)
	return &c[k]
}

// takeLocked returns the first of n consecutive numbers never used, all in one chunk, or
// 0 if there are no more. The first chunk is 1<<shift records long, n at least.
func (t *table[T]) takeLocked(n, shift int) uint32 {
	i := max(t.next, 1)
	if k := int(i >> tableShift); int(i)&(1<<tableShift-1)+n > len(t.chunks[k]) {
		if t.chunks[k] != nil {
			k++ // This one is full.
			i = uint32(k) << tableShift
		}
		shift += k / tableSame
		if shift > tableShift || k == len(t.chunks) {
			return 0
		}
		t.chunks[k] = make([]T, 1<<shift)
	}
	t.next = i + uint32(n)
	return i
}
