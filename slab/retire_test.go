package slab_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestRetire retires objects while a guard is pinned: they stay until it is
// unpinned, and Close waits for that.
func TestRetire(t *testing.T) {
	for _, debug := range []bool{false, true} {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
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
		if err := d.Shutdown(context.Background()); err != nil {
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

// pinned pins a domain.
func pinned(t *testing.T, d *epoch.Domain) epoch.Guard {
	t.Helper()
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestRetire_ThenFree frees, reallocates and retires what waits for a guard, each in
// every way there is: that panics at once, and the object stays what it is until the
// guard goes. Its neighbours can be freed meanwhile, in every way, too.
func TestRetire_ThenFree(t *testing.T) {
	for name, o := range someModes() {
		o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		a := newAllocator(t, o)
		l := a.NewLocal()
		for _, way := range []source{a, l} {
			for _, n := range []int{16, 100, 5000, 32 << 10, 100 << 10, mib, 2 * mib, 40 * mib} {
				t.Run(fmt.Sprintf("%s/%d/%T", name, n, way), func(t *testing.T) {
					var all [3][]byte
					for i := range all {
						b, err := way.Alloc(n)
						if err != nil {
							t.Fatal(err)
						}
						b[0] = byte(i)
						all[i] = b
					}
					g, b := pinned(t, o.Domain), all[1]
					if err := a.Retire(b); err != nil {
						t.Fatal(err)
					}
					before := a.Stats()
					const want = "retired already"
					mustFail(t, func() { a.Free(b) }, "slab: Free of", want)
					mustFail(t, func() { a.Free(b[:0]) }, "slab: Free of", want)
					mustFail(t, func() { l.Free(b) }, "slab: Free of", want)
					mustFail(t, func() { slab.FreeSlice(a, b) }, "slab: Free of", want)
					mustFail(t, func() { _ = a.Retire(b) }, "slab: Retire of", want)
					mustFail(t, func() { _, _ = a.Realloc(b, 0) }, "slab: Free of", want)
					for _, m := range []int{1, n, cap(b) - 1, cap(b) + 1, 4 * n} {
						mustFail(t, func() { _, _ = a.Realloc(b, m) }, "slab: Realloc of", want)
					}
					mustFail(t, func() { _, _ = slab.GrowSlice(a, b, 2*n) }, "slab: Realloc of", want)
					for _, m := range []int{0, 1, n, cap(b), cap(b) + 1, 4 * n} {
						r := slab.NewArrow(a, slab.ArrowOptions{})
						mustFail(t, func() { r.Reallocate(m, b) }, want)
						mustFail(t, func() { r.Reallocate(m, b[:1:1]) }, want)
					}
					if s := a.Stats(); s.Objects != before.Objects || s.Live != before.Live || b[0] != 1 {
						t.Errorf("%+v, before %+v", s, before)
					}
					// What is handed out meanwhile is something else.
					for range 40 * 100 / (100 + n/1000) {
						c, err := way.Alloc(n)
						if err != nil {
							t.Fatal(err)
						}
						if &c[0] == &b[0] {
							t.Fatal("a retired object is handed out")
						}
						way.Free(c)
					}
					way.Free(all[0])
					mustFail(t, func() { way.Free(all[0]) }, "slab: Free of", "free already")
					g.Unpin()
					if err := o.Domain.Barrier(context.Background()); err != nil {
						t.Fatal(err)
					}
					mustFail(t, func() { a.Free(b) }, "slab: Free of", "free already")
					way.Free(all[2])
				})
			}
		}
		l.Close()
		closeEmpty(t, a)
	}
}

// TestRetire_Random retires, allocates and frees at random, through Locals too, while
// guards come and go.
func TestRetire_Random(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	a := newAllocator(t, slab.Options{Domain: d})
	loops := 4000
	if testing.Short() {
		loops = 1000
	}
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 31))
			l := a.NewLocal()
			defer l.Close()
			var mine []object
			var guards []epoch.Guard
			for i := range loops {
				way := []source{a, l}[rng.IntN(2)]
				switch k := len(mine); {
				case rng.IntN(8) == 0 && len(guards) < 4:
					guard, err := d.Pin()
					if err != nil {
						t.Error(err)
						return
					}
					guards = append(guards, guard)
				case rng.IntN(6) == 0 && len(guards) > 0:
					guards[0].Unpin()
					guards = guards[1:]
				case k < 64:
					b, err := way.Alloc(size(rng)%(100<<10) + 1)
					if err != nil {
						t.Error(err)
						return
					}
					o := object{b, byte(i<<2 | g)}
					o.write()
					mine = append(mine, o)
				default:
					j := rng.IntN(k)
					o := mine[j]
					mine = append(mine[:j], mine[j+1:]...)
					if !o.intact() {
						t.Errorf("an object of %d bytes has changed", len(o.b))
					}
					if rng.IntN(2) == 0 {
						way.Free(o.b)
					} else if err := a.Retire(o.b); err != nil {
						t.Error(err)
					}
				}
			}
			for _, guard := range guards {
				guard.Unpin()
			}
			for _, o := range mine {
				a.Free(o.b)
			}
		})
	}
	wg.Wait()
	if err := d.Barrier(context.Background()); err != nil {
		t.Fatal(err)
	}
	a.Check()
	closeEmpty(t, a)
}

