package slab_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

const mib = 1 << 20

func TestMain(m *testing.M) {
	memfile.FixPrices(0, 1) // Else what is prepared depends on the machine.
	testutil.Main(m, func() { _ = addrspace.Default().Trim() })
}

func newAllocator(t testing.TB, o slab.Options) *slab.Allocator {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	return slab.New(o)
}

func closeEmpty(t testing.TB, a *slab.Allocator) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// object is what a test remembers of what it holds.
type object struct {
	b    []byte
	fill byte
}

func (o *object) write() { fillWith(o.b, o.fill) }

func (o *object) intact() bool { return bytes.Count(o.b, []byte{o.fill}) == len(o.b) }

// fillWith sets all of b, fast also with -race.
func fillWith(b []byte, with byte) {
	if len(b) == 0 {
		return
	}
	b[0] = with
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// size draws a request size: mostly small, sometimes medium or large.
func size(rng *rand.Rand) int {
	switch rng.IntN(100) {
	case 0:
		return 1 + rng.IntN(3*mib)
	case 1, 2, 3, 4:
		return 1 + rng.IntN(200<<10)
	default:
		return 1 + rng.IntN(1<<rng.IntN(13))
	}
}

// source is what both an allocator and a Local are.
type source interface {
	Alloc(n int) ([]byte, error)
	AllocZero(n int) ([]byte, error)
	Free(b []byte)
}

// modes are the ways to make an allocator that behave alike.
var modes = map[string]slab.Options{
	"plain":   {},
	"debug":   {Debug: true},
	"profile": {Profile: 64 << 10},
	"all":     {Debug: true, Profile: 512 << 10, Limit: 1 << 30},
}

// someModes are all modes, or with -short those that cover most.
func someModes() map[string]slab.Options {
	if testing.Short() {
		return map[string]slab.Options{"plain": modes["plain"], "all": modes["all"]}
	}
	return modes
}

// TestAllocator_Model allocates, reallocates and frees at random. Every object
// keeps what was written into it, and the counters agree with what is held.
func TestAllocator_Model(t *testing.T) {
	for name, o := range someModes() {
		for seed := range uint64(seeds()) {
			t.Run(fmt.Sprint(name, seed), func(t *testing.T) { model(t, seed, newAllocator(t, o), o) })
		}
	}
}

func model(t *testing.T, seed uint64, a *slab.Allocator, o slab.Options) {
	rng := rand.New(rand.NewPCG(seed, 11))
	sources := []source{a, a.NewLocal(), a.NewLocal()}
	var live []object
	check := func() {
		for _, l := range sources[1:] {
			l.(*slab.Local).Trim() // What it has at hand counts.
		}
		if !o.Debug { // There, what is kept from being used again counts.
			checkStats(t, a, live)
		}
	}
	steps := 3_000
	if testing.Short() && o.Debug {
		steps = 1_600
	}
	for step := range steps {
		switch op := rng.IntN(10); {
		case op < 5 || len(live) == 0:
			n := size(rng)
			b, err := sources[rng.IntN(len(sources))].Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != n || cap(b) < n {
				t.Fatalf("Alloc(%d) has len %d, cap %d", n, len(b), cap(b))
			}
			live = append(live, object{b, byte(step)})
			live[len(live)-1].write()
		case op < 8 || len(live) > 1000:
			i := rng.IntN(len(live))
			if !live[i].intact() {
				t.Fatalf("step %d: an object of %d bytes has changed", step, len(live[i].b))
			}
			sources[rng.IntN(len(sources))].Free(live[i].b)
			live[i] = live[len(live)-1]
			live = live[:len(live)-1]
		default:
			i, n := rng.IntN(len(live)), size(rng)
			o := &live[i]
			old := len(o.b)
			b, err := a.Realloc(o.b, n)
			if err != nil {
				t.Fatal(err)
			}
			o.b = b[:min(old, n)]
			if !o.intact() {
				t.Fatalf("step %d: Realloc from %d to %d bytes lost something", step, old, n)
			}
			o.b = b
			o.write()
		}
		if step%1000 == 0 {
			check()
		}
		if step%2000 == 1500 {
			check()
			if err := a.Trim(); err != nil {
				t.Fatal(err)
			}
			check()
		}
	}
	for _, o := range live {
		if !o.intact() {
			t.Fatalf("an object of %d bytes has changed", len(o.b))
		}
		sources[rng.IntN(len(sources))].Free(o.b)
	}
	sources[1].(*slab.Local).Close()
	sources[2].(*slab.Local).Trim() // Close of the allocator closes it.
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	checkStats(t, a, nil)
	if s := a.Stats(); s.Charged != 0 || s.Kept != 0 || s.Held != 0 || len(s.Classes) != 0 {
		t.Errorf("after freeing all and Trim: %+v", s)
	}
	closeEmpty(t, a)
}

func checkStats(t *testing.T, a *slab.Allocator, live []object) {
	t.Helper()
	bytes := 0
	for _, o := range live {
		bytes += cap(o.b)
	}
	s := a.Stats()
	if s.Objects != len(live) || s.Live < bytes || s.Charged < s.Live {
		t.Fatalf("%d objects of %d bytes are held, Stats says %+v", len(live), bytes, s)
	}
}

// TestAllocator_Hammer lets goroutines allocate, hand over, check and free, every
// other one through a Local.
func TestAllocator_Hammer(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) { hammer(t, newAllocator(t, o)) })
	}
}

