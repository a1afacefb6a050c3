package slab_test

import (
	"errors"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/growarena/growarena/slab"
)

// TestFailure_TooMuch asks for what no machine has.
func TestFailure_TooMuch(t *testing.T) {
	for _, debug := range []bool{false, true} {
		a := newAllocator(t, slab.Options{Debug: debug})
		b := mustAlloc(t, a, 2*mib)
		before := a.Stats()
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
			if s := a.Stats(); s.Charged != before.Charged || s.Live != before.Live {
				t.Errorf("of %d bytes: %+v, before %+v", n, s, before)
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
	least := limit * 3 / 4
	if os.Getpagesize() > 8<<10 {
		least = limit / 2 // Debug mode protects whole pages of the kernel.
	}
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
				if len(all)*n < least && n > 64 {
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
	a.Free(mustAlloc(t, a, mib))
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	b := mustAlloc(t, a, 100)
	big := mustAlloc(t, a, 2*mib)
	before := a.Stats()
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
	want := slab.Stats{Returned: before.Returned, Refused: before.Refused}
	if s := a.Stats(); !reflect.DeepEqual(s, want) || s.Returned == 0 {
		t.Errorf("after Close: %+v, want %+v", s, want)
	}
}
