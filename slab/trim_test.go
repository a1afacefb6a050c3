package slab_test

import (
	"testing"

	"github.com/growarena/growarena/slab"
)

// TestTrim_GivesBack frees what holds bytes and trims: the pages are the system's
// then, so what comes next is zero.
func TestTrim_GivesBack(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	again := 0
	for _, n := range []int{500 << 10, 100, 5000, 32 << 10, 500 << 10, 1 << 20} {
		b := mustAlloc(t, a, n)
		at := addr(b)
		fillWith(b, 0xff)
		a.Free(b)
		if err := a.Trim(); err != nil {
			t.Fatal(err)
		}
		if s := a.Stats(); s.Kept != 0 || s.Live != 0 {
			t.Errorf("%d bytes: after Trim %+v", n, s)
		}
		b = mustAlloc(t, a, n)
		if addr(b) == at {
			again++
		}
		if !allZero(b) {
			t.Errorf("%d bytes are still there after Trim", n)
		}
		a.Free(b)
	}
	if again == 0 {
		t.Error("no pages came back")
	}
	closeEmpty(t, a)
}

// TestFree_MergesNeighbours frees three runs of pages that lie side by side, in
// every order: one that is as long as all of them fits where they were.
func TestFree_MergesNeighbours(t *testing.T) {
	const n = 64 << 10
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		a := newAllocator(t, slab.Options{})
		var runs [3][]byte
		for i := range runs {
			runs[i] = mustAlloc(t, a, n)
			if addr(runs[i]) != addr(runs[0])+uintptr(i*n) {
				t.Fatalf("run %d is at %#x, the first at %#x", i, addr(runs[i]), addr(runs[0]))
			}
		}
		behind := mustAlloc(t, a, n)
		for _, i := range order {
			a.Free(runs[i])
		}
		b := mustAlloc(t, a, 3*n)
		if addr(b) != addr(runs[0]) {
			t.Errorf("freed in order %v: what is as long is at %#x, not at %#x", order, addr(b), addr(runs[0]))
		}
		a.Free(b)
		a.Free(behind)
		closeEmpty(t, a)
	}
}