func hammer(t *testing.T, a *slab.Allocator) {
	goroutines, loops := 2*runtime.GOMAXPROCS(0)+2, 10_000
	if testing.Short() {
		loops = 2000
	}
	handOver := make(chan object, 64)
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 12))
			var from source = a
			if g%2 == 1 {
				l := a.NewLocal()
				defer l.Close()
				from = l
			}
			var mine []object
			free := func(o object) {
				if !o.intact() {
					t.Errorf("an object of %d bytes has changed", len(o.b))
				}
				from.Free(o.b)
			}
			for i := range loops {
				n := 1 + rng.IntN(1<<(4+rng.IntN(8)))
				if rng.IntN(2000) == 0 {
					n = 1 + rng.IntN(2*mib)
				}
				b, err := from.Alloc(n)
				if err != nil {
					t.Error(err)
					return
				}
				o := object{b, byte(g<<4 | i&15)}
				o.write()
				mine = append(mine, o)
				if rng.IntN(2) == 0 {
					k := rng.IntN(len(mine))
					mine[k], mine[len(mine)-1] = mine[len(mine)-1], mine[k]
					select {
					case handOver <- mine[len(mine)-1]:
						mine = mine[:len(mine)-1]
					case o := <-handOver:
						free(o)
					}
				}
				for len(mine) > 200 {
					free(mine[len(mine)-1])
					mine = mine[:len(mine)-1]
				}
				if g == 0 && i%5000 == 0 {
					if err := a.Trim(); err != nil {
						t.Error(err)
					}
				}
			}
			for _, o := range mine {
				free(o)
			}
		})
	}
	wg.Wait()
	close(handOver)
	for o := range handOver {
		a.Free(o.b)
	}
	closeEmpty(t, a)
}

// TestAllocator_FreeOnce lets several goroutines free the same objects: one of
// them does, the others panic, and nothing else is harmed.
func TestAllocator_FreeOnce(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) { freeOnce(t, newAllocator(t, o)) })
	}
}

func freeOnce(t *testing.T, a *slab.Allocator) {
	for _, n := range []int{8, 100, 5000, 100 << 10, 2 * mib} {
		for range 20 {
			b, err := a.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			var mu sync.Mutex
			freed, caught := 0, 0
			for range 4 {
				wg.Go(func() {
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						if recover() != nil {
							caught++
						} else {
							freed++
						}
					}()
					a.Free(b)
				})
			}
			wg.Wait()
			if freed != 1 || caught != 3 {
				t.Fatalf("%d bytes: %d goroutines freed the same object, %d were caught", n, freed, caught)
			}
		}
	}
	closeEmpty(t, a)
}

func TestAllocator_Misuse(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "x"})
	other := newAllocator(t, slab.Options{})
	get := func(a *slab.Allocator, n int) []byte {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	small, medium, large := get(a, 100), get(a, 100<<10), get(a, 2*mib)
	foreign := get(other, 100)
	gone := get(a, 200)
	a.Free(gone)
	tests := map[string]struct {
		f    func()
		want string
	}{
		"negative":              {func() { a.Alloc(-1) }, "slab: Alloc of -1 bytes"},
		"negative realloc":      {func() { a.Realloc(nil, -1) }, "slab: Realloc to -1 bytes"},
		"odd alignment":         {func() { a.AllocAligned(8, 24) }, "alignment is 24, want a power of two up to 4096"},
		"large alignment":       {func() { a.AllocAligned(8, 8192) }, "alignment is 8192"},
		"heap":                  {func() { a.Free(make([]byte, 10)) }, `not allocated by "x"`},
		"other allocator":       {func() { a.Free(foreign) }, `not allocated by "x"`},
		"twice":                 {func() { a.Free(gone) }, "free already"},
		"twice by realloc":      {func() { a.Realloc(gone, 500) }, "free already"},
		"inside small":          {func() { a.Free(small[8:]) }, "that is 8 bytes inside an object of 104 bytes"},
		"inside medium":         {func() { a.Free(medium[4096:]) }, "that is 4096 bytes inside an object"},
		"inside large":          {func() { a.Free(large[4096:]) }, "that is 4096 bytes inside an object of 2097152 bytes"},
		"capacity":              {func() { a.Free(small[:8:8]) }, "Free of 8 bytes at"},
		"capacity of medium":    {func() { a.Free(medium[:8:8]) }, "has a capacity of 106496 bytes"},
		"capacity of large":     {func() { a.Free(large[:8:8]) }, "has a capacity of 2097152 bytes"},
		"retire with no domain": {func() { a.Retire(small) }, "Retire needs Options.Domain"},
		"limit":                 {func() { slab.New(slab.Options{Limit: -1}) }, "Limit is -1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), tt.want) {
					t.Errorf("panic %v, want %q", r, tt.want)
				}
			}()
			tt.f()
		})
	}
	a.Free(nil)
	a.Free([]byte{})
	for _, b := range [][]byte{small[:0], medium[:1], large} {
		a.Free(b)
	}
	other.Free(foreign)
	closeEmpty(t, a)
	closeEmpty(t, other)
}

// seeds is how many seeds a model test runs.
func seeds() int {
	if testing.Short() {
		return 1
	}
	return 2
}
