package arena_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const kib = 1 << 10

// newPool makes a pool for a test, which closes it.
func newPool(t testing.TB, o arena.PoolOptions) *arena.Pool {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	if o.Name == "" {
		o.Name = t.Name()
	}
	p, err := arena.NewPool(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// closePool closes a pool all buffers of which have been freed.
func closePool(t testing.TB, p *arena.Pool) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func alloc(t testing.TB, p *arena.Pool, n int) []byte {
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

func grow(t testing.TB, p *arena.Pool, b []byte, n int) []byte {
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
	if bits.UintSize == 32 {
		t.Skip("no room")
	}
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{})
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
	p := newPool(t, arena.PoolOptions{})
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
	many := 300_000
	if testing.Short() {
		many = 10_000
	}
	if bits.UintSize == 32 {
		t.Skip("no room")
	}
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{})
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

// TestPool_Guards runs over the end of a band: that faults at the next one's
// first byte, of a buffer that is back in its band after outgrowing it, too.
func TestPool_Guards(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Band: 64 * kib})
	defer closePool(t, p)
	if p.Room() == 64*kib {
		t.Skip("no guard pages here")
	}
	b, c := alloc(t, p, 100), alloc(t, p, 100)
	touch := func(what string) {
		t.Helper()
		end, _ := align.Up(addressOf(b)+1, 64*kib)
		var fault *arena.FaultError
		err := arena.CatchFault(nil, func() error {
			over := beyond(b, 80*kib)
			for i := range over {
				over[i] = 1
			}
			return nil
		})
		if !errors.As(err, &fault) || fault.Addr != end {
			t.Errorf("%s: writing from %#x over the end at %#x: %v", what, addressOf(b), end, err)
		}
		clear(b)
	}
	touch("fresh band")
	old := c
	c = grow(t, p, c, 10*mib)
	touch("the next buffer has moved")
	if old[0] = 5; c[0] != 5 {
		t.Error("the old address shows other bytes")
	}
	p.Free(c)
	touch("the next band is free")
	p.Free(b)
}

// TestPool_Misuse checks what breaking the rules is told.
func TestPool_Misuse(t *testing.T) {
	p := newPool(t, arena.PoolOptions{Name: "index"})
	live, freed, moved := alloc(t, p, 5000), alloc(t, p, 5000), alloc(t, p, 32*mib)
	gone := alloc(t, p, 32*mib)
	p.Free(freed)
	p.Free(gone)
	foreign := make([]byte, 10)
	tests := map[string]struct {
		want string
		f    func()
	}{
		"freed twice":                {"freed already", func() { p.Free(freed) }},
		"grown after Free":           {"arena: Grow of", func() { _, _ = p.Grow(freed, 6000) }},
		"moved, freed twice":         {"not a buffer of this pool, or freed already", func() { p.Free(gone) }},
		"foreign":                    {`in pool "index": not a buffer of this pool`, func() { p.Free(foreign) }},
		"nil":                        {"arena: Free of 0x0 in pool", func() { p.Free(nil) }},
		"inside":                     {fmt.Sprintf("the buffer there begins at %#x", addressOf(live)), func() { p.Free(live[1:]) }},
		"inside a moved one":         {"not a buffer of this pool", func() { p.Len(moved[4096:]) }},
		"Grow to less":               {"arena: Grow of a buffer of 5000 bytes in pool \"index\" to 4999: use Shrink", func() { _, _ = p.Grow(live, 4999) }},
		"Grow of a moved one":        {"to 5: use Shrink", func() { _, _ = p.Grow(moved, 5) }},
		"Shrink to more":             {"arena: Shrink of a buffer of 5000 bytes in pool \"index\" to 5001", func() { p.Shrink(live, 5001) }},
		"Shrink below zero":          {"to -1", func() { p.Shrink(moved, -1) }},
		"negative":                   {"arena: Alloc of -1 bytes", func() { _, _ = p.Alloc(-1) }},
		"band is no power of two":    {"Band is 65537", func() { _, _ = arena.NewPool(arena.PoolOptions{Band: 64*kib + 1}) }},
		"band is small":              {"Band is 32768", func() { _, _ = arena.NewPool(arena.PoolOptions{Band: 32 * kib}) }},
		"negative limit":             {"Limit is -1", func() { _, _ = arena.NewPool(arena.PoolOptions{Limit: -1}) }},
		"beyond the end of all used": {"not a buffer of this pool", func() { p.Free(beyond(live, 1<<30)[1<<29:]) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { mustPanic(t, tt.want, tt.f) })
	}
	if p.Owns(freed) || p.Owns(foreign) || p.Owns(nil) || p.Owns(live[1:]) || !p.Owns(live[:0]) || !p.Owns(moved) {
		t.Error("Owns is wrong")
	}
	err := p.Close()
	if err == nil || err.Error() != `arena: close pool "index": 2 buffers of 33559432 bytes were not freed` {
		t.Errorf("Close with live buffers: %v", err)
	}
	for name, f := range map[string]func(){
		"Alloc": func() { _, _ = p.Alloc(1) }, "Free": func() { p.Free(live) }, "Close": func() { _ = p.Close() },
		"Trim": func() { _ = p.Trim() }, "Stats": func() { p.Stats() }, "Owns": func() { p.Owns(live) },
	} {
		t.Run(name+" after Close", func(t *testing.T) { mustPanic(t, `of pool "index" after Close`, f) })
	}
}

func mustPanic(t *testing.T, want string, f func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), want) || !strings.HasPrefix(fmt.Sprint(r), "arena: ") {
			t.Errorf("panic is %v, want %q", r, want)
		}
	}()
	f()
}

