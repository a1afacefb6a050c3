package arena

import (
	"math/rand/v2"
	"testing"
)

// TestPageSet compares a pageSet with a map.
func TestPageSet(t *testing.T) {
	const n = 300
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 1))
	var s pageSet
	want := map[int]bool{}
	for step := range 2000 {
		from := r.IntN(n)
		to := from + r.IntN(n-from+1)
		switch r.IntN(4) {
		case 0:
			s.add(from, to)
			for i := from; i < to; i++ {
				want[i] = true
			}
		case 1:
			s.remove(from, to)
			for i := from; i < to; i++ {
				delete(want, i)
			}
		case 2:
			var other pageSet
			other.add(from, to)
			s.addAll(&other)
			for i := from; i < to; i++ {
				want[i] = true
			}
		case 3:
			s = s.clone()
		}
		count, at := 0, -1
		for first, last := range s.runs(to) {
			if first <= at || last <= first || last > to {
				t.Fatalf("seed %d, step %d: run [%d, %d) behind %d", seed, step, first, last, at)
			}
			for i := at + 1; i < first; i++ {
				if want[max(i, 0)] && i >= 0 {
					t.Fatalf("seed %d, step %d: page %d is missing", seed, step, i)
				}
			}
			for i := first; i < last; i++ {
				if !want[i] {
					t.Fatalf("seed %d, step %d: page %d is too much", seed, step, i)
				}
				count++
			}
			at = last
		}
		for i := range to {
			if want[i] {
				count--
			}
		}
		if count != 0 || s.count(to) != s.count(n)-func() (c int) {
			for i := to; i < n; i++ {
				if want[i] {
					c++
				}
			}
			return c
		}() {
			t.Fatalf("seed %d, step %d: %d pages, too few by %d", seed, step, s.count(to), -count)
		}
	}
	if s.clear(); s.count(n) != 0 {
		t.Error("not empty")
	}
}
