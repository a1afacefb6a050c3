package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/fuzz"
	"github.com/growarena/growarena/internal/testutil"
)

// together is the worker that has all targets that need no process to
// themselves, and the readers and writers.
const together = "together"

// workers are the names of all workers.
func workers() []string {
	names := []string{together}
	for _, t := range fuzz.Targets {
		if t.Alone {
			names = append(names, t.Name)
		}
	}
	return names
}

// settled is how much more may be resident at the end than at the start: what the
// Go heap does not give back, and the page tables of Go's arenas.
const settled = 256 << 20

// counts are what a worker has done so far.
type counts struct {
	programs, operations atomic.Int64
	next                 atomic.Uint64
}

// work is a worker, whole: it reports once a second and at the end. It opens no
// files meanwhile, for there are targets that count them.
func work(ctx context.Context, name string, seed, from uint64) {
	debug.SetMemoryLimit(1 << 30)
	var done counts
	done.next.Store(from)
	before, start := testutil.Snapshot(), measure(os.Getpid()).rss
	out := json.NewEncoder(os.Stdout)
	say := func(failure error, end bool) {
		r := report{
			Programs: done.programs.Load(), Operations: done.operations.Load(), Next: done.next.Load(), Done: end,
		}
		if failure != nil {
			r.Failure = failure.Error()
		}
		_ = out.Encode(r)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	run := func(f func() error) {
		wg.Go(func() {
			if err := f(); err != nil {
				cancel(err)
			}
		})
	}
	for _, t := range fuzz.Targets {
		if t.Name == name || name == together && !t.Alone {
			run(func() error { return programs(ctx, t, seed, &done) })
		}
	}
	if name == together {
		for i, s := range scenarios {
			run(func() error { return repeat(ctx, s, seed+uint64(i), &done) })
		}
	}
	finished := make(chan struct{})
	go func() { wg.Wait(); close(finished) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for running := true; running; {
		select {
		case <-finished:
			running = false
		case <-tick.C:
			say(nil, false)
		}
	}
	err := context.Cause(ctx)
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = nil
	}
	if err == nil {
		leaks := before.Leaks(func() {
			fuzz.Settle()
			_ = addrspace.Default().Trim()
		})
		if leaks != "" {
			err = fmt.Errorf("left behind:\n%s", leaks)
		}
		debug.FreeOSMemory()
		if now := measure(os.Getpid()).rss; err == nil && now > start+settled {
			err = fmt.Errorf("%d bytes are resident at the end, %d were at the start", now, start)
		}
	}
	say(err, true)
}

// programs runs random programs of a target until ctx ends or one fails.
func programs(ctx context.Context, t fuzz.Target, seed uint64, done *counts) error {
	for i := done.next.Load(); ctx.Err() == nil; i++ {
		program := fuzz.Random(seed, i)
		if err := t.Try(program); err != nil {
			file, saved := fuzz.Save(filepath.Join(os.TempDir(), "growarena-soak", t.Name), program)
			return errors.Join(fmt.Errorf("target %s, program %d of seed %d: %w\nreplay: go test ./fuzz -run Replay -target %s -replay %s",
				t.Name, i, seed, err, t.Name, file), saved)
		}
		done.programs.Add(1)
		if i > done.next.Load() {
			done.next.Store(i)
		}
	}
	return nil
}

// repeat runs a scenario again and again, with a new seed each time.
func repeat(ctx context.Context, s scenario, seed uint64, done *counts) error {
	for round := uint64(0); ctx.Err() == nil; round++ {
		if err := guarded(func() error { return s.run(ctx, seed+round<<16, &done.operations) }); err != nil {
			return fmt.Errorf("%s, round %d: %w", s.name, round, err)
		}
	}
	return nil
}

// guarded turns a panic of f's own goroutine into an error.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
