package pool_test

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// newPool makes a pool for a test, which closes it.
func newPool(t testing.TB, o pool.Options) *pool.Pool {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if o.Name == "" {
		o.Name = t.Name()
	}
	p, err := pool.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// closePool closes a pool all buffers of which have been freed.
func closePool(t testing.TB, p *pool.Pool) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func alloc(t testing.TB, p *pool.Pool, n int) []byte {
	t.Helper()
	b, err := p.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != n || cap(b) != n {
		t.Fatalf("Alloc(%d): len %d, cap %d", n, len(b), cap(b))
	}
	return b
}

func grow(t testing.TB, p *pool.Pool, b []byte, n int) []byte {
	t.Helper()
	b, err := p.Grow(b, n)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) != n || cap(b) != n {
		t.Fatalf("Grow to %d: len %d, cap %d", n, len(b), cap(b))
	}
	return b
}

// isZero reports whether b is.
func isZero(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), 4096)
		if !bytes.Equal(b[:n], zeroPage[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}

var zeroPage [4096]byte

// TestPool_GrowTo1GiB grows one buffer from 1 MiB to 1 GiB: through its band
// without a system call or an allocation on the Go heap, and beyond without its
// old addresses losing anything.
func TestPool_GrowTo1GiB(t *testing.T) {
	testutil.NeedsMoves(t)
	if bits.UintSize == 32 {
		t.Skip("no room")
	}
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{HugePages: arena.HugeNever})
	defer closePool(t, p)
	b := alloc(t, p, mib)
	first := b
	mark := func(off int) { b[off] = pattern(off) }
	for off := 0; off < len(b); off += 4096 {
		mark(off)
	}
	if calls := testutil.CountCalls(func() {
		for n := mib + 1; n < p.Room(); n += 64 * kib {
			b = grow(t, p, b, n)
		}
		b = grow(t, p, b, p.Room())
	}); len(calls) > 0 {
		t.Errorf("system calls while growing within the band: %v", calls)
	}
	if &b[0] != &first[0] {
		t.Error("the buffer moved within its band")
	}
	if !isZero(b[mib:]) {
		t.Error("new bytes are not zero")
	}
	places := map[*byte][]byte{&b[0]: b}
	for n := p.Room(); n <= 1<<30; n += 16 * mib {
		from := len(b)
		b = grow(t, p, b, n)
		if !isZero(b[from:min(n, from+8192)]) || b[n-1] != 0 {
			t.Fatalf("new bytes at %d are not zero", from)
		}
		mark(n - 1)
		places[&b[0]] = b
	}
	if s := p.Stats(); s.Windows > 4 || s.Outgrown != 1 || s.Moved != 1 || len(places) != s.Rehomed+1 {
		t.Errorf("%d places, %+v", len(places), s)
	}
	for _, place := range places {
		for off := 0; off < mib; off += 4096 {
			if place[off] != pattern(off) {
				t.Fatalf("byte %d is wrong through a buffer of %d bytes", off, len(place))
			}
		}
		if !p.Owns(place) || p.Len(place) != len(b) {
			t.Errorf("an address of the buffer does not name it")
		}
	}
	first[7] = 77
	if b[7] != 77 {
		t.Error("a store through the first address is not seen through the last")
	}
	p.Free(first)
	if s := p.Stats(); s.Buffers != 0 || s.Len != 0 || s.Moved != 0 || s.Far != 0 {
		t.Errorf("after Free: %+v", s)
	}
	if err := p.Trim(); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Committed != 0 {
		t.Errorf("after Trim: %+v", s)
	}
}

func TestPool_HotPathsAllocateNothing(t *testing.T) {
	p := newPool(t, pool.Options{})
	defer closePool(t, p)
	b := alloc(t, p, 1)
	n := 1
	if got := testing.AllocsPerRun(1000, func() {
		n += 100
		b, _ = p.Grow(b, n)
		b = p.Shrink(b, n-50)
		if p.Len(b) != n-50 || !p.Owns(b) {
			t.Fatal("wrong length")
		}
	}); got != 0 {
		t.Errorf("Grow and Shrink: %v allocations", got)
	}
	p.Free(b)
	if got := testing.AllocsPerRun(1000, func() {
		b, _ := p.Alloc(5000)
		p.Free(b)
	}); got != 0 {
		t.Errorf("Alloc and Free: %v allocations", got)
	}
}

