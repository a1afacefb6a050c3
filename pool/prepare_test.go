package pool_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// preparingPool returns a pool that prepares memory, or skips the test where the
// kernel does not make huge pages.
func preparingPool(t *testing.T, o pool.Options) *pool.Pool {
	t.Helper()
	for _, f := range arena.Features() {
		if f.Name == "collapse" && f.Err != nil {
			t.Skip(f.Err)
		}
	}
	return newPool(t, o)
}

// touch stores to each page of b.
func touch(b []byte) {
	for i := 0; i < len(b); i += os.Getpagesize() {
		b[i] = 1
	}
}

// TestPool_PreparesWhatWillBeFilled grows full buffers in several ways: most of
// what is added is huge pages before anyone touches it, and never more than as much
// again as there was.
func TestPool_PreparesWhatWillBeFilled(t *testing.T) {
	for name, next := range map[string]func(int) int{
		"doubling":        func(n int) int { return 2 * n },
		"by half":         func(n int) int { return n + n/2 },
		"steps of 1 MiB":  func(n int) int { return n + mib },
		"steps of 64 KiB": func(n int) int { return n + 64*kib },
		"odd steps":       func(n int) int { return n + n/3 + 12345 },
	} {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			p := preparingPool(t, pool.Options{})
			defer closePool(t, p)
			b := alloc(t, p, mib)
			touch(b)
			most := 64 * mib
			if testing.Short() {
				most = 20 * mib
			}
			for len(b) < most {
				old := len(b)
				b = grow(t, p, b, next(old))
				if s := p.Stats(); s.Committed > max(2*old, old+2*mib)+16*kib {
					t.Fatalf("grown from %d to %d: %d bytes of memory", old, len(b), s.Committed)
				}
				if !isZero(b[old:min(len(b), old+8192)]) || b[len(b)-1] != 0 {
					t.Fatalf("grown from %d to %d: not zero", old, len(b))
				}
				touch(b[old:])
			}
			if s := p.Stats(); s.Prepared < most/mib*20/64 || s.PreparedOff {
				t.Errorf("%d of %d huge pages were prepared; off is %v", s.Prepared, len(b)/2/mib, s.PreparedOff)
			}
			for i := 0; i < mib; i += os.Getpagesize() {
				if b[i] != 1 {
					t.Fatalf("byte %d is %d", i, b[i])
				}
			}
			p.Free(b)
			if err := p.Trim(); err != nil {
				t.Error(err)
			}
			if s := p.Stats(); s.Committed != 0 || s.Kept != 0 {
				t.Errorf("all freed: %+v", s)
			}
		})
	}
}

// TestPool_SparseStaysSparse has buffers that are long and hardly touched: they take
// the memory that was touched, and up to as much again.
func TestPool_SparseStaysSparse(t *testing.T) {
	testutil.NoLeaks(t, trim)
	sizes := []int{3 * mib, 9 * mib, 40 * mib, 300 * mib, 1 << 30}
	for name, use := range map[string]func(b []byte, old int){
		"nothing":          func(b []byte, old int) {},
		"the first MiB":    func(b []byte, old int) { touch(b[:mib]) },
		"the last pages":   func(b []byte, old int) { touch(b[len(b)-100*kib:]) },
		"every 16th page":  func(b []byte, old int) { touchEvery(b[max(old, len(b)-8*mib):], 64*kib) },
		"what was there":   func(b []byte, old int) { touch(b[:min(old, 4*mib)]) },
		"the last of many": func(b []byte, old int) { b[len(b)-1] = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			p := preparingPool(t, pool.Options{})
			defer closePool(t, p)
			b := alloc(t, p, 2*mib)
			use(b, 0)
			for _, n := range sizes {
				old := len(b)
				before := p.Stats().Committed
				b = grow(t, p, b, n)
				if got := p.Stats().Committed; got > 2*before+16*kib {
					t.Errorf("grown to %d: %d bytes of memory, before it were %d", n, got, before)
				}
				use(b, old)
			}
			if got := p.Stats().Committed; got > 16*mib {
				t.Errorf("%d bytes of memory", got)
			}
			p.Free(b)
		})
	}
	t.Run("alloc", func(t *testing.T) {
		p := preparingPool(t, pool.Options{})
		defer closePool(t, p)
		b := alloc(t, p, 1<<30)
		touch(b[:mib])
		if got := p.Stats().Committed; got > 2*mib {
			t.Errorf("%d bytes of memory", got)
		}
		p.Free(b)
	})
}

