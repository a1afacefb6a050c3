package slab_test

import (
	"bytes"
	"math/bits"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestAlloc_Aligned allocates every alignment and kind of size: the address is a
// multiple, and what is asked for fits.
func TestAlloc_Aligned(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			for alignment := 1; alignment <= 4096; alignment *= 2 {
				var all [][]byte
				for n := 1; n < 3*mib; n += 1 + n/4 {
					b, err := a.AllocAligned(n, alignment)
					if err != nil {
						t.Fatal(err)
					}
					if at := uintptr(unsafe.Pointer(&b[0])); at%uintptr(alignment) != 0 || len(b) != n || cap(b) < n {
						t.Fatalf("AllocAligned(%d, %d): address %#x, length %d, capacity %d", n, alignment, at, len(b), cap(b))
					}
					all = append(all, b)
				}
				for _, b := range all {
					a.Free(b)
				}
			}
			closeEmpty(t, a)
		})
	}
}

// TestAlloc_Natural checks what Alloc promises without being asked.
func TestAlloc_Natural(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	for n := 8; n < 3*mib; n += 8 + n/5&^7 {
		b := mustAlloc(t, a, n)
		at := uintptr(unsafe.Pointer(&b[0]))
		want := uintptr(min(cap(b)&-cap(b), 4096))
		if at%8 != 0 || at%want != 0 {
			t.Errorf("an object of %d bytes is at %#x, want a multiple of %d", cap(b), at, want)
		}
		a.Free(b)
	}
	closeEmpty(t, a)
}

func TestAlloc_Zero(t *testing.T) {
	for name, o := range someModes() {
		t.Run(name, func(t *testing.T) {
			a := newAllocator(t, o)
			for _, n := range []int{0, 1, 100, 32 << 10, 40_000, mib, mib + 1, 3 * mib} {
				for range 2 {
					b, err := a.AllocZero(n)
					if err != nil {
						t.Fatal(err)
					}
					b = b[:cap(b)]
					if zeros := bytes.Count(b, []byte{0}); zeros != len(b) {
						t.Fatalf("%d of %d bytes are not zero", len(b)-zeros, n)
					}
					fillWith(b, 0xff)
					a.Free(b)
				}
			}
			closeEmpty(t, a)
		})
	}
}

// TestAlloc_Nothing allocates and frees what has no bytes.
func TestAlloc_Nothing(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	b := mustAlloc(t, a, 0)
	if b == nil || len(b) != 0 {
		t.Errorf("Alloc(0) is %v", b)
	}
	a.Free(b)
	a.Free(nil)
	b, err := a.Realloc(nil, 100)
	if err != nil || len(b) != 100 {
		t.Errorf("Realloc(nil, 100) is %d bytes, %v", len(b), err)
	}
	if b, err = a.Realloc(b, 0); err != nil || b == nil || len(b) != 0 {
		t.Errorf("Realloc to 0 is %v, %v", b, err)
	}
	if b, err = a.Realloc(b, 0); err != nil || b == nil || len(b) != 0 {
		t.Errorf("Realloc of nothing to nothing is %v, %v", b, err)
	}
	closeEmpty(t, a)
}

// TestFree_NothingOfAnObject frees slices of capacity 0 that begin where an object
// does, or where it ends and the next one begins.
func TestFree_NothingOfAnObject(t *testing.T) {
	for name, o := range modes {
		if o.Profile > 0 {
			o.Profile = 1 // every object
		}
		a := newAllocator(t, o)
		for _, n := range []int{64, 100 << 10, 2 * mib} {
			b, next := mustAlloc(t, a, n), mustAlloc(t, a, n)
			for _, o := range [][]byte{b, next} {
				a.Free(o[:0:0])
				a.Free(o[:cap(o)][cap(o):])
			}
			if s := a.Stats(); s.Objects != 2 {
				t.Errorf("%s: %d objects of %d bytes are in use, want 2", name, s.Objects, n)
			}
			a.Free(b)
			a.Free(next)
			if err := a.Trim(); err != nil {
				t.Error(err)
			}
		}
		closeEmpty(t, a)
	}
}