// TestPool_VeryMany holds 300,000 buffers under the default limits, in a handful
// of VMAs and descriptors, and grows each.
func TestPool_VeryMany(t *testing.T) {
	testutil.NeedsMoves(t)
	many := 300_000
	if testing.Short() {
		many = 10_000
	}
	if bits.UintSize == 32 {
		t.Skip("no room")
	}
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{})
	before := countVMAs(t)
	all := make([][]byte, many)
	const touched = 100 // each so many-th
	for i := range all {
		all[i] = alloc(t, p, 4096)
		if i%touched == 0 {
			fill(all[i], i)
		}
	}
	for i := range all {
		all[i] = grow(t, p, all[i], 16*kib)
	}
	if n := countVMAs(t) - before; n > 20 { // The Go heap makes some, too.
		t.Errorf("%d buffers took %d VMAs", many, n)
	}
	s := p.Stats()
	if s.Buffers != many || s.Len != many*16*kib || s.Bands != many || s.Runs > 4 {
		t.Errorf("%+v", s)
	}
	t.Logf("%+v", s)
	addresses := make([]uintptr, many)
	for i, b := range all {
		addresses[i] = addressOf(b)
		if i%touched == 0 {
			if k := check(b[:4096], i); k >= 0 {
				t.Fatalf("byte %d of buffer %d is wrong", k-i, i)
			}
		}
	}
	slices.Sort(addresses)
	for i := 1; i < many; i++ {
		if addresses[i]-addresses[i-1] < uintptr(p.Room()) {
			t.Fatalf("buffers at %#x and %#x", addresses[i-1], addresses[i])
		}
	}
	for _, b := range all {
		p.Free(b)
	}
	closePool(t, p)
}

func countVMAs(t *testing.T) (n int) {
	if err := sys.Maps(func(sys.VMA) bool { n++; return true }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPool_Hammer hands buffers from goroutine to goroutine, which check, grow
// and free them, while others make new ones and one trims and looks on.
func TestPool_Hammer(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Band: 64 * kib, Keep: mib})
	defer closePool(t, p)
	workers, rounds := 8, 300
	if testing.Short() {
		rounds = 40
	}
	// Fewer than the buffers in flight, so that a worker never waits for itself.
	hand := make(chan []byte, workers*4)
	var wg sync.WaitGroup
	var moved atomic.Int64
	for w := range workers {
		rng := rand.New(rand.NewPCG(uint64(w), 7))
		wg.Go(func() {
			for range rounds {
				b, err := p.Alloc(1 + rng.IntN(80*kib))
				if err != nil {
					t.Error(err)
					return
				}
				if !isZero(b) {
					t.Error("new bytes are not zero")
				}
				fill(b, 0)
				select {
				case hand <- b:
				default:
					p.Free(b)
				}
				select {
				case b = <-hand:
				default:
					continue
				}
				old := b
				n := len(b)
				if b, err = p.Grow(b, n+rng.IntN(60*kib)); err != nil {
					t.Error(err)
					return
				}
				if addressOf(b) != addressOf(old) {
					moved.Add(1)
				}
				if k := check(b[:n], 0); k >= 0 || !isZero(b[n:]) {
					t.Errorf("byte %d is wrong after a growth", k)
				}
				b = p.Shrink(b, len(b)/2)
				p.Free(b)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for p.Stats().Buffers > 0 {
			if err := p.Trim(); err != nil {
				t.Error(err)
			}
			runtime.Gosched()
		}
	}()
	wg.Wait()
	close(hand)
	for b := range hand {
		p.Free(b)
	}
	<-done
	if s := p.Stats(); s.Buffers != 0 || s.Len != 0 || s.Far != 0 || moved.Load() == 0 {
		t.Errorf("%d moved, %+v", moved.Load(), s)
	}
}

func TestPool_Name(t *testing.T) {
	for name, want := range map[string]string{"": "pool", "index": "index"} {
		if runtime.GOOS != "linux" {
			t.Skip("needs Linux")
		}
		p, err := pool.New(pool.Options{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if p.Name() != want {
			t.Errorf("the pool %q is called %q", name, p.Name())
		}
		closePool(t, p)
	}
}