// TestRetire_RefusedIsInUse: what a domain has no room for is in use as before.
func TestRetire_RefusedIsInUse(t *testing.T) {
	for name, o := range modes {
		o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 8})
		a := newAllocator(t, o)
		for _, n := range []int{16, 100 << 10, 2 * mib} {
			b, again := mustAlloc(t, a, n), mustAlloc(t, a, n)
			for range 2 {
				if err := a.Retire(b); !errors.Is(err, epoch.ErrRetired) {
					t.Errorf("%s: Retire of %d bytes: %v", name, n, err)
				}
			}
			a.Free(b)
			b, err := a.Realloc(again, n+1)
			if err != nil {
				t.Fatal(err)
			}
			a.Free(b)
		}
		closeEmpty(t, a)
	}
}

// TestRetire_RefusedBesideRetired: of two neighbours the domain takes one and refuses the other: that is in use, and
// the first is still retired.
func TestRetire_RefusedBesideRetired(t *testing.T) {
	for name, o := range modes {
		o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 100})
		a := newAllocator(t, o)
		g := pinned(t, o.Domain)
		b, refused := mustAlloc(t, a, 64), mustAlloc(t, a, 64)
		if err := a.Retire(b); err != nil {
			t.Fatal(err)
		}
		if err := a.Retire(refused); !errors.Is(err, epoch.ErrRetired) {
			t.Errorf("%s: Retire beyond the limit: %v", name, err)
		}
		if said := panics(func() { a.Free(b) }); said == "" {
			t.Errorf("%s: Free of what is retired goes unnoticed", name)
		}
		a.Free(refused)
		g.Unpin()
		if err := o.Domain.Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		if said := panics(func() { a.Free(b) }); said == "" {
			t.Errorf("%s: Free of what was retired, and is free, goes unnoticed", name)
		}
		closeEmpty(t, a)
	}
}

// TestClose_BesideReaper closes an allocator while what was retired is being freed:
// Close is right that a guard holds it, or waits until it is free, and finds nothing in
// use.
func TestClose_BesideReaper(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 100
	}
	for name, o := range modes {
		for i := range rounds {
			o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
			a := newAllocator(t, o)
			g := pinned(t, o.Domain)
			for range 1 + i%4 {
				for _, n := range []int{32 << 10, 100, 100 << 10} {
					if err := a.Retire(mustAlloc(t, a, n)); err != nil {
						t.Fatal(err)
					}
				}
			}
			unpinned := make(chan struct{})
			go func() {
				g.Unpin()
				if i%2 == 0 {
					o.Domain.TryReclaim()
				}
				close(unpinned)
			}()
			err := a.Close()
			if errors.Is(err, slab.ErrRetired) {
				<-unpinned
				err = a.Close()
			}
			if err != nil {
				t.Fatalf("%s, round %d: %v", name, i, err)
			}
			<-unpinned
		}
	}
}
