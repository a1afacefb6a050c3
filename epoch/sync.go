//go:build !explore

package epoch

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// All that goroutines share in this package has the names of this file: words,
// the lock, goroutines, waits, time and chance. They are sync/atomic and sync
// themselves, at no cost. Tests of this package are also built with the tag
// explore, which puts explore_sync_test.go in place of this file: there each use
// is a point where the explorer may run another task.
type (
	atomicUint32         = atomic.Uint32
	atomicUint64         = atomic.Uint64
	atomicInt64          = atomic.Int64
	atomicPointer[T any] = atomic.Pointer[T]
	mutex                = sync.Mutex
)

// spawn runs f in a goroutine of its own.
func spawn(f func()) { go f() }

// stripe returns the caller's slot hint.
func stripe() uint64 { return stackHash() }

// scatter returns a random place to start looking in an overflow table.
func scatter() uint64 { return rand.Uint64() }

// processStart makes the time of now monotonic and small.
var processStart = time.Now()

// now returns the monotonic time, in the only unit ages are computed in.
func now() time.Duration { return time.Since(processStart) }

// An event wakes the one goroutine that waits for it. Setting it twice before
// it is waited for counts once.
type event struct {
	c chan struct{} // Capacity 1. Immutable after newEvent.
}

func newEvent() event { return event{make(chan struct{}, 1)} }

// set wakes the waiter, or the next one to wait. It does not block.
func (e *event) set() {
	select {
	case e.c <- struct{}{}:
	default:
	}
}

// wait returns once the event was set, or when timeout has passed; a timeout
// of 0 means none.
func (e *event) wait(timeout time.Duration) {
	if timeout <= 0 {
		<-e.c
		return
	}
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-e.c:
	case <-t.C:
	}
}

// A gate is shut until it is opened, once, for all who wait.
type gate struct {
	c chan struct{} // Closed by open. Immutable after newGate.
}

func newGate() *gate { return &gate{make(chan struct{})} }

// open lets everybody pass. Called once, with Domain.mu held.
func (g *gate) open() { close(g.c) }

// wait returns nil once the gate is open, or ctx's error if ctx ends first. An
// open gate wins over an ended context.
func (g *gate) wait(ctx context.Context) error {
	select {
	case <-g.c:
		return nil
	default:
	}
	select {
	case <-g.c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
