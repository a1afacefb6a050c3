package slab_test

import (
	"errors"
	"math"
	"runtime"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/slab"
)

type node struct {
	key         int64
	left, right slab.Ref[node]
	_           [3]uint16
}

func TestTyped(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			typed[uint8](t, a)
			typed[[3]uint16](t, a)
			typed[complex128](t, a)
			typed[node](t, a)
			typed[[100_001]byte](t, a)
			typed[[140_001]int64](t, a)
			typed[struct{}](t, a)
			closeEmpty(t, a)
		})
	}
}

func typed[T comparable](t *testing.T, a *slab.Allocator) {
	t.Helper()
	var zero T
	cache := slab.NewCache[T](a)
	for range 2 { // The second time in memory that was used.
		p, err := slab.NewOf[T](a)
		if err != nil {
			t.Fatal(err)
		}
		q, err := cache.Get()
		if err != nil {
			t.Fatal(err)
		}
		if *p != zero || *q != zero {
			t.Errorf("a new %T is not zero", zero)
		}
		slab.Delete(a, p)
		cache.Put(q)
		lengths := []int{0, 1, 2, 3, 100}
		if unsafe.Sizeof(zero) > 1000 {
			lengths = lengths[:2]
		}
		for _, n := range lengths {
			s, err := slab.MakeSlice[T](a, n)
			if err != nil {
				t.Fatal(err)
			}
			for grown := n; grown <= 4*n; grown = 2*grown - grown/3 {
				for i, v := range s {
					if v != zero {
						t.Fatalf("%T number %d of %d is not zero", zero, i, len(s))
					}
				}
				if len(s) != grown {
					t.Fatalf("%d %T, want %d", len(s), zero, grown)
				}
				if s, err = slab.GrowSlice(a, s, 2*grown-grown/3); err != nil {
					t.Fatal(err)
				}
				if n == 0 {
					break
				}
			}
			slab.FreeSlice(a, s[:0])
		}
	}
}

// TestTyped_ShrinkLarge makes large slices as short as medium and small ones are,
// which they do not become by that.
func TestTyped_ShrinkLarge(t *testing.T) {
	for name, o := range someModes() {
		a := newAllocator(t, o)
		for _, n := range []int{200_000, 33_001, 5, 1} {
			s, err := slab.MakeSlice[[3]byte](a, mib)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range []int{n, 2 * n, n} {
				if s, err = slab.GrowSlice(a, s, n); err != nil || len(s) != n {
					t.Fatalf("%s: %d elements, want %d: %v", name, len(s), n, err)
				}
			}
			slab.FreeSlice(a, s)
		}
		closeEmpty(t, a)
	}
}

func TestTyped_Misuse(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	type person struct{ Name string }
	mustFail(t, func() { slab.NewOf[person](a) }, "slab_test.person contains a pointer (Name: string)", "store a Ref")
	mustFail(t, func() { slab.MakeSlice[*int](a, 1) }, "contains a pointer")
	mustFail(t, func() { slab.NewCache[map[int]int](a) }, "contains a pointer")
	mustFail(t, func() { slab.MakeSlice[int](a, -1) }, "slab: MakeSlice of -1 int")
	mustFail(t, func() { slab.Delete(a, new(int)) }, "not allocated by")
	s, err := slab.MakeSlice[int](a, 100)
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, func() { slab.GrowSlice(a, s, -1) }, "slab: GrowSlice to -1 int")
	mustFail(t, func() { slab.FreeSlice(a, s[1:]) }, "that is 8 bytes inside an object of 832 bytes")
	mustFail(t, func() { slab.FreeSlice(a, s[:8:8]) }, "has a capacity of 832 bytes")
	if _, err := slab.GrowSlice(a, s, math.MaxInt/8+1); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("GrowSlice to more than there is: %v", err)
	}
	if _, err := slab.MakeSlice[int](a, math.MaxInt); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("MakeSlice of more than there is: %v", err)
	}
	slab.FreeSlice(a, s)
	mustFail(t, func() { slab.FreeSlice(a, s) }, "free already")
	slab.Delete[int](a, nil)
	slab.FreeSlice[int](a, nil)
	closeEmpty(t, a)
}

// TestRef builds a tree of Refs, which the garbage collector knows nothing of.
func TestRef(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			cache := slab.NewCache[node](a)
			var root slab.Ref[node]
			for i := range int64(1000) {
				p, err := cache.Get()
				if err != nil {
					t.Fatal(err)
				}
				p.key = i * 7919 % 1000
				at := &root
				for !at.IsNil() {
					if n := at.In(a); p.key < n.key {
						at = &n.left
					} else {
						at = &n.right
					}
				}
				*at = slab.RefTo(a, p)
			}
			runtime.GC()
			want := int64(0)
			var walk func(slab.Ref[node])
			walk = func(r slab.Ref[node]) {
				n := r.In(a)
				if n == nil {
					return
				}
				walk(n.left)
				if n.key != want {
					t.Fatalf("key %d, want %d", n.key, want)
				}
				want++
				walk(n.right)
				cache.Put(n)
			}
			walk(root)
			if o.Debug {
				mustFail(t, func() { root.In(a) }, "nothing is in use there")
			}
			closeEmpty(t, a)
		})
	}
}

func TestRef_Misuse(t *testing.T) {
	a, b := newAllocator(t, slab.Options{Name: "a"}), newAllocator(t, slab.Options{Name: "b"})
	if r := slab.RefTo[int](a, nil); !r.IsNil() || r.In(a) != nil {
		t.Error("RefTo(nil) is not nil")
	}
	mustFail(t, func() { slab.RefTo(a, new(int)) }, "slab: RefTo of a int at", `no small or medium object of "a"`)
	p, err := slab.NewOf[int](a)
	if err != nil {
		t.Fatal(err)
	}
	r := slab.RefTo(a, p)
	if r.In(a) != p {
		t.Error("a Ref refers to something else")
	}
	mustFail(t, func() { r.In(b) }, "to offset 0 of region 0: nothing is in use there", `in "b"`)
	slab.Delete(a, p)
	closeEmpty(t, a)
	closeEmpty(t, b)
}