// TestAlloc_NoGarbage checks that allocating takes nothing from the Go heap.
func TestAlloc_NoGarbage(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	l := a.NewLocal()
	for _, n := range []int{8, 100, 5000, 32 << 10, 100 << 10} {
		a.Free(mustAlloc(t, a, n))
		if got := testing.AllocsPerRun(100, func() {
			b, _ := l.Alloc(n)
			l.Free(b)
		}); got != 0 {
			t.Errorf("Alloc and Free of %d bytes of a Local make %v allocations", n, got)
		}
		if got := testing.AllocsPerRun(100, func() {
			b, _ := a.Alloc(n)
			a.Free(b)
		}); got != 0 {
			t.Errorf("Alloc and Free of %d bytes make %v allocations", n, got)
		}
		if got := testing.AllocsPerRun(100, func() {
			b, _ := a.AllocAligned(n, 64)
			b, _ = a.Realloc(b, n+n/2)
			a.Free(b)
		}); got != 0 {
			t.Errorf("AllocAligned, Realloc and Free of %d bytes make %v allocations", n, got)
		}
	}
	closeEmpty(t, a)
}

// TestRealloc_InPlace checks when an object stays where it is.
func TestRealloc_InPlace(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	at := func(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }
	for _, tt := range []struct {
		name     string
		from, to int
		stays    bool
	}{
		{"within the class", 100, 104, true},
		{"to another class", 100, 113, false},
		{"half", 100, 53, true},
		{"less than half", 1000, 400, false},
		{"less than half of little", 64, 1, true},
		{"medium, longer", 100 << 10, 900 << 10, true},
		{"medium, shorter", 900 << 10, 40 << 10, true},
		{"medium to small", 900 << 10, 100, false},
		{"medium to large", 900 << 10, 2 * mib, false},
		{"large, longer", 2 * mib, 10 * mib, true},
		{"large, shorter", 10 * mib, 100, true},
	} {
		b := mustAlloc(t, a, tt.from)
		was := at(b)
		before := a.Stats()
		b, err := a.Realloc(b, tt.to)
		if err != nil {
			t.Fatal(err)
		}
		if stays := at(b) == was; stays != tt.stays {
			t.Errorf("%s: stays is %v", tt.name, stays)
		}
		if s := a.Stats(); s.Objects != before.Objects {
			t.Errorf("%s: there were %d objects, now %d", tt.name, before.Objects, s.Objects)
		}
		a.Free(b)
		if s := a.Stats(); s.Live != 0 {
			t.Errorf("%s: %d bytes are in use", tt.name, s.Live)
		}
	}
	closeEmpty(t, a)
}

// TestRealloc_CopiesNothingLarge lets a buffer double to 2 GiB (256 MiB among 32 bits), of
// which only the first and last bytes of each step are touched: they are still there in the
// end.
func TestRealloc_CopiesNothingLarge(t *testing.T) {
	last := 1 << 30
	if bits.UintSize == 32 || testutil.HeapBacked {
		last = 128 * mib
	}
	a := newAllocator(t, slab.Options{})
	b := mustAlloc(t, a, mib)
	for n := mib; n <= last; n *= 2 {
		b[0]++
		b[n-1] = 1
		var err error
		if b, err = a.Realloc(b, 2*n); err != nil {
			t.Fatal(err)
		}
	}
	for n := mib; n <= last; n *= 2 {
		if b[n-1] != 1 {
			t.Errorf("byte %d is lost", n-1)
		}
	}
	if b[0] == 0 {
		t.Error("byte 0 is lost")
	}
	a.Free(b)
	closeEmpty(t, a)
}

// TestAlloc_BetweenKinds: where every class has objects at hand, what is of none gets none of them: no bytes, one
// more than the largest class has, or fewer than none.
func TestAlloc_BetweenKinds(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	l := a.NewLocal()
	for n := 1; n <= 32<<10; n += 1 + n/16 {
		a.Free(mustAlloc(t, a, n))
		b, err := l.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		l.Free(b)
	}
	before := a.Stats().Objects
	for name, alloc := range map[string]func(int) ([]byte, error){
		"Alloc": a.Alloc, "AllocZero": a.AllocZero, "Local.Alloc": l.Alloc, "Local.AllocZero": l.AllocZero,
	} {
		if b, err := alloc(0); err != nil || len(b) != 0 || cap(b) != 0 || a.Stats().Objects != before {
			t.Errorf("%s(0): capacity %d, %v, %d objects after %d", name, cap(b), err, a.Stats().Objects, before)
		}
		if b, err := alloc(32<<10 + 1); err != nil || len(b) != 32<<10+1 || cap(b) != 40<<10 {
			t.Errorf("%s of one more than small objects have: %d of %d bytes, %v", name, len(b), cap(b), err)
		} else {
			a.Free(b)
		}
		mustFail(t, func() { alloc(-1) }, "slab: Alloc of -1 bytes")
	}
	l.Close()
	closeEmpty(t, a)
}