func touchEvery(b []byte, step int) {
	for i := 0; i < len(b); i += step {
		b[i] = 1
	}
}

// TestPool_FullBuffersInTurn allocates buffers as long as one that was full: they
// have as much memory from the start. One that stays empty vouches for nobody.
func TestPool_FullBuffersInTurn(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := preparingPool(t, pool.Options{})
	defer closePool(t, p)
	n := 40 * mib
	if testing.Short() {
		n = 16 * mib
	}
	use := func(full bool) (committed int) {
		b := alloc(t, p, n)
		committed = p.Stats().Committed
		for before := -1; before < committed; committed = p.Stats().Committed { // A goroutine may be at it.
			before = committed
			time.Sleep(20 * time.Millisecond)
		}
		if !isZero(b[:mib]) || !isZero(b[n-mib:]) {
			t.Error("not zero")
		}
		if full {
			touch(b)
		}
		p.Free(b)
		return committed
	}
	if got := use(true); got != 0 {
		t.Errorf("the first one has %d bytes of memory", got)
	}
	// A slow machine may be too late once, and then begins anew.
	ok := false
	for range 5 {
		if ok = use(true) >= n-4*mib; ok {
			break
		}
	}
	if !ok {
		t.Errorf("none of five had memory: %+v", p.Stats())
	}
	use(false)
	if got := use(false); got != 0 {
		t.Errorf("after an empty one there are %d bytes of memory", got)
	}
}

// TestPool_PreparesRest grows a full buffer by so much that a goroutine prepares most of it,
// if a processor is idle. Meanwhile the buffer is used, grows, shrinks, goes, or the pool does.
func TestPool_PreparesRest(t *testing.T) {
	half := 64 * mib
	if testing.Short() {
		half = 24 * mib
	}
	n := 2 * half
	for name, next := range map[string]func(p *pool.Pool, b []byte){
		"is filled": func(p *pool.Pool, b []byte) { touch(b[half:]) },
		"grows": func(p *pool.Pool, b []byte) {
			b = grow(t, p, b, 3*half)
			touch(b[half:])
			if !isZero(b[n+1 : n+4096]) {
				t.Error("not zero")
			}
		},
		"shrinks": func(p *pool.Pool, b []byte) {
			b[n-1] = 1
			b = p.Shrink(b, half)
			if b = grow(t, p, b, n); b[n-1] != 0 {
				t.Error("what was given up is not zero")
			}
		},
		"goes":      func(p *pool.Pool, b []byte) {},
		"is closed": nil,
		"stays as it is": func(p *pool.Pool, b []byte) {
			for p.Stats().Committed < n-8*mib {
				runtime.Gosched()
			}
		},
	} {
		if testing.Short() && name != "goes" && name != "is filled" && name != "stays as it is" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			p := preparingPool(t, pool.Options{})
			b := alloc(t, p, half)
			touch(b)
			b = grow(t, p, b, n)
			if next == nil {
				if err := p.Close(); err == nil {
					t.Error("closed without an error")
				}
				return
			}
			next(p, b)
			for i := 0; i < half; i += os.Getpagesize() {
				if b[i] != 1 {
					t.Fatalf("byte %d is %d", i, b[i])
				}
			}
			p.Free(b)
			if err := p.Trim(); err != nil {
				t.Error(err)
			}
			if s := p.Stats(); s.Committed != 0 || s.PreparedOff {
				t.Errorf("all freed: %+v", s)
			}
			closePool(t, p)
		})
	}
}

// TestPool_HugeNever makes no system call to prepare anything.
func TestPool_HugeNever(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{HugePages: arena.HugeNever})
	defer closePool(t, p)
	b := alloc(t, p, 3*mib)
	touch(b)
	if calls := testutil.CountCalls(func() { b = grow(t, p, b, 9*mib) }); len(calls) > 0 {
		t.Errorf("calls %v", calls)
	}
	if s := p.Stats(); s.Prepared != 0 || s.Committed > 3*mib {
		t.Errorf("%+v", s)
	}
	p.Free(b)
}

