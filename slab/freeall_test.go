package slab_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

// TestFreeAll fills an allocator with objects of all kinds, through it and through Locals,
// some of them retired under a guard, and frees them at once, several times: what is not
// retired is free, what is retired stays as it is, and the allocator goes on.
func TestFreeAll(t *testing.T) {
	objects := 800
	if testing.Short() {
		objects = 300
	}
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			d := epoch.NewDomain(epoch.Options{})
			o.Domain = d
			a := newAllocator(t, o)
			l := a.NewLocal()
			rng := rand.New(rand.NewPCG(1, 61))
			type waiting struct {
				object
				g epoch.Guard
			}
			var kept []waiting
			for turn := range 6 {
				var all []object
				for i := range objects {
					way := source(a)
					if i%3 == 0 {
						way = l
					}
					b, err := way.Alloc(size(rng))
					if err != nil {
						t.Fatal(err)
					}
					o := object{b[:cap(b)], byte(turn*40 + i%40 + 1)}
					o.write()
					switch rng.IntN(8) {
					case 0:
						way.Free(b)
					case 1:
						if turn%2 == 0 { // Nothing is retired in every other turn.
							g := pinned(t, d)
							if err := a.Retire(b); err != nil {
								t.Fatal(err)
							}
							kept = append(kept, waiting{o, g})
						}
					default:
						all = append(all, o)
					}
				}
				a.FreeAll()
				bytes := 0
				for _, w := range kept {
					bytes += len(w.b)
					if !w.intact() {
						t.Fatalf("turn %d: a retired object of %d bytes has changed", turn, len(w.b))
					}
				}
				if s := a.Stats(); !o.Debug && (s.Objects != len(kept) || s.Live != bytes) {
					t.Fatalf("turn %d: %d objects of %d bytes are retired, and nothing else is in use: %+v", turn, len(kept), bytes, s)
				}
				a.Check()
				for _, i := range []int{0, len(all) / 2, len(all) - 1} {
					b := all[i].b
					mustFail(t, func() { a.Free(b) }, "slab: Free of")
					mustFail(t, func() { l.Free(b) }, "slab: Free of")
					mustFail(t, func() { _, _ = a.Realloc(b, 2*len(b)) }, "slab: Realloc of")
				}
				if n := len(kept); turn%2 == 1 {
					for _, w := range kept[:n/2] { // What waits for no others, but those.
						w.g.Unpin()
					}
					kept = kept[n/2:]
					await(t, func() bool { d.TryReclaim(); return d.Stats().Retired == len(kept) })
				}
				if turn == 3 {
					if err := a.Trim(); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, w := range kept {
				w.g.Unpin()
			}
			if err := d.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			a.FreeAll() // Of nothing.
			if err := a.Trim(); err != nil {
				t.Error(err)
			}
			if s := a.Stats(); s.Objects != 0 || s.Charged != 0 || s.Kept != 0 || s.Held != 0 {
				t.Errorf("all is free: %+v", s)
			}
			if n := len(inUse(t).Samples); n != 0 {
				t.Errorf("the profile has %d samples with nothing in use", n)
			}
			l.Close()
			closeEmpty(t, a)
			mustFail(t, a.FreeAll, "slab: FreeAll on", "after Close")
		})
	}
}

// TestFreeAll_Limit: what was charged is charged no more, and all the room is there again.
func TestFreeAll_Limit(t *testing.T) {
	const limit = 8 * mib
	a := newAllocator(t, slab.Options{Limit: limit})
	for _, n := range []int{16, 5000, 32 << 10, 100 << 10, mib, 3 * mib} {
		before := 0
		for turn := range 3 {
			count := 0
			for {
				if _, err := a.Alloc(n); err != nil {
					break
				}
				count++
			}
			if count == 0 || turn > 0 && count != before {
				t.Errorf("turn %d: %d objects of %d bytes, before %d", turn, count, n, before)
			}
			before = count
			a.FreeAll()
			if s := a.Stats(); s.Charged != 0 {
				t.Errorf("%+v", s)
			}
		}
	}
	closeEmpty(t, a)
}

// TestFreeAll_Written: in debug mode what was written behind its end is found as by Free,
// and the rest is freed the next time.
func TestFreeAll_Written(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	var all [][]byte
	for range 3 {
		all = append(all, mustAlloc(t, a, 100))
	}
	behind := (*byte)(unsafe.Add(unsafe.Pointer(&all[1][0]), len(all[1])))
	*behind++
	mustFail(t, a.FreeAll, "slab: Free of 100 bytes", "was written 0 bytes behind its end")
	*behind--
	a.FreeAll()
	for _, b := range all {
		mustFail(t, func() { a.Free(b) }, "free already", "allocated by")
	}
	closeEmpty(t, a)
}

// TestFreeAll_Kept: pages keep their memory for what comes next, and give it back a moment
// later.
func TestFreeAll_Kept(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	for range 16 * mib / 100 {
		mustAlloc(t, a, 100)
	}
	a.FreeAll()
	if s := a.Stats(); s.Kept < 8*mib {
		t.Errorf("memory is given back at once: %+v", s)
	}
	await(t, func() bool { return a.Stats().Kept <= 4*mib }) // And a moment later by itself.
	closeEmpty(t, a)
}

func ExampleAllocator_FreeAll() {
	a := slab.New(slab.Options{Name: "request"})
	for range 1000 {
		if _, err := a.Alloc(100); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(a.Stats().Objects, "objects")
	a.FreeAll()
	fmt.Println(a.Stats().Objects, "objects")
	fmt.Println(a.Close())
	// Output:
	// 1000 objects
	// 0 objects
	// <nil>
}
