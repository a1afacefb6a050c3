package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

// closeBesideReaper has objects retired under guards, and closes their allocator as soon
// as the last guard is gone: while the domain's reaper, or a timer, is giving back.
func closeBesideReaper(ctx context.Context, seed uint64, done *atomic.Int64) error {
	rng := rand.New(rand.NewPCG(seed, 11))
	d := epoch.NewDomain(epoch.Options{Name: "soak", MaxRetired: []int64{0, 4 << 20}[rng.IntN(2)]})
	defer func() { _ = d.Shutdown(context.WithoutCancel(ctx)) }()
	for range 20 {
		if ctx.Err() != nil {
			return nil
		}
		a := slab.New(slab.Options{Name: "soak", Domain: d, Debug: rng.IntN(3) == 0})
		err := retireSome(a, d, rng, done)
		closeErr := a.Close()
		for late := time.Now().Add(10 * time.Second); errors.Is(closeErr, slab.ErrRetired) && time.Now().Before(late); {
			time.Sleep(100 * time.Microsecond) // The others' pins.
			closeErr = a.Close()
		}
		if err == nil {
			err = closeErr // Nothing is in use: whatever it says is wrong.
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// retireSome has three goroutines allocate, check, free and retire, until all that is
// left are retired objects.
func retireSome(a *slab.Allocator, d *epoch.Domain, rng *rand.Rand, done *atomic.Int64) error {
	var g group
	for range 3 {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
		g.run(func() error {
			for range 100 {
				done.Add(1)
				n := 1 + rng.IntN(1<<rng.IntN(17))
				if rng.IntN(50) == 0 {
					n += 1 << 20
				}
				b, err := a.AllocZero(n)
				if err != nil {
					return err
				}
				seed := rng.Uint64()
				fill(b, 0, seed)
				guard, err := d.Pin()
				if err != nil {
					return err
				}
				if rng.IntN(4) == 0 {
					err = intact(b, 0, seed)
					a.Free(b)
				} else if err = a.Retire(b); err == nil {
					err = intact(b, 0, seed) // The guard was there before.
				} else if errors.Is(err, epoch.ErrRetired) {
					a.Free(b)
					err = nil
				}
				guard.Unpin()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.wait()
}

// foreignFrees retires, in one domain with a limit, windows of arenas and things whose
// Free uses these very arenas: a growth that runs it must hold nothing.
func foreignFrees(ctx context.Context, seed uint64, done *atomic.Int64) error {
	d := epoch.NewDomain(epoch.Options{Name: "soak", MaxRetired: 64 << 20})
	var arenas []*arena.Arena
	free := func() (err error) {
		err = d.Barrier(context.WithoutCancel(ctx)) // Frees that use the arenas.
		for _, a := range arenas {
			err = errors.Join(err, a.Free())
		}
		return errors.Join(err, d.Shutdown(context.WithoutCancel(ctx)))
	}
	for range 2 {
		a, err := arena.NewArena(arena.Options{
			Name: "soak", Reserve: 1, Domain: d, Headroom: -1, Rungs: arena.RungInWindow | arena.RungRehome | arena.RungAlias,
		})
		if err != nil {
			return errors.Join(err, free())
		}
		arenas = append(arenas, a)
	}
	var g group
	for k, a := range arenas {
		rng := rand.New(rand.NewPCG(seed, uint64(k)))
		other := arenas[1-k]
		g.run(func() error {
			var bad atomic.Pointer[error]
			for size := 1 << 20; size < 1<<30 && ctx.Err() == nil && bad.Load() == nil; size *= 2 {
				done.Add(1)
				guard, err := d.Pin()
				if err != nil {
					return err
				}
				if err := a.Grow(size); err != nil {
					return err
				}
				use := func() {
					if err := errors.Join(a.Grow(1), other.Grow(1), a.Decommit(0, 4096)); err != nil {
						bad.Store(&err)
					}
				}
				if err := d.Retire(epoch.Retired{Bytes: 1 + rng.Int64N(8<<20), Free: use}); err != nil && !errors.Is(err, epoch.ErrRetired) {
					return err
				}
				guard.Unpin()
			}
			if err := bad.Load(); err != nil {
				return *err
			}
			return nil
		})
	}
	return errors.Join(g.wait(), free())
}
