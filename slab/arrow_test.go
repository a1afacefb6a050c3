package slab_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/slab"
)

// arrows runs f with an Arrow of each alignment, with and without debug mode, and
// checks that nothing stays allocated.
func arrows(t *testing.T, f func(t *testing.T, r *slab.Arrow, alignment int)) {
	for _, alignment := range []int{0, 256, 4096} {
		for _, debug := range []bool{false, true} {
			if testing.Short() && (alignment == 256 || debug && alignment != 0) {
				continue
			}
			t.Run(fmt.Sprintf("alignment=%d/debug=%v", alignment, debug), func(t *testing.T) {
				a := newAllocator(t, slab.Options{Debug: debug})
				defer closeEmpty(t, a)
				f(t, slab.NewArrow(a, slab.ArrowOptions{Alignment: alignment}), max(alignment, 64))
			})
		}
	}
}

func addr(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

func allZero(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) }

// mustPanic returns what f panics with.
func mustPanic(t *testing.T, f func()) (value any) {
	t.Helper()
	defer func() {
		if value = recover(); value == nil {
			t.Error("no panic")
		}
	}()
	f()
	return nil
}

// TestArrow_Allocate allocates every size up to the second page and some of each
// kind, twice, so that dirty memory comes back.
func TestArrow_Allocate(t *testing.T) {
	arrows(t, func(t *testing.T, r *slab.Arrow, alignment int) {
		var sizes []int
		for n := 1; n < 8200; n += 1 + n/64 {
			sizes = append(sizes, n)
		}
		sizes = append(sizes, 32<<10-1, 32<<10, 32<<10+1, 100_000, mib-1, mib, mib+1, 3*mib)
		for range 2 {
			var held [][]byte
			for _, n := range sizes {
				b := r.Allocate(n)
				if len(b) != n || addr(b)%uintptr(alignment) != 0 || !allZero(b[:cap(b)]) {
					t.Fatalf("Allocate(%d) has %d bytes at %#x, all zero: %v", n, len(b), addr(b), allZero(b[:cap(b)]))
				}
				fill(b[:cap(b)])
				held = append(held, b)
			}
			for _, b := range held {
				r.Free(b)
			}
		}
	})
}

func fill(b []byte) {
	for i := range b {
		b[i] = 0xa5
	}
}

func TestArrow_Nothing(t *testing.T) {
	arrows(t, func(t *testing.T, r *slab.Arrow, _ int) {
		r.Free(nil)
		r.Free([]byte{})
		if b := r.Allocate(0); b == nil || len(b) != 0 {
			t.Errorf("Allocate(0) gives %v", b)
		} else {
			r.Free(b)
		}
		for _, b := range [][]byte{nil, {}} {
			if got := r.Reallocate(0, b); len(got) != 0 {
				t.Errorf("Reallocate(0) gives %d bytes", len(got))
			}
			got := r.Reallocate(100, b)
			if len(got) != 100 || !allZero(got) {
				t.Errorf("Reallocate of nothing gives %v", got)
			}
			r.Free(got)
		}
		b := r.Allocate(100)
		b = r.Reallocate(0, b) // Still allocated, and known by where it begins.
		r.Free(b)
	})
}

// TestArrow_Free frees slices that have become shorter, longer, and of another
// capacity, and ones that it must not take.
func TestArrow_Free(t *testing.T) {
	arrows(t, func(t *testing.T, r *slab.Arrow, _ int) {
		for _, n := range []int{1, 100, 5000, 100_000, 3 * mib} {
			r.Free(r.Allocate(n)[:0])
			r.Free(r.Allocate(n)[:n/2])
			b := r.Allocate(n)
			r.Free(b[:cap(b)])
			r.Free(r.Allocate(n)[: n/2 : n/2+1])

			b = r.Allocate(n)
			if n > 1 {
				mustPanic(t, func() { r.Free(b[1:]) })
			}
			r.Free(b)
			mustPanic(t, func() { r.Free(b) })
			for _, m := range []int{0, n, 2 * cap(b)} {
				mustPanic(t, func() { r.Reallocate(m, b) })
			}
		}
		mustPanic(t, func() { r.Free(make([]byte, 10)) })
		mustPanic(t, func() { r.Reallocate(5, make([]byte, 10)) })
	})
}

