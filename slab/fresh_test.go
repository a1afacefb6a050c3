package slab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestFresh_TakesNothing: pages never used, and those that were given back, are zero, and
// nobody touches them to make them so.
func TestFresh_TakesNothing(t *testing.T) {
	const size = 1 << 20
	n := 16
	if testing.Short() {
		n = 6
	}
	for name, alloc := range map[string]func(a *Allocator) ([]byte, error){
		"AllocZero": func(a *Allocator) ([]byte, error) { return a.AllocZero(size) },
		"Arrow":     func(a *Allocator) ([]byte, error) { return NewArrow(a, ArrowOptions{}).Allocate(size), nil },
		"Arrow longer": func(a *Allocator) ([]byte, error) {
			r := NewArrow(a, ArrowOptions{})
			return r.Reallocate(size, r.Allocate(size/2)), nil
		},
		"MakeSlice": func(a *Allocator) ([]byte, error) { return MakeSlice[byte](a, size) },
		"GrowSlice": func(a *Allocator) ([]byte, error) {
			s, err := MakeSlice[byte](a, size/2)
			if err != nil {
				return nil, err
			}
			return GrowSlice(a, s, size)
		},
		"NewOf": func(a *Allocator) ([]byte, error) {
			p, err := NewOf[[size]byte](a)
			return p[:], err
		},
		"Local": func(a *Allocator) ([]byte, error) {
			l := a.NewLocal()
			defer l.Close()
			return l.AllocZero(size)
		},
	} {
		for _, o := range []Options{{}, {Profile: 1 << 20}} {
			if o.Profile > 0 && testing.Short() {
				continue
			}
			t.Run(fmt.Sprintf("%s/profile=%d", name, o.Profile), func(t *testing.T) {
				a := smallRegions(t)
				if o.Profile > 0 {
					a.watch = newWatch(o)
				}
				for turn := range 2 {
					var all [][]byte
					for range n {
						b, err := alloc(a)
						if err != nil {
							t.Fatal(err)
						}
						all = append(all, b)
					}
					// A copy of what was shorter may have touched its half.
					if got := a.pages.Committed(); got > n*size/8 {
						t.Errorf("turn %d: %d bytes of memory for %d that nobody touched", turn, got, n*size)
					}
					for _, b := range all {
						for i := 0; i < len(b); i += len(b) / 100 {
							if b[i] != 0 {
								t.Fatalf("byte %d is %#x", i, b[i])
							}
						}
						fill(b, 0xff)
						a.Free(b)
					}
					if err := a.Trim(); err != nil {
						t.Fatal(err)
					}
				}
				if err := a.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestFresh_Zero allocates, fills, reallocates and frees at random, and gives memory back
// in between: what shall be zero is.
func TestFresh_Zero(t *testing.T) {
	a := smallRegions(t)
	r := NewArrow(a, ArrowOptions{})
	rng := rand.New(rand.NewPCG(1, 27))
	zero := make([]byte, 2*mediumMax)
	var all [][]byte
	for i := range 600 {
		n := 1 + rng.IntN(mediumMax)
		switch op := rng.IntN(10); {
		case op < 3 && len(all) < 24:
			b, err := a.AllocZero(n)
			if err != nil {
				t.Fatal(err)
			}
			if b = b[:cap(b)]; !bytes.Equal(b, zero[:len(b)]) {
				t.Fatalf("turn %d: %d bytes are not zero", i, n)
			}
			all = append(all, b)
		case op < 5 && len(all) < 24:
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b[:cap(b)])
		case op < 7 && len(all) > 0:
			k := rng.IntN(len(all))
			old := all[k][:rng.IntN(len(all[k])+1)]
			got := r.Reallocate(n, old)
			if n > len(old) && n > cap(old) {
				if fresh := got[len(old):]; !bytes.Equal(fresh, zero[:len(fresh)]) {
					t.Fatalf("turn %d: what is beyond %d of %d bytes is not zero", i, len(old), n)
				}
			}
			all[k] = got[:cap(got)]
		case op < 9 && len(all) > 0:
			k := rng.IntN(len(all))
			fill(all[k], byte(i)|1)
			r.Free(all[k])
			all[k] = all[len(all)-1]
			all = all[:len(all)-1]
		case i%50 == 0:
			if err := a.Trim(); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range all {
			b[rng.IntN(len(b))] = 1
		}
	}
	for _, b := range all {
		r.Free(b)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
