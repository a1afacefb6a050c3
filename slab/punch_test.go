package slab_test

import (
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/slab"
)

// churned returns an allocator in which of 64 MiB of objects of up to 32 KiB a random
// tenth is left, and those.
func churned(t *testing.T) (a *slab.Allocator, left []object, live int) {
	t.Helper()
	a = newAllocator(t, slab.Options{})
	rng := rand.New(rand.NewPCG(1, 21))
	most := 64 * mib
	if testing.Short() {
		most = 24 * mib
	}
	for live = 0; live < most; live += cap(left[len(left)-1].b) {
		o := object{mustAlloc(t, a, 4000+rng.IntN(28<<10)), byte(live >> 10)}
		o.write()
		left = append(left, o)
	}
	rng.Shuffle(len(left), func(i, k int) { left[i], left[k] = left[k], left[i] })
	tenth := len(left) / 10
	for _, o := range left[tenth:] {
		a.Free(o.b)
	}
	live = 0
	for _, o := range left[:tenth] {
		live += cap(o.b)
	}
	return a, left[:tenth], live
}

// TestTrim_BetweenObjects checks that pages between objects in use are given back,
// some before Trim, the rest by it, and that nothing happens to the objects.
func TestTrim_BetweenObjects(t *testing.T) {
	before := resident(t)
	a, left, live := churned(t)
	await(t, func() bool { return a.Stats().Returned > 0 })
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	// Each object lies on part of a page at either end.
	if got, most := resident(t)-before, live+len(left)*2*os.Getpagesize(); got > most {
		t.Errorf("%d bytes are live, %d resident, want at most %d", live, got, most)
	}
	if got := a.Stats(); got.Objects != len(left) {
		t.Errorf("%d objects are held, Stats says %d", len(left), got.Objects)
	}
	// What is free can be used, and is what it says it is.
	for range 1000 {
		b, err := a.AllocZero(8000)
		if err != nil {
			t.Fatal(err)
		}
		o := object{b, 0}
		if !o.intact() {
			t.Fatal("AllocZero is not zero")
		}
		o.fill = 7
		o.write()
		left = append(left, o)
	}
	a.Check()
	for _, o := range left {
		if !o.intact() {
			t.Fatalf("an object of %d bytes has changed", len(o.b))
		}
		a.Free(o.b)
	}
	closeEmpty(t, a)
}

// TestTrim_AgainstTakers gives pages back while goroutines take the objects on them,
// fill and check and free them.
func TestTrim_AgainstTakers(t *testing.T) {
	a, left, _ := churned(t)
	loops := 3000
	if testing.Short() {
		loops = 500
	}
	var done atomic.Bool
	var takers, trimmer sync.WaitGroup
	trimmer.Go(func() {
		for !done.Load() {
			if err := a.Trim(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for g := range 4 {
		takers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 22))
			var from source = a
			if g%2 == 1 {
				l := a.NewLocal()
				defer l.Close()
				from = l
			}
			var mine [16]object
			for i := range loops {
				o := &mine[rng.IntN(len(mine))]
				if !o.intact() {
					t.Errorf("an object of %d bytes has changed", len(o.b))
				}
				from.Free(o.b)
				b, err := from.Alloc(1 + rng.IntN(20_000))
				if err != nil {
					t.Error(err)
					return
				}
				*o = object{b, byte(i<<2 | g)}
				o.write()
			}
			for _, o := range mine {
				from.Free(o.b)
			}
		})
	}
	takers.Wait()
	done.Store(true)
	trimmer.Wait()
	a.Check()
	for _, o := range left {
		if !o.intact() {
			t.Fatalf("an object of %d bytes has changed", len(o.b))
		}
		a.Free(o.b)
	}
	closeEmpty(t, a)
}
