package slab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestFresh_TakesNothing: pages never used, and those that were given back, are zero, and
// nobody touches them to make them so.
func TestFresh_TakesNothing(t *testing.T) {
	testutil.NeedsMoves(t)
	const size = 1 << 20
	n := 16
	if testing.Short() {
		n = 4
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

// TestFresh_SmallTakesNothing is the same of objects that share a span: as long as nothing
// of their group was freed, nobody touches them.
func TestFresh_SmallTakesNothing(t *testing.T) {
	testutil.NeedsMoves(t)
	const total = 4 << 20
	for _, n := range []int{punchSize, 20_000, smallMax} {
		for name, way := range map[string]func(a *Allocator) (alloc func() ([]byte, error)){
			"AllocZero": func(a *Allocator) func() ([]byte, error) {
				return func() ([]byte, error) { return a.AllocZero(n) }
			},
			"Arrow": func(a *Allocator) func() ([]byte, error) {
				r := NewArrow(a, ArrowOptions{})
				return func() ([]byte, error) { return r.Allocate(n), nil }
			},
			"MakeSlice": func(a *Allocator) func() ([]byte, error) {
				return func() ([]byte, error) { return MakeSlice[byte](a, n) }
			},
			"Local": func(a *Allocator) func() ([]byte, error) {
				l := a.NewLocal()
				return func() ([]byte, error) { return l.AllocZero(n) }
			},
		} {
			for _, o := range []Options{{}, {Profile: 1 << 20}} {
				if testing.Short() && (o.Profile > 0 || n != 20_000 && name != "AllocZero") {
					continue
				}
				t.Run(fmt.Sprintf("%d/%s/profile=%d", n, name, o.Profile), func(t *testing.T) {
					a := smallRegions(t)
					if o.Profile > 0 {
						a.watch = newWatch(o)
					}
					alloc := way(a)
					for turn := range 3 {
						var all [][]byte
						for range total / n {
							b, err := alloc()
							if err != nil {
								t.Fatal(err)
							}
							all = append(all, b[:cap(b)])
						}
						if got := a.pages.Committed(); got > total/16 {
							t.Errorf("turn %d: %d bytes of memory for %d that nobody touched", turn, got, total)
						}
						for i, b := range all {
							if b[0] != 0 || b[i*100%len(b)] != 0 || b[len(b)-1] != 0 {
								t.Fatalf("turn %d: object %d is not zero", turn, i)
							}
							b[0], b[i*100%len(b)] = 1, 1
						}
						if turn == 1 {
							a.FreeAll()
						} else {
							for _, b := range all {
								a.Free(b)
							}
						}
						for l := range a.locals.open {
							l.Trim()
						}
						if err := a.Trim(); err != nil {
							t.Fatal(err)
						}
					}
					a.Check()
					if err := a.Close(); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// TestFresh_SmallZero allocates and frees small objects at random, through the allocator
// and Locals, zeroed and not, with dirt in them, some retired: what shall be zero is.
func TestFresh_SmallZero(t *testing.T) {
	for _, n := range []int{16, 48, 1000, 9 << 10, 28672} {
		d := epoch.NewDomain(epoch.Options{})
		a := smallRegions(t)
		a.domain = d
		locals := []*Local{a.NewLocal(), a.NewLocal()}
		rng := rand.New(rand.NewPCG(uint64(n), 83))
		zero := make([]byte, smallMax)
		var all [][]byte
		most := 400 // objects: more and fewer, so that spans begin and end
		for i := range 6000 {
			if i%500 == 0 {
				most = 20 + rng.IntN(400)
				if err := a.Trim(); err != nil {
					t.Fatal(err)
				}
			}
			way := rng.IntN(len(locals) + 2)
			free := func(k int) {
				b := all[k]
				all[k] = all[len(all)-1]
				all = all[:len(all)-1]
				switch {
				case way < len(locals):
					locals[way].Free(b)
				case way == len(locals):
					a.Free(b)
				default:
					if err := a.Retire(b); err != nil {
						t.Fatal(err)
					}
					d.TryReclaim()
				}
			}
			switch op := rng.IntN(100); {
			case op < 60 && len(all) < most:
				alloc, isZero := a.Alloc, op >= 20
				switch {
				case way < len(locals) && isZero:
					alloc = locals[way].AllocZero
				case way < len(locals):
					alloc = locals[way].Alloc
				case isZero:
					alloc = a.AllocZero
				}
				b, err := alloc(n)
				if err != nil {
					t.Fatal(err)
				}
				if b = b[:cap(b)]; isZero && !bytes.Equal(b, zero[:len(b)]) {
					t.Fatalf("turn %d: %d bytes are not zero", i, n)
				}
				fill(b, byte(i)|1)
				all = append(all, b)
			case op < 97 && len(all) > 0:
				free(rng.IntN(len(all)))
			case op == 97:
				locals[i%2].Trim()
			case op == 98 && i%7 == 0:
				a.FreeAll()
				all = nil
			}
			if i%100 == 0 {
				_ = d.Barrier(t.Context())
				a.Check()
			}
		}
		if err := d.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.FreeAll()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFresh_GivenBack: what a Local has used, been given back and gives up, when it is
// trimmed or for other groups, is not zero for that.
func TestFresh_GivenBack(t *testing.T) {
	for _, n := range []int{16, 1000, 9 << 10} {
		a := smallRegions(t)
		l := a.NewLocal()
		for turn := range 3 {
			var all [][]byte
			for range 2 + turn*6*groupLen {
				b, err := l.Alloc(n)
				if err != nil {
					t.Fatal(err)
				}
				fill(b, 0xff)
				all = append(all, b)
			}
			for _, b := range all[1:] { // The first keeps the span from ending.
				l.Free(b)
			}
			l.Trim()
			for range 8 * groupLen {
				b, err := a.AllocZero(n)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Count(b, []byte{0}) != n {
					t.Fatalf("turn %d: %d bytes are not zero", turn, n)
				}
			}
			a.FreeAll()
			if err := a.Trim(); err != nil { // For fresh pages.
				t.Fatal(err)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
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
