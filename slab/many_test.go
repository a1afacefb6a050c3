package slab_test

import (
	"math"
	"math/bits"
	"runtime"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/slab"
)

// TestMany: allocators that are used little take little, of addresses and of the Go heap,
// and leave room for an arena of hundreds of GiB.
func TestMany(t *testing.T) {
	if bits.UintSize < 64 {
		t.Skip("needs addresses of 64 bits")
	}
	const (
		addresses = 72 << 20 // of each allocator
		heap      = 56 << 10 // of each allocator
	)
	huge := math.MaxInt >> 25 // 256 GiB
	n := 3000
	if testing.Short() {
		n = 500
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
	if got := space.Stats().ReservedBytes / uint64(n); got > addresses {
		t.Errorf("an allocator takes %d bytes of addresses, want at most %d", got, addresses)
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
