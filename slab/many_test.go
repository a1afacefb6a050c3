package slab_test

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestMany: allocators that are used little take little, of addresses and of the Go heap,
// and leave room for an arena of hundreds of GiB.
func TestMany(t *testing.T) {
	testutil.NeedsMoves(t)
	if bits.UintSize < 64 {
		t.Skip("needs addresses of 64 bits")
	}
	const (
		addresses = 72 << 20 // of each allocator
		heap      = 36 << 10 // of each allocator
	)
	huge := math.MaxInt >> 25 // 256 GiB
	n := 3000
	if testing.Short() {
		n = 250
	}
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	var before, after runtime.MemStats
	all := make([]*slab.Allocator, n)
	runtime.ReadMemStats(&before)
	for i := range all {
		a := newAllocator(t, slab.Options{Space: space})
		mustAlloc(t, a, 100)[0] = 1
		mustAlloc(t, a, 100<<10)[0] = 2
		mustAlloc(t, a, 2*mib)[0] = 3
		all[i] = a
	}
	runtime.ReadMemStats(&after)
	if got := space.Stats().ReservedBytes / uint64(n); got > addresses || got == 0 {
		t.Errorf("an allocator takes %d bytes of the space's addresses, want some, and at most %d", got, addresses)
	}
	if got := (after.TotalAlloc - before.TotalAlloc) / uint64(n); got > heap {
		t.Errorf("an allocator takes %d bytes of Go heap, want at most %d", got, heap)
	}
	big, err := arena.NewArena(arena.Options{Space: space})
	if err != nil {
		t.Fatal(err)
	}
	if err := big.Grow(huge); err != nil {
		t.Errorf("beside %d allocators: %v", n, err)
	}
	if err := big.Free(); err != nil {
		t.Error(err)
	}
	for _, a := range all {
		_ = a.Close() // Says what is in use.
	}
}

// TestMany_Live: ten thousand allocators live at once, with one descriptor each, and what is
// in them stays apart.
func TestMany_Live(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("needs addresses of 64 bits")
	}
	n := 10_000
	if testing.Short() {
		n = 500
	}
	type one struct {
		a    *slab.Allocator
		b, c []byte
	}
	all := make([]one, 0, n)
	defer func() {
		for _, o := range all {
			if err := o.a.Discard(); err != nil {
				t.Error(err)
			}
		}
		_ = addrspace.Default().Trim()
	}()
	for i := range n {
		o := one{a: newAllocator(t, slab.Options{})}
		all = append(all, o)
		for _, to := range []struct {
			b *[]byte
			n int
		}{{&o.b, 100}, {&o.c, 100 << 10}} {
			var err error
			*to.b, err = o.a.Alloc(to.n)
			switch {
			case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
				t.Skipf("a descriptor each: after %d allocators: %v", i, err)
			case err != nil && strings.Contains(err.Error(), "vm.max_map_count is"):
				t.Skipf("after %d allocators: %v", i, err)
			case err != nil:
				t.Fatalf("after %d allocators: %v", i, err)
			}
		}
		binary.LittleEndian.PutUint64(o.b, uint64(i))
		all[i] = o
	}
	for i, o := range all {
		if got := binary.LittleEndian.Uint64(o.b); got != uint64(i) {
			t.Fatalf("allocator %d has what is %d's", i, got)
		}
		o.a.Free(o.c)
		if s := o.a.Stats(); s.Objects != 1 {
			t.Fatalf("allocator %d: %+v", i, s)
		}
	}
}
