package slab_test

import (
	"fmt"
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// mustFail calls f, which panics with a text that contains all of want.
func mustFail(t *testing.T, f func(), want ...string) {
	t.Helper()
	defer func() {
		t.Helper()
		text := fmt.Sprint(recover())
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("panic %q, want %q", text, w)
			}
		}
	}()
	f()
	t.Errorf("no panic, want %q", want)
}

func mustAlloc(t testing.TB, a *slab.Allocator, n int) []byte {
	t.Helper()
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// faults reports whether touching b is a fault.
func faults(b []byte) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	b[0]++
	return false
}

func TestDebug_CapacityIsExact(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	defer closeEmpty(t, a)
	for _, n := range []int{1, 100, 32 << 10, 100 << 10, mib, 2 * mib} {
		b := mustAlloc(t, a, n)
		if cap(b) != n {
			t.Errorf("an object of %d bytes has a capacity of %d", n, cap(b))
		}
		if b, _ = a.Realloc(b, n+1); cap(b) != n+1 {
			t.Errorf("an object of %d bytes has a capacity of %d after Realloc", n+1, cap(b))
		}
		a.Free(b)
	}
}

// TestDebug_Canary writes one byte behind the end of an object.
func TestDebug_Canary(t *testing.T) {
	for _, n := range []int{1, 100, 104, 32 << 10, 100 << 10, 2 * mib} {
		a := newAllocator(t, slab.Options{Debug: true})
		b := mustAlloc(t, a, n)
		behind := (*byte)(unsafe.Add(unsafe.Pointer(&b[0]), n))
		was := *behind
		*behind = 7
		mustFail(t, func() { a.Free(b) }, "0x7 was written 0 bytes behind its end, allocated by", "slab_test.mustAlloc")
		mustFail(t, func() { a.Realloc(b, 2*n) }, "0x7 was written 0 bytes behind its end")
		*behind = was
		further := (*byte)(unsafe.Add(unsafe.Pointer(&b[0]), n+3))
		*further = 9
		mustFail(t, func() { a.Free(b) }, "0x9 was written 3 bytes behind its end")
		*further = was
		a.Free(b)
		closeEmpty(t, a)
	}
}

// TestDebug_UseAfterFree writes to small objects that are free, and touches larger
// ones.
func TestDebug_UseAfterFree(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	defer closeEmpty(t, a)
	b := mustAlloc(t, a, 100)
	b[3] = 1
	a.Free(b)
	if b[3] == 1 {
		t.Error("a free object still has its content")
	}
	b[3] = 7
	mustFail(t, func() { a.Trim() }, fmt.Sprintf("0x7 was written at %p", &b[3]), "byte 3 of 112", "allocated by", "freed by", "TestDebug_UseAfterFree")
	b = mustAlloc(t, a, 100)
	a.Free(b)
	b[0] = 8
	mustFail(t, func() { a.Trim() }, "0x8 was written at", "byte 0 of 112")
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}

	// Kept objects are given back after some time, and looked at when used again.
	b = mustAlloc(t, a, 5000)
	a.Free(b)
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{33 << 10, 100 << 10, mib, 2 * mib, 40 * mib} {
		b := mustAlloc(t, a, n)
		a.Free(b)
		if !faults(b) && !testutil.HeapBacked {
			t.Errorf("a free object of %d bytes can be touched", n)
		}
		mustFail(t, func() { a.Free(b) }, "free already", "allocated by", "freed by", "TestDebug_UseAfterFree")
		again := mustAlloc(t, a, n)
		if faults(again) {
			t.Errorf("an object of %d bytes cannot be touched", n)
		}
		a.Free(again)
	}
	if err := a.Trim(); err != nil {
		t.Fatal(err)
	}
}

// TestDebug_UseAfterFreeWhereItWas touches a freed large object at the addresses it had
// before it grew and moved, which are good until then.
func TestDebug_UseAfterFreeWhereItWas(t *testing.T) {
	testutil.NeedsMoves(t)
	a := newAllocator(t, slab.Options{Debug: true})
	for _, sizes := range [][]int{{2 * mib, 40 * mib}, {2 * mib, 20 * mib, 3 * mib, 200 * mib}} {
		var had [][]byte
		b := mustAlloc(t, a, sizes[0])
		for _, n := range sizes[1:] {
			had = append(had, b)
			got, err := a.Realloc(b, n)
			if err != nil {
				t.Fatal(err)
			}
			b = got
		}
		for _, h := range append(had, b) {
			if faults(h) {
				t.Errorf("%d bytes at %#x cannot be touched before Free", len(h), addr(h))
			}
		}
		if addr(b) == addr(had[0]) {
			t.Error("it has not moved")
		}
		a.Free(b)
		for _, h := range append(had, b) {
			if !faults(h) || !faults(h[min(len(h), 2*mib)-1:]) {
				t.Errorf("%d bytes at %#x can be touched after Free", len(h), addr(h))
			}
		}
		if err := a.Trim(); err != nil { // Ends the quarantine.
			t.Fatal(err)
		}
	}
	closeEmpty(t, a)
}

// TestDebug_WrittenWhenReused writes to an object after it has left the queue.
func TestDebug_WrittenWhenReused(t *testing.T) {
	a := newAllocator(t, slab.Options{Debug: true})
	keep := mustAlloc(t, a, 100) // so that the span lives
	b := mustAlloc(t, a, 100)
	a.Free(b)
	for range 300 { // as many as are kept, of another class
		a.Free(mustAlloc(t, a, 1000))
	}
	b[5] = 9
	if err := a.Trim(); err != nil { // so that no shard keeps the span to itself
		t.Fatal(err)
	}
	all := [][]byte{keep}
	mustFail(t, func() {
		for range 2000 {
			all = append(all, mustAlloc(t, a, 100))
		}
	}, "slab: Alloc: 0x9 was written at", "byte 5 of 112")
	for _, b := range all {
		a.Free(b)
	}
	closeEmpty(t, a)
}

// TestDebug_Spans fills spans and empties them: their pages are inaccessible for a
// while, whatever the limit they are given back before it counts.
func TestDebug_Spans(t *testing.T) {
	testutil.NeedsFaults(t)
	a := newAllocator(t, slab.Options{Debug: true, Limit: 4 * mib})
	var all [][]byte
	for range 1000 {
		all = append(all, mustAlloc(t, a, 1000))
	}
	for _, b := range all {
		a.Free(b)
	}
	for range 300 {
		a.Free(mustAlloc(t, a, 8))
	}
	n := 0
	for _, b := range all {
		if faults(b) {
			n++
		}
	}
	if n < 300 {
		t.Errorf("%d of 1000 objects in spans that have ended are inaccessible", n)
	}
	if s := a.Stats(); s.Held == 0 || s.Charged > 4*mib {
		t.Errorf("%+v", s)
	}
	a.Free(mustAlloc(t, a, 4*mib-16))
	closeEmpty(t, a)
}

// TestDebug_Leaks closes with objects in use: the error says who allocated them.
func TestDebug_Leaks(t *testing.T) {
	a := newAllocator(t, slab.Options{Name: "leaky", Debug: true})
	for range 3 {
		mustAlloc(t, a, 100)
	}
	if _, err := a.AllocAligned(2*mib, 64); err != nil {
		t.Fatal(err)
	}
	err := a.Close()
	for _, want := range []string{`close "leaky"`, "4 objects of", "1 objects of 2097152 bytes, allocated by", "3 objects of 300 bytes, allocated by", "debug_test.go:", "TestDebug_Leaks"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Close says %v, want %q", err, want)
		}
	}
}
