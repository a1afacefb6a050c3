package slab_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestTyped_Limit: values that there is no room for are errors, and nothing is
// lost.
func TestTyped_Limit(t *testing.T) {
	a := newAllocator(t, slab.Options{Limit: 64 << 10})
	if p, err := slab.NewOf[[1 << 20]byte](a); p != nil || !errors.Is(err, slab.ErrLimit) {
		t.Errorf("NewOf: %v", err)
	}
	if s, err := slab.MakeSlice[uint64](a, 1<<20); s != nil || !errors.Is(err, slab.ErrLimit) {
		t.Errorf("MakeSlice: %v", err)
	}
	s, err := slab.MakeSlice[uint64](a, 10)
	if err != nil {
		t.Fatal(err)
	}
	s[9] = 7
	if more, err := slab.GrowSlice(a, s, 1<<20); more != nil || !errors.Is(err, slab.ErrLimit) || s[9] != 7 {
		t.Errorf("GrowSlice: %v", err)
	}
	slab.FreeSlice(a, s)
	c := slab.NewCache[uint64](a)
	if c.Allocator() != a {
		t.Error("a cache does not know its allocator")
	}
	closeEmpty(t, a)
}

// TestDebug_WrongCapacity frees slices of another capacity than was handed out.
func TestDebug_WrongCapacity(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	b := mustAlloc(t, a, 100)
	mustFail(t, func() { a.Free(b[:10:10]) }, "Free of a slice of capacity 10", "has 100 bytes, allocated by", "TestDebug_WrongCapacity")
	mustFail(t, func() { _, _ = a.Realloc(b[:10:10], 20) }, "Realloc of a slice of capacity 10")
	a.Free(nil) // Is nothing, here as without Debug.
	a.Free(b[:0:0])
	a.Free(b)
	closeEmpty(t, a)
}

// TestDebug_ManyLeaks: of very many stacks a report shows those with most bytes.
func TestDebug_ManyLeaks(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	get := func(n int) { mustAlloc(t, a, n) }
	// Each line is a stack of its own.
	get(10)
	get(20)
	get(30)
	get(40)
	get(50)
	get(60)
	get(70)
	get(80)
	get(90)
	get(100)
	get(110)
	get(120)
	err := a.Close()
	if err == nil || !strings.Contains(err.Error(), "and 2 stacks more") || !strings.Contains(err.Error(), "1 objects of 120 bytes") ||
		strings.Contains(err.Error(), "1 objects of 10 bytes") {
		t.Errorf("Close says %v", err)
	}
}

// TestRealloc_MediumAtTheLimit: a medium object cannot become longer where it is if
// the limit does not allow that, and is as it was.
func TestRealloc_MediumAtTheLimit(t *testing.T) {
	a := newAllocator(t, slab.Options{Limit: 128 << 10})
	b := mustAlloc(t, a, 100<<10)
	fillWith(b, 5)
	if got, err := a.Realloc(b, 200<<10); got != nil || !errors.Is(err, slab.ErrLimit) {
		t.Errorf("Realloc: %v", err)
	}
	if o := (object{b, 5}); !o.intact() {
		t.Error("the object has changed")
	}
	if s := a.Stats(); s.Charged != cap(b) {
		t.Errorf("%d bytes are charged for %d", s.Charged, cap(b))
	}
	a.Free(b)
	closeEmpty(t, a)
}

// TestProfile_FailedRealloc: an object that could not grow stays in the profile as
// what it is.
func TestProfile_FailedRealloc(t *testing.T) {
	a := newAllocator(t, slab.Options{Profile: 1, Limit: 128 << 10})
	b := mustAlloc(t, a, 1000)
	if _, err := a.Realloc(b, 1<<20); !errors.Is(err, slab.ErrLimit) {
		t.Errorf("Realloc: %v", err)
	}
	a.Free(b) // Takes it out again.
	closeEmpty(t, a)
}

// TestAlloc_SystemRefuses: where the system gives no file, no window or no length,
// every kind of allocation is an error, and works when the system does again.
func TestAlloc_SystemRefuses(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, call := range []sys.Call{sys.CallMemfdCreate, sys.CallMmap, sys.CallFtruncate} {
		for _, n := range []int{100, 100 << 10, 2 * mib} {
			t.Run(fmt.Sprintf("%v/%d", call, n), func(t *testing.T) {
				a := newAllocator(t, slab.Options{Space: addrspace.New(addrspace.Options{CacheWindows: -1})})
				restore := testutil.FailAll(call, syscall.ENOMEM)
				b, err := a.Alloc(n)
				restore()
				if b != nil || !errors.Is(err, syscall.ENOMEM) {
					t.Errorf("%d bytes, %v", len(b), err)
				}
				if s := a.Stats(); s.Objects != 0 || s.Charged != 0 {
					t.Errorf("after the error: %+v", s)
				}
				a.Free(mustAlloc(t, a, n))
				closeEmpty(t, a)
			})
		}
	}
}

// TestTrim_SystemRefuses: Trim says that the system does not take memory back, of
// free pages as of those between objects in use, and the next one gives it back.
func TestTrim_SystemRefuses(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	var held [][]byte
	for range 64 { // In spans of eight pages and more, of which a few objects stay.
		held = append(held, mustAlloc(t, a, 16<<10))
	}
	free := mustAlloc(t, a, 500<<10)
	for i, b := range held {
		fillWith(b, byte(i))
		if i%8 != 0 {
			a.Free(b)
		}
	}
	a.Free(free)
	restore := testutil.FailAll(sys.CallPunch, syscall.ENOSPC)
	err := a.Trim()
	restore()
	if !errors.Is(err, syscall.ENOSPC) || a.Stats().Refused == 0 {
		t.Errorf("Trim: %v, refused %d times", err, a.Stats().Refused)
	}
	if err := a.Trim(); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Kept != 0 || s.Returned == 0 {
		t.Errorf("after Trim: %+v", s)
	}
	for i, b := range held {
		if i%8 != 0 {
			continue
		}
		if o := (object{b, byte(i)}); !o.intact() {
			t.Errorf("object %d has changed", i)
		}
		a.Free(b)
	}
	closeEmpty(t, a)
}

// TestFree_WhatIsNoObject frees the rest of a span that no object lies in.
func TestFree_WhatIsNoObject(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	b := mustAlloc(t, a, 24) // 341 of them in a span of 8192 bytes, and 8 bytes.
	page := addr(b) &^ 8191
	rest := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(&b[0]), page+8184-addr(b))), 24)
	mustFail(t, func() { a.Free(rest) }, "that is no object")
	a.Free(b)
	closeEmpty(t, a)
}

// TestDebug_RetireWrongCapacity: the panic says what the object is, and who
// allocated it.
func TestDebug_RetireWrongCapacity(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true, Domain: epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})})
	b := mustAlloc(t, a, 100)
	mustFail(t, func() { _ = a.Retire(b[:10:10]) }, "slab: Retire of a slice of capacity 10", "has 100 bytes, allocated by", "TestDebug_RetireWrongCapacity")
	a.Free(b)
	closeEmpty(t, a)
}
