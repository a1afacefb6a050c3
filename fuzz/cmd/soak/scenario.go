package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

// A scenario is goroutines that do something together for a while, and check what
// they see.
type scenario struct {
	name string
	run  func(ctx context.Context, seed uint64, done *atomic.Int64) error
}

var scenarios = []scenario{
	{"readers beside a growing arena", readers},
	{"objects handed over", handOver},
	{"buffers of a pool", buffers},
	{"recycled memory of an arena that moves", recycle},
	{"an allocator closed beside its reaper", closeBesideReaper},
	{"frees that use the arenas of their domain", foreignFrees},
}

// fill writes what belongs at off and behind; intact checks it.
func fill(b []byte, off int, seed uint64) {
	for i := range b {
		b[i] = at(off+i, seed)
	}
}

func intact(b []byte, off int, seed uint64) error {
	for i, c := range b {
		if want := at(off+i, seed); c != want {
			return fmt.Errorf("byte %d of %d from %d is %#x, want %#x (seed %d)", i, len(b), off, c, want, seed)
		}
	}
	return nil
}

func at(off int, seed uint64) byte { return byte(off ^ off>>8 ^ off>>17 ^ int(seed)) }

// group runs goroutines until all have ended and returns the first error.
type group struct {
	wg    sync.WaitGroup
	once  sync.Once
	err   error
	ended atomic.Bool // one has failed, or the one the others go with has ended
}

func (g *group) run(f func() error) {
	g.wg.Go(func() {
		if err := guarded(f); err != nil {
			g.once.Do(func() { g.err = err })
			g.ended.Store(true)
		}
	})
}

func (g *group) wait() error {
	g.wg.Wait()
	return g.err
}

// readers has one goroutine append to an arena while three read it through guards
// that they hold for shorter and longer.
func readers(ctx context.Context, seed uint64, done *atomic.Int64) error {
	rng := rand.New(rand.NewPCG(seed, 1))
	opts := arena.Options{Name: "soak", Reserve: 64 << 10 << rng.IntN(8), Retire: rng.IntN(2) == 0}
	if rng.IntN(4) > 0 { // There is nearly always room to extend, and then nothing moves.
		opts.Rungs = arena.RungInWindow | [2]arena.Rungs{arena.RungRehome, arena.RungAlias}[rng.IntN(2)]
	}
	if !opts.Retire && rng.IntN(2) == 0 {
		opts.Domain = epoch.NewDomain(epoch.Options{Name: "soak"})
		defer func() { _ = opts.Domain.Shutdown(context.WithoutCancel(ctx)) }()
	}
	a, err := arena.NewArena(opts)
	if err != nil {
		return err
	}
	var written atomic.Int64
	var g group
	g.run(func() error {
		defer g.ended.Store(true)
		for limit := 1 << (16 + rng.IntN(10)); int(written.Load()) < limit && ctx.Err() == nil && !g.ended.Load(); done.Add(1) {
			b, err := a.Alloc(1 + rng.IntN(1<<rng.IntN(17)))
			if err != nil {
				return err
			}
			off := int(written.Load())
			fill(b, off, seed)
			written.Store(int64(off + len(b)))
		}
		return nil
	})
	for r := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 2+r))
		g.run(func() error {
			guard, err := a.Pin()
			if err != nil {
				return err
			}
			defer func() { guard.Unpin() }()
			for ; !g.ended.Load(); done.Add(1) {
				n := int(written.Load())
				if rng.IntN(4) > 0 {
					if err := guard.Refresh(); err != nil {
						return err
					}
				}
				if rng.IntN(100) == 0 {
					time.Sleep(time.Duration(rng.IntN(int(2 * time.Millisecond))))
				}
				b := guard.Bytes() // perhaps of a window that has been left meanwhile
				if n = min(n, len(b)); n > 0 {
					off := rng.IntN(n)
					if err := intact(b[off:min(n, off+1000)], off, seed); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err = g.wait()
	if freeErr := a.Free(); err == nil {
		err = freeErr
	}
	return err
}

// An object is one that was handed over.
type object struct {
	b    []byte
	seed uint64
}

// handOver has four goroutines allocate, reallocate, check, hand over and free.
func handOver(ctx context.Context, seed uint64, done *atomic.Int64) error {
	a := slab.New(slab.Options{Name: "soak", Debug: seed>>16%4 == 3})
	shared := make(chan object, 100)
	var g group
	for k := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, k))
		g.run(func() error {
			l := a.NewLocal()
			defer l.Close()
			for range 20_000 {
				if ctx.Err() != nil || g.ended.Load() {
					return nil
				}
				done.Add(1)
				n := 1 + rng.IntN(1<<rng.IntN(15))
				if rng.IntN(1000) == 0 {
					n = 1 + rng.IntN(4<<20)
				}
				o := object{seed: rng.Uint64()}
				var err error
				if rng.IntN(2) == 0 {
					o.b, err = l.Alloc(n)
				} else {
					o.b, err = a.Alloc(n)
				}
				if err != nil {
					return err
				}
				fill(o.b, 0, o.seed)
				select {
				case shared <- o:
					continue
				default:
				}
				o2 := <-shared // It was full just now, and the others are few.
				select {
				case shared <- o:
				default:
					l.Free(o.b)
				}
				if err := intact(o2.b, 0, o2.seed); err != nil {
					return err
				}
				if rng.IntN(8) == 0 {
					old := len(o2.b)
					if o2.b, err = a.Realloc(o2.b, old+rng.IntN(old)); err != nil {
						return err
					}
					if err := intact(o2.b[:old], 0, o2.seed); err != nil {
						return err
					}
				}
				if rng.IntN(2) == 0 {
					l.Free(o2.b)
				} else {
					a.Free(o2.b)
				}
				if rng.IntN(5000) == 0 {
					if err := a.Trim(); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	err := g.wait()
	close(shared)
	for o := range shared {
		if err == nil {
			err = intact(o.b, 0, o.seed)
		}
		a.Free(o.b)
	}
	if closeErr := a.Close(); err == nil {
		err = closeErr
	}
	return err
}

// buffers has three goroutines make, grow, check and free buffers of one pool.
func buffers(ctx context.Context, seed uint64, done *atomic.Int64) error {
	p, err := pool.New(pool.Options{Name: "soak", Band: 1 << 20 << (seed >> 16 % 4)})
	if err != nil {
		return err
	}
	var g group
	for k := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, k))
		g.run(func() error {
			for range 200 {
				if ctx.Err() != nil || g.ended.Load() {
					return nil
				}
				seed, n := rng.Uint64(), 1+rng.IntN(1<<rng.IntN(18))
				b, err := p.Alloc(n)
				if err != nil {
					return err
				}
				fill(b, 0, seed)
				first := b
				for n < 4<<20 && rng.IntN(6) > 0 {
					more := n + rng.IntN(2*n)
					if b, err = p.Grow(b, more); err != nil {
						return err
					}
					fill(b[n:], n, seed)
					n = more
					done.Add(1)
				}
				for _, s := range [][]byte{b, first} { // Both addresses show the same.
					if err := intact(s, 0, seed); err != nil {
						return err
					}
				}
				p.Free(b)
			}
			return nil
		})
	}
	err = g.wait()
	if closeErr := p.Close(); err == nil {
		err = closeErr
	}
	return err
}