func TestPool_Limit(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Name: "index", Limit: 40 * mib, Band: mib})
	defer closePool(t, p)
	a, b := alloc(t, p, 10*mib), alloc(t, p, 100)
	want := fmt.Sprintf(": arena full: the limit is %d bytes, %d in use", 40*mib, 10*mib+100)
	for what, f := range map[string]func() ([]byte, error){
		"alloc 31457281 bytes in pool \"index\"":                        func() ([]byte, error) { return p.Alloc(30*mib + 1) },
		fmt.Sprintf("alloc %d bytes in pool \"index\"", math.MaxInt):    func() ([]byte, error) { return p.Alloc(math.MaxInt) },
		"grow 100 bytes in pool \"index\" by 31457281 to 31457381":      func() ([]byte, error) { return p.Grow(b, 30*mib+101) },
		"grow 10485760 bytes in pool \"index\" by 31457281 to 41943041": func() ([]byte, error) { return p.Grow(a, 40*mib+1) },
	} {
		got, err := f()
		if !errors.Is(err, arena.ErrFull) || got != nil || err.Error() != "arena: "+what+want {
			t.Errorf("%v, %v; want %s", got, err, what+want)
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
	for _, maxVMAs := range []int{1, 100} {
		testutil.NoLeaks(t, nil)
		p := newPool(t, arena.PoolOptions{Name: "index", Band: 1 << 30, Space: narrow(t, maxVMAs)})
		var all [][]byte
		for len(all) < 200 {
			b, err := p.Alloc(10)
			if err != nil {
				if maxVMAs > 1 || !errors.Is(err, addrspace.ErrNoSpace) || !strings.HasPrefix(err.Error(), `arena: alloc 10 bytes in pool "index": addrspace: extend `) {
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

// TestPool_Keep checks that freed memory is kept within its bound, serves again,
// and goes when trimmed.
func TestPool_Keep(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Keep: 16 * mib})
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
	if calls := testutil.CountCalls(func() { cycle(5, mib-5000) }); calls[sys.CallFallocate]+calls[sys.CallMadvise] > 0 {
		t.Errorf("system calls for kept memory: %v", calls)
	}
	cycle(10, 4*mib)   // Too large to be kept.
	cycle(40, 400*kib) // Pushes out the larger ones.
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
	testutil.NoLeaks(t, trim)
	for _, size := range []int{4 * mib, 100 * mib} { // In its band, and in a window.
		p := newPool(t, arena.PoolOptions{})
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
			if !isZero(b[n:]) {
				t.Fatalf("regrown from %d: not zero", n)
			}
			b = p.Shrink(b, n)
		}
		p.Free(b)
		closePool(t, p)
	}
}

// TestPool_Hammer hands buffers from goroutine to goroutine, which check, grow
// and free them, while others make new ones.
func TestPool_Hammer(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Band: 64 * kib, Keep: mib})
	defer closePool(t, p)
	const workers, rounds = 8, 300
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
	wg.Wait()
	close(hand)
	for b := range hand {
		p.Free(b)
	}
	if s := p.Stats(); s.Buffers != 0 || s.Len != 0 || s.Far != 0 || moved.Load() == 0 {
		t.Errorf("%d moved, %+v", moved.Load(), s)
	}
}
