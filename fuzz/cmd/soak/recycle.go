package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// A written range of an arena.
type written struct {
	off, n int
	seed   uint64
}

// recycleMax is the capacity up to which an arena grows and moves: addresses, and the
// length of a sparse file.
const recycleMax = min(128<<30, math.MaxInt)

// recycle has up to three goroutines allocate, and so take memory that a Reset or Truncate has
// given up and that is cleared again, while another has the arena grow and move, in
// rounds: old windows are retired, so whatever is touched has to be held.
func recycle(ctx context.Context, seed uint64, done *atomic.Int64) error {
	rng := rand.New(rand.NewPCG(seed, 10))
	opts := arena.Options{
		Name: "soak", Reserve: 64 << 10 << rng.IntN(6), Retire: rng.IntN(3) > 0,
		Rungs: arena.RungInWindow | [...]arena.Rungs{arena.RungRehome, arena.RungAlias, arena.RungRehome | arena.RungAlias}[rng.IntN(3)],
	}
	if rng.IntN(2) == 0 {
		opts.Headroom = -1
	}
	if !opts.Retire {
		opts.Domain = epoch.NewDomain(epoch.Options{Name: "soak"})
		defer func() { _ = opts.Domain.Shutdown(context.WithoutCancel(ctx)) }()
	}
	a, err := arena.NewArena(opts)
	if err != nil {
		return err
	}
	var all []written
	for round := 0; round < 8 && err == nil && ctx.Err() == nil && a.Cap() <= recycleMax; round++ {
		all, err = recycleRound(ctx, a, !opts.Retire, rng, all, done)
		if err != nil {
			break
		}
		keep := 0
		if rng.IntN(2) == 0 && len(all) > 0 {
			keep = all[rng.IntN(len(all))].off
		}
		a.Truncate(keep)
		kept := all[:0]
		for _, w := range all {
			if w.off+w.n <= keep {
				kept = append(kept, w)
			}
		}
		all = kept
		if rng.IntN(4) == 0 {
			err = a.Trim()
		}
	}
	if freeErr := a.Free(); err == nil {
		err = freeErr
	}
	return err
}

// recycleRound runs the goroutines to their ends, and checks what they and those before
// have written.
func recycleRound(ctx context.Context, a *arena.Arena, classic bool, rng *rand.Rand, all []written, done *atomic.Int64) ([]written, error) {
	var g group
	parts := make([][]written, 1+rng.IntN(3)) // Few hold less.
	for k := range parts {
		rng := rand.New(rand.NewPCG(rng.Uint64(), 0))
		g.run(func() (err error) {
			parts[k], err = allocateHeld(ctx, a, classic, rng, &g, done)
			return err
		})
	}
	g.run(func() error {
		for range 5 {
			if a.Cap() > recycleMax {
				break
			}
			// Beyond the window, which is a quarter longer than what is needed, or less.
			if err := a.Grow(2*a.Cap() - a.Len()); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	})
	if err := g.wait(); err != nil {
		return nil, err
	}
	for _, p := range parts {
		all = append(all, p...)
	}
	return all, a.Read(func(b []byte) error {
		for _, w := range all {
			if err := intact(b[w.off:w.off+w.n], w.off, w.seed); err != nil {
				return err
			}
		}
		return nil
	})
}

// allocateHeld allocates through a guard, or by a Local while one is pinned.
func allocateHeld(ctx context.Context, a *arena.Arena, classic bool, rng *rand.Rand, g *group, done *atomic.Int64) (all []written, err error) {
	l := a.NewLocal()
	guard, err := a.Pin()
	if err != nil {
		return nil, err
	}
	defer func() { guard.Unpin() }()
	for i := 0; i < 20 && ctx.Err() == nil && !g.ended.Load(); i++ {
		done.Add(1)
		n := 1 + rng.IntN(1<<rng.IntN(22))
		alloc := guard.Alloc // The guard is of the last time: the arena may have moved twice since.
		if classic && rng.IntN(2) == 0 {
			alloc = l.Alloc // Held by the classic rule only.
		}
		b, err := alloc(n)
		if err != nil {
			return nil, err
		}
		w := written{a.Offset(b), n, rng.Uint64()}
		for i, c := range b {
			if c != 0 {
				return nil, fmt.Errorf("byte %d of %d handed out at %d is %#x", i, n, w.off, c)
			}
		}
		fill(b, w.off, w.seed)
		all = append(all, w)
	}
	return all, nil
}
