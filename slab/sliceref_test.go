package slab_test

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/slab"
)

// TestSliceRef refers to slices of all kinds and some types, which are found again where
// they were, with length and capacity, and can be freed by that.
func TestSliceRef(t *testing.T) {
	if n := unsafe.Sizeof(slab.SliceRef[[100]int]{}); n > 16 {
		t.Errorf("a SliceRef takes %d bytes", n)
	}
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			sliceRefs[byte](t, a)
			sliceRefs[[3]uint16](t, a)
			sliceRefs[int64](t, a)
			sliceRefs[[1001]byte](t, a)
			sliceRefs[struct{}](t, a)
			closeEmpty(t, a)
		})
	}
}

func sliceRefs[T comparable](t *testing.T, a *slab.Allocator) {
	t.Helper()
	var zero T
	size := max(int(unsafe.Sizeof(zero)), 1)
	rng := rand.New(rand.NewPCG(1, 71))
	var slices [][]T
	var refs []slab.SliceRef[T]
	for _, bytes := range []int{0, 1, 8, 100, 5000, 32 << 10, 33 << 10, 600 << 10, mib, mib + 1, 3 * mib} {
		for range 4 {
			s, err := slab.MakeSlice[T](a, (bytes+size-1)/size)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(s); n > 0 && rng.IntN(2) == 0 {
				s = s[:rng.IntN(n)]
			}
			slices = append(slices, s)
			refs = append(refs, slab.SliceRefTo(a, s))
		}
	}
	for _, i := range rng.Perm(len(slices)) {
		s, r := slices[i], refs[i]
		got := r.In(a)
		if len(got) != len(s) || r.Len() != len(s) || unsafe.Sizeof(zero) > 0 && cap(got) != cap(s) ||
			cap(s) > 0 && unsafe.Sizeof(zero) > 0 && unsafe.SliceData(got) != unsafe.SliceData(s) {
			t.Fatalf("%T: %d of %d at %p, want %d of %d at %p", r, len(got), cap(got), got, len(s), cap(s), s)
		}
		if r.IsNil() != (cap(s) == 0 || unsafe.Sizeof(zero) == 0) {
			t.Errorf("IsNil of %d of %d %T is %t", len(s), cap(s), zero, r.IsNil())
		}
		slab.FreeSlice(a, got)
	}
}

// TestSliceRef_Moves: an object that was reallocated has another SliceRef, and one that was
// made shorter is found with the capacity it has.
func TestSliceRef_Moves(t *testing.T) {
	for name, o := range someModes() {
		a := newAllocator(t, o)
		b := mustAlloc(t, a, 10)
		for _, n := range []int{100, 60, 50 << 10, 400 << 10, 300 << 10, 2 * mib, 30 * mib, 5 * mib, 20} {
			var err error
			if b, err = a.Realloc(b, n); err != nil {
				t.Fatal(err)
			}
			got := slab.SliceRefTo(a, b).In(a)
			if len(got) != n || cap(got) != cap(b) || &got[0] != &b[0] {
				t.Errorf("%s: %d of %d bytes, want %d of %d", name, len(got), cap(got), n, cap(b))
			}
		}
		a.Free(b)
		closeEmpty(t, a)
	}
}

func TestSliceRef_Misuse(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			o.Name = "a"
			a, other := newAllocator(t, o), newAllocator(t, slab.Options{Name: "b"})
			const says = "slab: SliceRefTo of"
			for _, n := range []int{100, 5000, 100 << 10, 3 * mib} {
				b := mustAlloc(t, a, n)
				mustFail(t, func() { slab.SliceRefTo(a, b[1:]) }, says, `in "a"`)
				mustFail(t, func() { slab.SliceRefTo(a, b[:1:1]) }, says, "has a capacity of")
				mustFail(t, func() { slab.SliceRefTo(other, b) }, says, `"b"`)
				r := slab.SliceRefTo(a, b)
				mustFail(t, func() { r.In(other) }, "nothing that long is in use there", `in "b"`)
				a.Free(b)
				mustFail(t, func() { slab.SliceRefTo(a, b) }, says)
				if n > mib || o.Debug {
					mustFail(t, func() { r.In(a) }, "nothing that long is in use there")
				}
			}
			mustFail(t, func() { slab.SliceRefTo(a, make([]byte, 10)) }, says, "not allocated by")
			var none slab.SliceRef[byte]
			if !none.IsNil() || none.Len() != 0 || none.In(a) != nil {
				t.Error("the zero SliceRef refers to something")
			}
			if r := slab.SliceRefTo[int](a, nil); r != (slab.SliceRef[int]{}) {
				t.Errorf("SliceRefTo(nil) is %+v", r)
			}
			closeEmpty(t, a)
			closeEmpty(t, other)
		})
	}
}

// TestSliceRef_Stale: what was freed, and is part of something else since, is found out
// where its span has ended.
func TestSliceRef_Stale(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	first := mustAlloc(t, a, 5000)
	b := mustAlloc(t, a, 5000) // In the middle of a page.
	r := slab.SliceRefTo(a, b[:10])
	a.Free(first)
	a.Free(b)
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	mustFail(t, func() { r.In(a) }, "nothing that long is in use there")
	small := mustAlloc(t, a, 104) // In the same page.
	mustFail(t, func() { r.In(a) }, "nothing that long is in use there")
	a.Free(small)
	closeEmpty(t, a)
}

// TestSliceRef_Allocs: following one takes no Go heap.
func TestSliceRef_Allocs(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	for _, n := range []int{100, 100 << 10, 2 * mib} {
		b := mustAlloc(t, a, n)
		var r slab.SliceRef[byte]
		if n := testing.AllocsPerRun(100, func() {
			r = slab.SliceRefTo(a, b)
			r.In(a)[0]++
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		a.Free(b)
	}
	closeEmpty(t, a)
}
