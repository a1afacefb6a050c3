package pool_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// probeKernel makes the arena package find out what the kernel offers, so that
// it does not do so while a test makes system calls fail.
func probeKernel(t *testing.T) {
	p := newPool(t, pool.Options{Band: 64 * kib})
	p.Free(grow(t, p, alloc(t, p, 1), mib))
	closePool(t, p)
}

// model is a buffer and what should be in it.
type model struct {
	newest, oldest []byte
	want           []byte
}

// verify compares the buffer with the model, through the newest address and
// through the first.
func (m *model) verify(t *testing.T, p *pool.Pool) {
	t.Helper()
	if !bytes.Equal(m.newest, m.want) {
		t.Fatalf("a buffer of %d bytes is not what was written", len(m.want))
	}
	if n := min(len(m.oldest), len(m.want)); !bytes.Equal(m.oldest[:n], m.want[:n]) {
		t.Fatalf("a buffer of %d bytes is not what was written through its first address", len(m.want))
	}
	if p.Len(m.oldest) != len(m.want) {
		t.Fatalf("Len is %d, want %d", p.Len(m.oldest), len(m.want))
	}
}

// TestPool_Model compares random operations with slices on the Go heap, for
// every way to be configured.
func TestPool_Model(t *testing.T) {
	testutil.NeedsMoves(t)
	probeKernel(t)
	testutil.NoLeaks(t, trim)
	tests := map[string]struct {
		o     pool.Options
		alias bool // the kernel cannot move page tables
	}{
		"small bands":          {o: pool.Options{Band: 64 * kib}},
		"no guards, no keep":   {o: pool.Options{Band: 128 * kib, NoGuards: true, Keep: -1}},
		"little kept, alias":   {o: pool.Options{Band: 64 * kib, Keep: 600 * kib}, alias: true},
		"large bands":          {o: pool.Options{Band: 4 * mib, Keep: 2 * mib}},
		"limit, larger bands":  {o: pool.Options{Band: mib, Limit: 5 * mib}},
		"default, very little": {o: pool.Options{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.alias {
				defer testutil.FailAll(sys.CallMremap, sys.EINVAL)()
			}
			p := newPool(t, tt.o)
			defer closePool(t, p)
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 1))
			size := func() int { return int(1<<rng.IntN(19) + rng.IntN(100)) }
			var all []*model
			steps := 1500
			if testing.Short() {
				steps = 300
			}
			total := 0
			for range steps {
				op := rng.IntN(100)
				if len(all) == 0 || op < 25 && len(all) < 60 {
					n := size()
					b, err := p.Alloc(n)
					if err != nil {
						if tt.o.Limit == 0 || total+n <= tt.o.Limit {
							t.Fatal(err)
						}
						continue
					}
					if !isZero(b) {
						t.Fatalf("Alloc(%d) is not zero", n)
					}
					all = append(all, &model{newest: b, oldest: b, want: make([]byte, n)})
					total += n
					continue
				}
				k := rng.IntN(len(all))
				m := all[k]
				switch {
				case op < 50:
					n := len(m.want) + size()*rng.IntN(3)
					if n > 4*mib {
						continue
					}
					b, err := p.Grow(m.newest, n)
					if err != nil {
						if tt.o.Limit == 0 || total+n-len(m.want) <= tt.o.Limit {
							t.Fatal(err)
						}
						break
					}
					total += n - len(m.want)
					m.newest, m.want = b, append(m.want, make([]byte, n-len(m.want))...)
				case op < 60:
					n := rng.IntN(len(m.want) + 1)
					total += n - len(m.want)
					m.newest, m.want = p.Shrink(m.oldest, n), m.want[:n]
					// Where it was before it shows the same, but for what is gone.
					if addressOf(m.newest) == addressOf(m.oldest) {
						m.oldest = m.newest
					}
				case op < 80:
					for range rng.IntN(4) {
						if n := len(m.want); n > 0 {
							off := rng.IntN(n)
							fill(m.want[off:min(n, off+5000)], off)
							b := m.newest
							if rng.IntN(2) == 0 && len(m.oldest) >= n {
								b = m.oldest
							}
							copy(b[off:min(n, off+5000)], m.want[off:])
						}
					}
				case op < 98:
					m.verify(t, p)
					total -= len(m.want)
					p.Free([][]byte{m.newest, m.oldest, m.newest[:0]}[rng.IntN(3)])
					all[k] = all[len(all)-1]
					all = all[:len(all)-1]
					continue
				default:
					if err := p.Trim(); err != nil {
						t.Fatal(err)
					}
				}
				m.verify(t, p)
				if s := p.Stats(); s.Buffers != len(all) || s.Len != total || s.Moved > s.Buffers {
					t.Fatalf("%d buffers of %d bytes: %+v", len(all), total, s)
				}
			}
			for _, m := range all {
				m.verify(t, p)
				p.Free(m.newest)
			}
			if err := p.Trim(); err != nil {
				t.Fatal(err)
			}
			s := p.Stats()
			if s.Committed != 0 || s.Far != 0 || s.Windows != 0 || s.Kept != 0 {
				t.Errorf("all freed: %+v", s)
			}
			if tt.alias && s.TablesMoved > 0 {
				t.Errorf("page tables moved: %+v", s)
			}
			t.Logf("%+v", s)
		})
	}
}

// block takes the addresses behind the window b lies in, so that it cannot be
// made longer.
func block(t *testing.T, b []byte) {
	t.Helper()
	end := addrspace.Default().Lookup(addressOf(b)).Range().End
	if _, err := sys.Reserve(end, mib); err != nil {
		return // blocked already
	}
	t.Cleanup(func() {
		if err := sys.Unmap(end, mib); err != nil {
			t.Error(err)
		}
	})
}

// TestPool_WriteWhileOutgrowing writes through the first address while the
// buffer moves on and on: no store is lost.
func TestPool_WriteWhileOutgrowing(t *testing.T) {
	testutil.NeedsMoves(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Band: 256 * kib})
	defer closePool(t, p)
	b := alloc(t, p, 128*kib)
	first := b
	var stop atomic.Bool
	var wg sync.WaitGroup
	var last [2]byte
	var rounds [2]atomic.Int64
	for w := range last {
		wg.Go(func() {
			for v := byte(1); !stop.Load(); v++ {
				for i := w * 64 * kib; i < (w+1)*64*kib; i += 512 {
					first[i] = v
				}
				last[w] = v
				rounds[w].Add(1)
			}
		})
	}
	for n := 128 * kib; n < 256*mib; n *= 2 {
		b = grow(t, p, b, n)
		if n > 256*kib {
			block(t, b)
		}
		for w := range rounds { // Both shall write between growths, too.
			for from := rounds[w].Load(); rounds[w].Load() < from+2; {
				runtime.Gosched()
			}
		}
	}
	stop.Store(true)
	wg.Wait()
	for i := 0; i < 128*kib; i += 512 {
		if want := last[i/(64*kib)]; b[i] != want {
			t.Fatalf("byte %d is %d, want %d", i, b[i], want)
		}
	}
	if s := p.Stats(); s.Rehomed < 4 {
		t.Errorf("%+v", s)
	}
	p.Free(b)
}
