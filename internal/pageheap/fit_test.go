package pageheap

import "testing"

// TestBins checks that every run in the list for n pages has n, whatever n is.
func TestBins(t *testing.T) {
	for n := 1; n < 1<<20; n += 1 + n/50 {
		b := binFor(n)
		if b >= binCount {
			t.Fatalf("list %d for %d pages, there are %d", b, n, binCount)
		}
		for m := n; m <= 4*n; m += 1 + n/20 {
			if binOf(m) < binOf(n) {
				t.Fatalf("list %d of %d pages, %d of %d", binOf(m), m, binOf(n), n)
			}
		}
		for m := max(1, n/2); m < n; m += 1 + n/50 {
			if binOf(m) >= b {
				t.Fatalf("%d pages are in list %d, which is for %d", m, binOf(m), n)
			}
		}
	}
	var h Heap
	for _, b := range []int{0, 5, 63, 64, 127, 128, 300, 2*binCount - 1} {
		h.filled[b/64] |= 1 << (b % 64)
		if got := h.firstIn(b, 2*binCount); got != b {
			t.Errorf("first from %d on is %d", b, got)
		}
		if got := h.lastIn(0, b+1); got != b {
			t.Errorf("last up to %d is %d", b, got)
		}
	}
	if got := h.firstIn(129, 300); got != -1 {
		t.Errorf("first in [129, 300) is %d", got)
	}
	if got := h.lastIn(129, 300); got != -1 {
		t.Errorf("last in [129, 300) is %d", got)
	}
}
