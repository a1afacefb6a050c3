package pool_test

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// TestPool_Keep checks that freed memory is kept within its bound, serves again,
// and goes when trimmed.
func TestPool_Keep(t *testing.T) {
	if bits.UintSize == 32 {
		t.Skip("no room for 2000 bands")
	}
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Keep: 16 * mib})
	defer closePool(t, p)
	cycle := func(n, size int) {
		t.Helper()
		bufs := make([][]byte, n)
		for i := range bufs {
			bufs[i] = alloc(t, p, size)
			if !isZero(bufs[i]) {
				t.Fatal("bytes are not zero")
			}
			fill(bufs[i], 0)
		}
		for _, b := range bufs {
			p.Free(b)
		}
		if s := p.Stats(); s.Kept > 16*mib || s.Committed > s.Kept {
			t.Errorf("%d buffers of %d bytes: %+v", n, size, s)
		}
	}
	cycle(10, mib)
	if s := p.Stats(); s.Kept != 10*mib {
		t.Errorf("kept %d bytes of 10 buffers of 1 MiB", s.Kept)
	}
	if calls := testutil.CountCalls(func() { cycle(5, mib-5000) }); calls[sys.CallAllocate]+calls[sys.CallPunch]+calls[sys.CallMadvise] > 0 {
		t.Errorf("system calls for kept memory: %v", calls)
	}
	larger := 10
	if testing.Short() {
		larger = 5
	}
	cycle(larger, 4*mib) // Too large to be kept.
	cycle(40, 400*kib)   // Pushes out the larger ones.
	cycle(2000, 4*kib)
	// A small buffer does not get much memory that it does not need.
	before := p.Stats().Kept
	b := alloc(t, p, 4*kib)
	if got := before - p.Stats().Kept; got > 4*kib {
		t.Errorf("a buffer of 4 KiB took %d bytes of the kept ones", got)
	}
	p.Free(b)
	if err := p.Trim(); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Kept != 0 || s.Committed != 0 {
		t.Errorf("after Trim: %+v", s)
	}
	if calls := testutil.CountCalls(func() { p.Free(alloc(t, p, 0)) }); len(calls) > 0 {
		t.Errorf("system calls for an empty buffer: %v", calls)
	}
}

// TestPool_Shrink checks when memory is given back, and that regrown bytes are
// zero.
func TestPool_Shrink(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	for _, size := range []int{4 * mib, 100 * mib} { // In its band, and in a window.
		if size == 100*mib && testing.Short() {
			size = 24 * mib
		}
		p := newPool(t, pool.Options{})
		b := alloc(t, p, size)
		for _, n := range []int{size - 1, size - 32*kib, size/2 + 1, 70 * kib, 69 * kib, 1, 0} {
			fill(b, 0)
			if old := b; n > 0 {
				b = p.Shrink(b, n)
				if &b[0] != &old[0] {
					t.Fatal("the buffer moved")
				}
			} else {
				b = p.Shrink(b, n)
			}
			s := p.Stats()
			if most := max(n+64*kib+8*kib, n*8/7+8*kib); s.Len != n || p.Len(b) != n || s.Committed > most {
				t.Errorf("shrunk to %d: %d bytes of memory, want at most %d; %+v", n, s.Committed, most, s)
			}
			if k := check(b, 0); k >= 0 {
				t.Fatalf("shrunk to %d: byte %d is wrong", n, k)
			}
			b = grow(t, p, b, n+100*kib)
			most := s.Committed + os.Getpagesize()
			if n >= 2*mib { // It is full, and may get a huge page ahead.
				most += 2 * mib
			}
			if got := p.Stats().Committed; got > most {
				t.Errorf("regrown from %d: %d bytes of memory, before it were %d", n, got, s.Committed)
			}
			if !isZero(b[n:]) {
				t.Fatalf("regrown from %d: not zero", n)
			}
			b = p.Shrink(b, n)
		}
		p.Free(b)
		closePool(t, p)
	}
}

func TestPool_Limit(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Name: "index", Limit: 40 * mib, Band: mib})
	defer closePool(t, p)
	a, b := alloc(t, p, 10*mib), alloc(t, p, 100)
	want := fmt.Sprintf(": arena full: the limit is %d bytes, %d in use", 40*mib, 10*mib+100)
	for what, f := range map[string]func() ([]byte, error){
		"alloc 31457281 bytes in \"index\"":                        func() ([]byte, error) { return p.Alloc(30*mib + 1) },
		fmt.Sprintf("alloc %d bytes in \"index\"", math.MaxInt):    func() ([]byte, error) { return p.Alloc(math.MaxInt) },
		"grow 100 bytes in \"index\" by 31457281 to 31457381":      func() ([]byte, error) { return p.Grow(b, 30*mib+101) },
		"grow 10485760 bytes in \"index\" by 31457281 to 41943041": func() ([]byte, error) { return p.Grow(a, 40*mib+1) },
	} {
		got, err := f()
		if !errors.Is(err, arena.ErrFull) || got != nil || err.Error() != "pool: "+what+want {
			t.Errorf("%d bytes, %v; want %s", len(got), err, what+want)
		}
	}
	a = p.Shrink(a, 5*mib)
	b = grow(t, p, b, 35*mib)
	p.Free(a)
	p.Free(b)
}

// narrow returns a space whose zone has room for the first run of a pool and no
// more: what comes then goes where the kernel likes, and hardly anything can be
// made longer where it is.
func narrow(t *testing.T, maxVMAs int) *addrspace.Space {
	if bits.UintSize == 32 {
		t.Skip("no zones")
	}
	start := uint64(0x5800) << 32
	space := addrspace.New(addrspace.Options{
		Zones:   []addrspace.Range{{Start: uintptr(start), End: uintptr(start + 66<<30)}},
		MaxVMAs: maxVMAs, CacheWindows: -1,
	})
	t.Cleanup(func() {
		if err := space.Trim(); err != nil {
			t.Error(err)
		}
	})
	return space
}

// TestPool_Runs uses up a run that cannot be made longer, with and without room
// for another one.
func TestPool_Runs(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, maxVMAs := range []int{1, 100} {
		testutil.NoLeaks(t, nil)
		p := newPool(t, pool.Options{Name: "index", Band: 1 << 30, Space: narrow(t, maxVMAs)})
		var all [][]byte
		for len(all) < 200 {
			b, err := p.Alloc(10)
			if err != nil {
				if maxVMAs > 1 || !errors.Is(err, addrspace.ErrNoSpace) || !strings.HasPrefix(err.Error(), `pool: alloc 10 bytes in "index": addrspace: extend `) {
					t.Fatal(err)
				}
				break
			}
			fill(b, len(all))
			all = append(all, b)
		}
		if s := p.Stats(); maxVMAs == 1 && len(all) != 64 || maxVMAs > 1 && s.Runs < 2 || s.Bands != len(all) {
			t.Errorf("%d buffers, %+v", len(all), s)
		}
		if maxVMAs == 1 {
			// Rather one with more memory than it should have than none.
			all[1] = grow(t, p, all[1], mib)
			fill(all[1], 0)
		}
		for i := 1; i < len(all); i += 2 {
			p.Free(all[i])
			all[i] = alloc(t, p, 20)
			if !isZero(all[i]) {
				t.Fatal("recycled bytes are not zero")
			}
			all[i] = p.Shrink(all[i], 10)
			fill(all[i], i)
		}
		for i, b := range all {
			if k := check(b, i); k >= 0 {
				t.Fatalf("byte %d of buffer %d is wrong", k-i, i)
			}
			p.Free(b)
		}
		closePool(t, p)
	}
}