// TestPool_HugeAlways gives the advice to all that is mapped, and neighbours still
// merge.
func TestPool_HugeAlways(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{HugePages: arena.HugeAlways, Band: mib})
	defer closePool(t, p)
	b := alloc(t, p, 500*kib)
	calls := testutil.CountCalls(func() { b = grow(t, p, b, 9*mib) })
	if calls[sys.CallMadvise] < 2 { // Against dumping, of the tail; for huge pages, of band and tail.
		t.Errorf("calls %v", calls)
	}
	fill(b, 0)
	b = grow(t, p, b, 30*mib)
	if k := check(b[:9*mib], 0); k >= 0 {
		t.Errorf("byte %d is wrong", k)
	}
	p.Free(b)
}

func TestNew_HugePagesPanics(t *testing.T) {
	for _, h := range []arena.HugePages{arena.HugeTLB2M, arena.HugeTLB1G, arena.HugeTLB1G + 1} {
		func() {
			defer func() {
				if r, _ := recover().(string); !strings.Contains(r, `make "tlb": HugePages is`) {
					t.Errorf("HugePages %d: %v", h, r)
				}
			}()
			pool.New(pool.Options{Name: "tlb", HugePages: h})
		}()
	}
}

// TestPool_PrepareFails lets the kernel refuse what preparing needs: nobody
// notices, and it is given up.
func TestPool_PrepareFails(t *testing.T) {
	for _, tt := range []struct {
		call  sys.Call
		errno syscall.Errno
		off   bool
	}{
		{sys.CallAllocate, syscall.ENOSPC, true}, {sys.CallMadvise, syscall.ENOMEM, true},
		{sys.CallMadvise, syscall.EBUSY, true}, {sys.CallMadvise, syscall.EINVAL, true},
		{sys.CallMadvise, syscall.EAGAIN, false}, // Somebody writes there: not our business.
		{sys.CallMincore, syscall.ENOMEM, false}, // It is not known to be full.
	} {
		t.Run(tt.call.String()+" "+tt.errno.Error(), func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			p := preparingPool(t, pool.Options{})
			defer closePool(t, p)
			b := alloc(t, p, 5*mib) // Twice as much is an extent more, also where bands begin without a guard.
			fill(b, 0)
			restore := testutil.FailAll(tt.call, tt.errno)
			b, err := p.Grow(b, 15*mib)
			restore()
			if err != nil {
				t.Fatal(err)
			}
			if s := p.Stats(); s.PreparedOff != tt.off {
				t.Errorf("%+v", s)
			}
			if k := check(b[:5*mib], 0); k >= 0 || !isZero(b[5*mib:]) {
				t.Errorf("byte %d is wrong", k)
			}
			p.Free(b)
			if err := p.Trim(); err != nil {
				t.Error(err)
			}
			if s := p.Stats(); s.Committed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestPool_WriteWhilePreparing writes to the whole of a buffer, the page it ends in
// too, while it grows: no store is lost where small pages become huge ones.
func TestPool_WriteWhilePreparing(t *testing.T) {
	testutil.NoLeaks(t, trim)
	p := preparingPool(t, pool.Options{})
	defer closePool(t, p)
	b := alloc(t, p, 2*mib+100*kib)
	touch(b)
	for n := 3 * mib; n < 40*mib; n += n / 3 {
		first := b
		var stop atomic.Bool
		var wg sync.WaitGroup
		last := byte(0)
		wg.Go(func() {
			for v := byte(1); !stop.Load(); v++ {
				for i := len(first) - 300*kib; i < len(first); i += 512 {
					first[i] = v
				}
				last = v
			}
		})
		b = grow(t, p, b, n)
		stop.Store(true)
		wg.Wait()
		if last == 0 {
			t.Log("the writer had no time")
		}
		for i := len(first) - 300*kib; last != 0 && i < len(first); i += 512 {
			if b[i] != last {
				t.Fatalf("grown to %d: byte %d is %d, want %d", n, i, b[i], last)
			}
		}
		touch(b[len(first):])
	}
	p.Free(b)
}

// TestPool_PreparedModel does random operations to large buffers: bytes are zero
// when they are new and what they were when they are not, and no memory is lost
// track of.
func TestPool_PreparedModel(t *testing.T) {
	testutil.NoLeaks(t, trim)
	for name, o := range map[string]pool.Options{
		"default":      {},
		"large bands":  {Band: 64 * mib, Keep: 256 * mib},
		"small bands":  {Band: mib},
		"nothing kept": {Keep: -1},
	} {
		t.Run(name, func(t *testing.T) {
			p := preparingPool(t, o)
			defer closePool(t, p)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 1))
			type buffer struct {
				b    []byte
				full int // pages touched from the start
			}
			var all []*buffer
			steps, most := 200, 6*mib
			if testing.Short() {
				steps, most = 25, 2*mib
			}
			for range steps {
				if len(all) < 4 || len(all) < 8 && rng.IntN(3) == 0 {
					b := alloc(t, p, 1+rng.IntN(most)<<rng.IntN(3))
					all = append(all, &buffer{b: b})
				}
				k := rng.IntN(len(all))
				f := all[k]
				switch rng.IntN(6) {
				case 0, 1, 2:
					f.b = grow(t, p, f.b, min(len(f.b)+1+rng.IntN(len(f.b)+mib), 48*mib+len(f.b)/64))
				case 3, 4:
					to := len(f.b)
					if rng.IntN(3) == 0 {
						to = rng.IntN(to + 1)
					}
					for i := f.full; i < to; i += 4096 {
						if f.b[i] != 0 {
							t.Fatalf("byte %d of a buffer of %d bytes, %d touched, is %d", i, len(f.b), f.full, f.b[i])
						}
						f.b[i] = byte(i>>12) | 1
					}
					if to > f.full {
						f.full = (to + 4095) &^ 4095
					}
				default:
					for i := 0; i < min(f.full, len(f.b)); i += 4096 {
						if f.b[i] != byte(i>>12)|1 {
							t.Fatalf("byte %d of a buffer of %d bytes is %d", i, len(f.b), f.b[i])
						}
					}
					if n := rng.IntN(len(f.b)); rng.IntN(2) == 0 && n > 0 {
						f.b = p.Shrink(f.b, n)
						f.full = min(f.full, (n+4095)&^4095)
						break
					}
					p.Free(f.b)
					all[k] = all[len(all)-1]
					all = all[:len(all)-1]
				}
			}
			for _, f := range all {
				p.Free(f.b)
			}
			if err := p.Trim(); err != nil {
				t.Fatal(err)
			}
			if s := p.Stats(); s.Committed != 0 || s.Far != 0 || s.Kept != 0 {
				t.Errorf("all freed: %+v", s)
			} else {
				t.Logf("%+v", s)
			}
		})
	}
}

// TestPool_PreparedIsKnown: memory that was prepared beyond the end of a buffer goes back with it, and what a
// Shrink has given back is prepared again when the buffer is full once more.
func TestPool_PreparedIsKnown(t *testing.T) {
	for name, size := range map[string]int{"in its band": 7 * mib / 2, "in a window": 35 * mib / 2} {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			p := preparingPool(t, pool.Options{})
			defer closePool(t, p)
			b := alloc(t, p, size)
			touch(b)
			for range 2 {
				before := p.Stats().Prepared
				b = grow(t, p, b, size+mib)
				s := p.Stats()
				if s.PreparedOff {
					t.Skip("no memory for huge pages")
				}
				if s.Prepared == before {
					t.Errorf("nothing was prepared: %+v", s)
				}
				if s.Committed <= s.Len+100*kib {
					t.Errorf("nothing was prepared behind its end: %+v", s)
				}
				b = p.Shrink(b, 100*kib)
				b = grow(t, p, b, size)
				touch(b)
			}
			b = grow(t, p, b, size+mib)
			p.Free(b)
			if err := p.Trim(); err != nil {
				t.Error(err)
			}
			if s := p.Stats(); s.Committed != 0 || s.Kept != 0 {
				t.Errorf("all freed: %+v", s)
			}
		})
	}
}