// TestArrow_Reallocate grows and shrinks at random, beside a slice on the heap:
// the contents agree, and what is new beyond the capacity is zero.
func TestArrow_Reallocate(t *testing.T) {
	arrows(t, func(t *testing.T, r *slab.Arrow, alignment int) {
		rng := rand.New(rand.NewPCG(1, uint64(alignment)))
		buffers := 20
		if testing.Short() {
			buffers = 8
		}
		for range buffers {
			var b, want []byte
			for range 60 {
				n := size(rng)
				before, had := addr(b), cap(b)
				b = r.Reallocate(n, b)
				switch {
				case n <= len(want):
					want = want[:n]
				case n <= had:
					want = append(want, b[len(want):n]...) // As it was, whatever it was.
				default:
					want = append(want, make([]byte, n-len(want))...)
					if !allZero(b[len(b):cap(b)]) {
						t.Fatalf("Reallocate from capacity %d to %d bytes: the rest of the capacity is not zero", had, n)
					}
				}
				if n <= had && addr(b) != before {
					t.Fatalf("Reallocate within a capacity of %d to %d moved", had, n)
				}
				if !slices.Equal(b, want) || addr(b)%uintptr(alignment) != 0 {
					t.Fatalf("Reallocate from capacity %d to %d bytes: %d bytes at %#x, equal: %v", had, n, len(b), addr(b), slices.Equal(b, want))
				}
				for i := range 1 + n/100 {
					at := (i*97 + rng.IntN(n)) % n
					b[at] = byte(rng.Uint32())
					want[at] = b[at]
				}
			}
			r.Free(b)
		}
	})
}

// TestArrow_ReallocateLarge grows as a builder does, by doubling: from a megabyte
// on nothing is copied, and at first it does not even move.
func TestArrow_ReallocateLarge(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	defer closeEmpty(t, a)
	r := slab.NewArrow(a, slab.ArrowOptions{})
	b := r.Allocate(2 * mib)
	b[0], b[2*mib-1] = 1, 2
	first := addr(b)
	for n := 4 * mib; n <= 256*mib; n *= 2 {
		b = r.Reallocate(n, b)
		if b[0] != 1 || b[2*mib-1] != 2 || b[2*mib] != 0 || b[n-1] != 0 {
			t.Fatalf("at %d bytes: %d %d %d %d", n, b[0], b[2*mib-1], b[2*mib], b[n-1])
		}
		if n <= 8*mib && addr(b) != first {
			t.Errorf("moved at %d bytes", n)
		}
	}
	r.Free(b)
}

func TestArrow_NoMemory(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "columns", Limit: 4 * mib})
	defer closeEmpty(t, a)
	r := slab.NewArrow(a, slab.ArrowOptions{})
	for _, n := range []int{64, 100_000, 2 * mib} {
		b := r.Allocate(n)
		fill(b)
		for name, f := range map[string]func(){
			"allocate":   func() { r.Allocate(5 * mib) },
			"reallocate": func() { r.Reallocate(5*mib, b) },
		} {
			err, ok := mustPanic(t, f).(error)
			if !ok || !errors.Is(err, slab.ErrLimit) || !strings.HasPrefix(err.Error(), "slab: "+name) {
				t.Errorf("%s panics with %v", name, err)
			}
		}
		if slices.ContainsFunc(b, func(c byte) bool { return c != 0xa5 }) {
			t.Errorf("%d bytes are not as they were", n)
		}
		r.Free(b)
	}
}

func TestArrow_Misuse(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	defer closeEmpty(t, a)
	for _, n := range []int{-64, 1, 32, 65, 8192} {
		if got := mustPanic(t, func() { slab.NewArrow(a, slab.ArrowOptions{Alignment: n}) }); got != nil &&
			got != fmt.Sprintf("slab: make Arrow of \"slab\": Alignment is %d, want a power of two from 64 to 4096", n) {
			t.Errorf("%v", got)
		}
	}
	r := slab.NewArrow(a, slab.ArrowOptions{})
	b := r.Allocate(10)
	defer r.Free(b)
	for _, f := range []func(){
		func() { r.Allocate(-1) },
		func() { r.Reallocate(-1, nil) },
		func() { r.Reallocate(-1, b) },
	} {
		if got := fmt.Sprint(mustPanic(t, f)); !strings.HasPrefix(got, "slab: ") || !strings.Contains(got, "-1 bytes") {
			t.Errorf("panic %q", got)
		}
	}
}

func TestArrow_Concurrent(t *testing.T) {
	times := 100
	if testing.Short() {
		times = 40
	}
	arrows(t, func(t *testing.T, r *slab.Arrow, _ int) {
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 3))
				for range times {
					b := r.Allocate(size(rng))
					for range 3 {
						b = r.Reallocate(size(rng), b)
					}
					b[len(b)-1] = 1
					r.Free(b)
				}
			})
		}
		wg.Wait()
	})
}
