package slab_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

// link is an object that readers follow.
type link struct {
	next slab.Ref[link]
	text slab.SliceRef[byte]
}

// TestDiscard ends allocators with objects of all kinds in use, and with retired ones:
// guards pinned before see all of it, and Refs lead on, until they are gone; nobody else
// can use anything.
func TestDiscard(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			space := addrspace.New(addrspace.Options{CacheWindows: -1})
			d := epoch.NewDomain(epoch.Options{})
			o.Space, o.Domain = space, d
			a := newAllocator(t, o)
			l := a.NewLocal()
			var list slab.Ref[link]
			var all []object
			for i, n := range []int{1, 100, 5000, 32 << 10, 100 << 10, mib, 3 * mib, 20 * mib} {
				way := source(a)
				if i%2 == 0 {
					way = l
				}
				b, err := way.Alloc(n)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, object{b, byte(i + 1)})
				all[i].write()
				p, err := slab.NewOf[link](a)
				if err != nil {
					t.Fatal(err)
				}
				*p = link{list, slab.SliceRefTo(a, b)}
				list = slab.RefTo(a, p)
			}
			old := mustAlloc(t, a, 100<<10) // Retired before, and seen by the first guard.
			g := pinned(t, d)
			if err := a.Retire(old); err != nil {
				t.Fatal(err)
			}
			g2 := pinned(t, d)
			if err := a.Discard(); err != nil {
				t.Fatal(err)
			}
			read := func() {
				i := len(all)
				for p := list.In(a); p != nil; p = p.next.In(a) {
					i--
					if b := p.text.In(a); &b[0] != &all[i].b[0] || len(b) != len(all[i].b) || !all[i].intact() {
						t.Fatalf("object %d has changed under a guard", i)
					}
				}
				if i != 0 {
					t.Fatalf("%d objects were not found", i)
				}
			}
			read()
			afterClose(t, a, l, all)
			read()
			g.Unpin()
			d.TryReclaim()
			read()
			g2.Unpin()
			if err := d.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			if s := space.Stats(); s.Windows != 0 {
				t.Errorf("%d windows are left", s.Windows)
			}
			afterClose(t, a, l, all)
			mustFail(t, func() { list.In(a) }, "nothing is in use there")
			mustFail(t, func() { slab.SliceRefTo(a, old) }, "SliceRefTo on", "after Close")
			if n := len(inUse(t).Samples); n != 0 {
				t.Errorf("the profile has %d samples with nothing in use", n)
			}
		})
	}
}

// afterClose: whatever uses the allocator panics and says why.
func afterClose(t *testing.T, a *slab.Allocator, l *slab.Local, all []object) {
	t.Helper()
	const want = "after Close"
	for _, n := range []int{1, 100, 100 << 10, 3 * mib} {
		mustFail(t, func() { _, _ = a.Alloc(n) }, want)
		mustFail(t, func() { _, _ = a.AllocZero(n) }, want)
		mustFail(t, func() { _, _ = l.Alloc(n) }, want)
	}
	for i := range all {
		b := all[i].b
		mustFail(t, func() { a.Free(b) }, want)
		mustFail(t, func() { l.Free(b) }, want)
		mustFail(t, func() { _, _ = a.Realloc(b, 2*len(b)) }, want)
		mustFail(t, func() { _ = a.Retire(b) }, want)
	}
	mustFail(t, func() { _ = a.Trim() }, want)
	mustFail(t, func() { a.FreeAll() }, want)
	mustFail(t, func() { _ = a.Discard() }, want)
	mustFail(t, func() { _ = a.Close() }, want)
	mustFail(t, func() { a.NewLocal() }, want)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Objects != 0 || s.Charged != 0 {
		t.Errorf("%+v", s)
	}
}

// TestDiscard_NoGuard: where nobody can be looking, the memory is gone when Discard returns.
func TestDiscard_NoGuard(t *testing.T) {
	closed := epoch.NewDomain(epoch.Options{})
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]*epoch.Domain{"no domain": nil, "closed": closed} {
		space := addrspace.New(addrspace.Options{CacheWindows: -1})
		a := newAllocator(t, slab.Options{Space: space, Domain: d})
		mustAlloc(t, a, 100)
		mustAlloc(t, a, 3*mib)
		if err := a.Discard(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if s := space.Stats(); s.Windows != 0 {
			t.Errorf("%s: %d windows are left", name, s.Windows)
		}
	}
	a := newAllocator(t, slab.Options{})
	if err := a.Discard(); err != nil { // Of nothing.
		t.Error(err)
	}
}

// TestDiscard_ClosedUnderGuard: memory that cannot wait for a guard stays as it is, and the
// allocator with it.
func TestDiscard_ClosedUnderGuard(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{})
	a := newAllocator(t, slab.Options{Domain: d})
	b := mustAlloc(t, a, 100)
	g := pinned(t, d)
	if err := d.Close(); !errors.Is(err, epoch.ErrPinned) {
		t.Fatal(err)
	}
	if err := a.Discard(); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("Discard under a guard of a closed domain: %v", err)
	}
	b[0] = 1
	a.Free(b)
	mustAlloc(t, a, 200)
	a.Check()
	g.Unpin()
	if err := a.Discard(); err != nil {
		t.Error(err)
	}
}

// TestDiscard_Limit: the domain's limit of what may wait is none for an allocator that ends.
func TestDiscard_Limit(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	d := epoch.NewDomain(epoch.Options{MaxRetired: 64 << 10})
	a := newAllocator(t, slab.Options{Domain: d, Space: space})
	b := mustAlloc(t, a, mib)
	g := pinned(t, d)
	if err := a.Discard(); err != nil {
		t.Fatal(err)
	}
	b[0]++
	g.Unpin()
	if err := d.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if s := space.Stats(); s.Windows != 0 {
		t.Errorf("%d windows are left", s.Windows)
	}
}

// TestDiscard_BesideReaper discards while retired objects are being freed by the domain's
// goroutine.
func TestDiscard_BesideReaper(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for name, o := range someModes() {
		for range rounds {
			o.Domain = epoch.NewDomain(epoch.Options{})
			a := newAllocator(t, o)
			g := pinned(t, o.Domain)
			for _, n := range []int{100, 32 << 10, 100 << 10, 2 * mib} {
				for range 8 {
					if err := a.Retire(mustAlloc(t, a, n)); err != nil {
						t.Fatal(err)
					}
				}
			}
			go g.Unpin()
			if err := a.Discard(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if err := o.Domain.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// An allocator of its own for each generation of a cache: the old one goes as a whole, when
// the last reader that may see it has gone.
func ExampleAllocator_Discard() {
	d := epoch.NewDomain(epoch.Options{})
	a := slab.New(slab.Options{Domain: d})
	b, err := a.Alloc(5)
	if err != nil {
		log.Fatal(err)
	}
	copy(b, "hello")
	text := slab.SliceRefTo(a, b)

	g, err := d.Pin() // A reader.
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Discard())
	fmt.Printf("%s\n", text.In(a)) // It still reads.
	g.Unpin()
	fmt.Println(d.Shutdown(context.Background())) // Now all is gone.
	// Output:
	// <nil>
	// hello
	// <nil>
}
