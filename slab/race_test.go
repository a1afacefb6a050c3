package slab

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/internal/pageheap"
)

// smallRegions makes an allocator that needs a new region every 4 MiB.
func smallRegions(t *testing.T) *Allocator {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	a := New(Options{})
	a.pages.RegionMax = pageheap.RegionMin
	return a
}

// TestRegions fills several regions with objects of all kinds, and frees them in
// another order.
func TestRegions(t *testing.T) {
	a := smallRegions(t)
	const regions = 16
	rng := rand.New(rand.NewPCG(1, 13))
	var all [][]byte
	for bytes := 0; bytes < regions*pageheap.RegionMin; {
		n := 1 + rng.IntN(mediumMax)
		if rng.IntN(2) == 0 {
			n = 1 + rng.IntN(smallMax)
		}
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		b[0], b[n-1] = byte(n), byte(n)
		all = append(all, b)
		bytes += n
	}
	if n := len(a.pages.Regions()); n < regions {
		t.Errorf("there are %d regions", n)
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, b := range all {
		n := len(b)
		if b[0] != byte(n) || b[n-1] != byte(n) {
			t.Fatalf("an object of %d bytes has changed", n)
		}
		a.Free(b)
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	if s := a.Stats(); s.Objects != 0 || s.Charged != 0 || s.Kept != 0 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestFree_TwiceWhileSpansEnd frees objects twice from two goroutines at once,
// while others make and end spans of other classes from the same pages, groups and
// records: one of the two panics, and what the others have stays theirs.
func TestFree_TwiceWhileSpansEnd(t *testing.T) {
	a := smallRegions(t)
	loops := 5_000
	if testing.Short() {
		loops = 500
	}
	var done atomic.Bool
	var others sync.WaitGroup
	for _, n := range []int{300, 5000, 50_000} {
		others.Go(func() {
			for i := byte(0); !done.Load(); i++ {
				var held [40][]byte
				for k := range held {
					b, err := a.Alloc(n)
					if err != nil {
						t.Error(err)
						return
					}
					fill(b, i)
					held[k] = b
				}
				for _, b := range held {
					for _, c := range b {
						if c != i {
							t.Errorf("an object of %d bytes in use was written by another", n)
							return
						}
					}
					a.Free(b)
				}
			}
		})
	}
	for range loops {
		// A span of its own: the last object ends it.
		b, err := a.Alloc(28672)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var caught atomic.Int32
		for range 2 {
			wg.Go(func() {
				if attempt(func() { a.Free(b) }) != "" {
					caught.Add(1)
				}
			})
		}
		wg.Wait()
		if caught.Load() != 1 {
			t.Fatalf("of two that free the same object, %d were caught", caught.Load())
		}
		a.trimClass(classOf(len(b)))
	}
	done.Store(true)
	others.Wait()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// attempt calls f and returns what it panics with.
func attempt(f func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	f()
	return ""
}

// TestSweep_AgainstTakers lets goroutines take and free single objects of one
// class while others trim, so that groups change state all the time.
func TestSweep_AgainstTakers(t *testing.T) {
	a := smallRegions(t)
	loops := 20_000
	if testing.Short() {
		loops = 3000
	}
	var wg sync.WaitGroup
	for g := range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(g), 17))
			var held [][]byte
			for range loops {
				if k := len(held); k > 0 && rng.IntN(40) < k {
					i := rng.IntN(k)
					b := held[i]
					for _, c := range b[:8] {
						if c != byte(g+1) {
							t.Error("an object in use was written by another")
							return
						}
					}
					a.Free(b)
					held[i] = held[k-1]
					held = held[:k-1]
					continue
				}
				b, err := a.Alloc(16 << 10)
				if err != nil {
					t.Error(err)
					return
				}
				fill(b[:8], byte(g+1))
				held = append(held, b)
			}
			for _, b := range held {
				a.Free(b)
			}
		})
	}
	wg.Go(func() {
		for range loops / 100 {
			a.trimClass(classOf(16 << 10))
			a.sweepShards()
			a.Stats()
			runtime.Gosched()
		}
	})
	wg.Wait()
	if s := a.Stats(); s.Objects != 0 {
		t.Errorf("%+v", s)
	}
	a.Check()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestTake_Exclusive lets goroutines take from one shard, where they get into each
// other's way all the time: an object is one goroutine's alone.
func TestTake_Exclusive(t *testing.T) {
	a := smallRegions(t)
	a.shardMask = 0
	loops := 50_000
	if testing.Short() {
		loops = 10_000
	}
	var wg sync.WaitGroup
	for g := range 2 + runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var held [8][]byte
			for range loops {
				for i := range held {
					b, err := a.Alloc(48)
					if err != nil {
						t.Error(err)
						return
					}
					fill(b, byte(g+1))
					held[i] = b
				}
				for _, b := range held {
					if b[0] != byte(g+1) || b[47] != byte(g+1) {
						t.Error("an object in use was written by another")
						return
					}
					a.Free(b)
				}
			}
		})
	}
	wg.Wait()
	if s := a.Stats(); s.Objects != 0 {
		t.Errorf("%+v", s)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}
