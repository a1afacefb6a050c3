package fuzz

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/epoch"
)

// Bounds of what a program has at a time.
const (
	epochGuards = 200
	epochThings = 400
)

// epochRun is a run of a program on package epoch. One goroutine plays all
// readers and writers; the only other one is the domain's reaper. The model
// knows which version each guard pins and which versions each retired thing
// lived in, so it knows what may be freed and, since nothing is freed after
// a delay, what must be.
//
// In most programs each operation ends when the reaper has done what the
// operation made possible: without any further call to the domain, so that
// a lost wake-up shows. In the others the reaper runs beside what follows.
type epochRun struct {
	in     *input
	d      *epoch.Domain
	limit  int64 // Options.MaxRetired
	debug  bool  // Options.Debug
	leased bool  // Options.Debug or Profile
	loose  bool  // the reaper runs beside what follows
	quiet  bool  // Stats, which looks at all slots, is not asked after each operation
	chains bool  // there are Frees that publish; not if quiet or loose

	value   any // published
	closed  bool
	scanned bool // in this step all slots have been looked at
	slots   int  // Stats.Slots when last seen
	guards  []*epochGuard
	lives   []*epochThing // in the published value

	calling atomic.Bool // a call is under way that may free things itself

	// What Free functions see and change, on whatever goroutine they run.
	mu      sync.Mutex
	version uint64                 // the newest
	pins    map[*epochPin]struct{} // pinned
	retired []*epochThing          // retired and not gone
	blocked *epochThing            // what the reaper is freeing until the program lets it, or nil
	freed   uint64
	bytes   int64 // freed
	wrong   error // the first thing freed that must not be
}

// epochPin is one pin, whichever copies of its guard there are.
type epochPin struct {
	version uint64
	value   any
	moves   int // how often it was refreshed to another version
}

// epochGuard is a variable that holds a guard.
type epochGuard struct {
	epoch.Guard
	pin     *epochPin
	version uint64 // what the variable says
	value   any
	moves   int  // of pin, when the variable was pinned or refreshed
	done    bool // it was unpinned through this variable
}

func runEpoch(program []byte) error {
	config, limit := 0, 0
	if len(program) > 2 {
		config, limit, program = int(program[0]), int(program[1]), program[2:]
	}
	o := epoch.Options{Name: "fuzz", Slots: 1 << (config & 3), StallAfter: time.Hour}
	switch config >> 2 & 7 {
	case 5:
		o.StallAfter = 1
		o.OnStall = func(epoch.Stall) {}
	case 6:
		o.Debug = true
	case 7:
		o.Profile = true
	}
	if limit&3 == 0 {
		o.MaxRetired = int64(limit)
	}
	e := &epochRun{
		in: newInput(program, len(epochOps)), d: epoch.NewDomain(o),
		limit: o.MaxRetired, debug: o.Debug, leased: o.Debug || o.Profile,
		loose: config>>5 == 7, quiet: config>>5&3 == 1,
		version: 1, pins: make(map[*epochPin]struct{}),
	}
	e.chains = !e.loose && !e.quiet
	err := e.run()
	if err == nil {
		err = e.end(false)
	}
	if err != nil {
		_ = e.end(true)
	}
	return err
}

// run runs the program.
func (e *epochRun) run() error {
	for step := 0; e.in.more(); step++ {
		op := epochOps[e.in.op()]
		err := op.f(e)
		if err == nil && !e.loose {
			err = e.settle()
		}
		if err == nil && !e.quiet && !e.loose {
			err = e.agree()
		}
		if err == nil && !e.loose {
			err = e.settle()
		}
		e.scanned = false
		if err == nil {
			err = e.verdict()
		}
		if err != nil {
			return fmt.Errorf("epoch: step %d, %s: %w", step, op.name, err)
		}
	}
	return nil
}

// end unpins everything and closes the domain, which must then be empty.
// After a difference it only gives back what there is.
func (e *epochRun) end(failed bool) error {
	e.hurry()
	for len(e.guards) > 0 {
		g := e.guards[e.in.below(len(e.guards))]
		if failed {
			_ = panicText(g.Unpin)
		} else if err := errors.Join(e.unpin(g), e.settle()); err != nil {
			return fmt.Errorf("epoch: at the end: %w", err)
		}
		e.forget(g)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	before := e.newest()
	e.calling.Store(true)
	err := e.d.Shutdown(ctx, e.drop(e.lives)...)
	if failed {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoch: at the end: %w", err)
	}
	if !e.closed {
		e.closed = true
		if _, err := e.bumped(before); err != nil {
			return fmt.Errorf("epoch: at the end: %w", err)
		}
	}
	e.value, e.scanned = nil, true
	if err := e.settle(); err != nil {
		return fmt.Errorf("epoch: at the end: %w", err)
	}
	if err := errors.Join(e.agree(), e.verdict()); err != nil {
		return fmt.Errorf("epoch: at the end: %w", err)
	}
	return nil
}

// verdict returns what a Free function has found.
func (e *epochRun) verdict() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.wrong
}

// ended is a context that has ended: with it, waits look and do not wait.
var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()
