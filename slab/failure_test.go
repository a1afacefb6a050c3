package slab_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

// TestFailure_TooMuch asks for what no machine has.
func TestFailure_TooMuch(t *testing.T) {
	for _, debug := range []bool{false, true} {
		a := newAllocator(t, slab.Options{Debug: debug})
		b := mustAlloc(t, a, 2*mib)
		for _, n := range []int{math.MaxInt, math.MaxInt - 1, math.MaxInt - 8, math.MaxInt - 4096, math.MaxInt/2 + 1, math.MaxInt >> 13} {
			if b, err := a.Alloc(n); err == nil || b != nil {
				t.Errorf("Alloc(%d) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.AllocZero(n); err == nil || b != nil {
				t.Errorf("AllocZero(%d) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.AllocAligned(n, 4096); err == nil || b != nil {
				t.Errorf("AllocAligned(%d, 4096) gave %d bytes and %v", n, len(b), err)
			}
			if b, err := a.Realloc(b, n); err == nil || b != nil {
				t.Errorf("Realloc(2 MiB, %d) gave %d bytes and %v", n, len(b), err)
			}
		}
		a.Free(b)
		closeEmpty(t, a)
	}
}

// TestLimit allocates up to the limit: beyond is an error, and what is freed can
// be had again in any size.
func TestLimit(t *testing.T) {
	const limit = 8 * mib
	for name, o := range map[string]slab.Options{"plain": {Limit: limit}, "debug": {Limit: limit, Debug: true}} {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			for _, n := range []int{1000, 5000, 32 << 10, 200 << 10, 2 * mib, 8*mib - 8192} {
				var all [][]byte
				for {
					b, err := a.Alloc(n)
					if err != nil {
						if !errors.Is(err, slab.ErrLimit) {
							t.Fatal(err)
						}
						break
					}
					all = append(all, b)
				}
				if s := a.Stats(); s.Charged > limit {
					t.Errorf("%d bytes are charged", s.Charged)
				}
				if len(all)*n < limit*3/4 && n > 64 {
					t.Errorf("only %d objects of %d bytes fit into %d", len(all), n, limit)
				}
				if _, err := a.Realloc(all[0], n+limit/2+mib); !errors.Is(err, slab.ErrLimit) {
					t.Errorf("Realloc beyond the limit: %v", err)
				}
				for _, b := range all {
					a.Free(b)
				}
			}
			closeEmpty(t, a)
		})
	}
}

func TestClose(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "x"})
	b := mustAlloc(t, a, 100)
	big := mustAlloc(t, a, 2*mib)
	if err := a.Close(); err == nil || err.Error() != `slab: close "x": 2 objects of 2097256 bytes are in use` {
		t.Errorf("Close with 2 objects in use says %v", err)
	}
	for name, f := range map[string]func(){
		"Alloc":        func() { a.Alloc(1) },
		"Alloc large":  func() { a.Alloc(2 * mib) },
		"AllocAligned": func() { a.AllocAligned(1, 64) },
		"Realloc":      func() { a.Realloc(b, 200) },
		"Free":         func() { a.Free(b) },
		"Free large":   func() { a.Free(big) },
		"Trim":         func() { a.Trim() },
		"Close":        func() { a.Close() },
	} {
		t.Run(name, func(t *testing.T) { mustFail(t, f, `on "x" after Close`) })
	}
	if s := a.Stats(); s.Objects != 0 || s.FreePages != 0 {
		t.Errorf("after Close: %+v", s)
	}
}

// TestRetire retires objects while a guard is pinned: they stay until it is
// unpinned, and Close waits for that.
func TestRetire(t *testing.T) {
	for _, debug := range []bool{false, true} {
		d := epoch.NewDomain(epoch.Options{})
		a := newAllocator(t, slab.Options{Domain: d, Debug: debug})
		if err := a.Retire(nil); err != nil {
			t.Error(err)
		}
		for _, n := range []int{100, 100 << 10, 2 * mib} {
			b := mustAlloc(t, a, n)
			b[0] = 5
			g, err := d.Pin()
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Retire(b); err != nil {
				t.Fatal(err)
			}
			mustFail(t, func() { a.Retire(b) }, "retired already")
			mustFail(t, func() { a.Retire(b[8:]) }, "slab: Retire of")
			if err := a.Close(); !errors.Is(err, slab.ErrRetired) {
				t.Errorf("Close with a retired object: %v", err)
			}
			if b[0] != 5 {
				t.Errorf("a retired object of %d bytes has changed under a guard", n)
			}
			g.Unpin()
			if err := d.Barrier(context.Background()); err != nil {
				t.Fatal(err)
			}
			mustFail(t, func() { a.Retire(b) }, "slab: Retire of", "free already")
		}
		if err := d.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		b := mustAlloc(t, a, 100)
		if err := a.Retire(b); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Retire in a closed domain: %v", err)
		}
		a.Free(b)
		closeEmpty(t, a)
	}
}
