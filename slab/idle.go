package slab

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// idleTime is how long memory has to be free before it is given back without
	// being asked for. Who fills and empties queues of many megabytes does so in
	// milliseconds, and would take page faults for all of it each time.
	idleTime = 100 * time.Millisecond

	// lookShare is which part of the bytes of spans of large objects becomes unused in a
	// shard before we look how many are used, and lookTime how long we do not look
	// again: that is a look at every shard.
	lookShare = 16
	lookTime  = 10 * time.Millisecond
)

// idle gives memory back that is free and has not been needed for a while. It is a
// timer that runs only while there may be such memory, so Alloc and Free make no
// system call for that, and what was used a moment ago is there to be used again.
type idle struct {
	// mu is held while memory is given back, and by who wants to see nothing of that.
	// It comes before class.mu.
	mu    sync.Mutex
	timer *time.Timer // Immutable after init.
	set   atomic.Bool // the timer runs

	// peak is the most bytes of large objects that were in use when we looked, since
	// pages between them were given back. Protected by mu.
	peak int

	// next is when to look again, in nanoseconds (atomic).
	next atomic.Int64

	missed atomic.Bool // somebody has freed so much that he would have looked, and could not

	spans atomic.Int64 // bytes of spans of large objects
}

// init makes the timer, which does not run yet.
func (i *idle) init(a *Allocator) {
	i.timer = time.AfterFunc(math.MaxInt64, a.giveBackIdle)
	i.timer.Stop()
}

// arm sets the timer, if it is not.
func (i *idle) arm() {
	if !i.set.Load() && i.set.CompareAndSwap(false, true) {
		i.timer.Reset(idleTime)
	}
}

// close keeps memory from being given back from now on.
func (i *idle) close(a *Allocator) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.timer.Stop()
	a.closed.Store(true)
}

// giveBackIdle is what the timer does.
func (a *Allocator) giveBackIdle() {
	i := &a.idle
	i.mu.Lock()
	defer i.mu.Unlock()
	if a.closed.Load() {
		return
	}
	i.set.Store(false) // What is freed from now on sets it again.
	again, err := a.large.trimIdle()
	if err != nil {
		a.large.refused.Add(1)
	}
	if a.pages.GiveBackIdle() || again {
		i.arm()
	}
	if a.watch == nil {
		a.punchIdle()
	}
}
