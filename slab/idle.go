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

	// lookShare is which part of the bytes of spans of large objects a shard frees
	// before we look how many of them are left, and lookTime how long we do not look
	// again: it takes some ten microseconds for 64 MiB of them.
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

	low int // the fewest dirty pages there were since the timer last fired. Protected by pages.mu.

	// peak is the most bytes of large objects that were in use when we looked, since
	// pages between them were given back. Protected by mu.
	peak int

	// next is when to look again, in nanoseconds (atomic).
	next atomic.Int64

	// after is how many bytes of large objects a shard frees until we look (atomic).
	after atomic.Int64
}

// init makes the timer, which does not run yet.
func (i *idle) init(a *Allocator) {
	i.timer = time.AfterFunc(math.MaxInt64, a.giveBackIdle)
	i.timer.Stop()
	i.after.Store(keepMin / lookShare)
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
		a.decommitFailed.Add(1)
	}
	if a.decommitIdle() || again {
		i.arm()
	}
	if a.watch == nil {
		a.punchIdle()
	}
}

// decommitIdle gives back what was free all the time since it was last called, but
// for what is kept, and reports whether there may be more the next time.
func (a *Allocator) decommitIdle() bool {
	h := &a.pages
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := a.keepPages()
	if low := min(a.idle.low, h.dirty); low > keep {
		// A quarter more than must be, so as not to be back at once.
		if a.decommitLocked(h.dirty-(low-keep+keep/4)) != nil {
			return false // It is counted, and tried again when more is freed.
		}
	}
	a.idle.low = h.dirty
	return h.dirty > keep || a.trimRegionsLocked()
}

// trimRegionsLocked gives back what arenas have prepared for more, of which nothing
// has been taken since it was last called, and reports whether to call it again.
//
// Preconditions: pages.mu is held.
func (a *Allocator) trimRegionsLocked() (again bool) {
	for _, r := range *a.regions.Load() {
		if r.ahead && r.seen == r.pages {
			r.ahead = r.arena.Trim() != nil
		}
		r.seen = r.pages
		again = again || r.ahead
	}
	return again
}

// freedLarge notes that an object of punchSize or more bytes was freed into a group
// that no shard owns. From time to time it looks how many are left.
func (a *Allocator) freedLarge(size int) {
	s, i := a.shard(), &a.idle
	if s.freed.Add(int64(size)) < i.after.Load() {
		return
	}
	s.freed.Store(0)
	i.arm()
	if now := time.Now(); now.UnixNano() >= i.next.Load() && i.mu.TryLock() {
		a.lookLarge(now)
		i.mu.Unlock()
	}
}

// lookLarge looks how much of the spans of large objects is in use, and how much
// they have.
//
// Preconditions: idle.mu is held.
func (a *Allocator) lookLarge(now time.Time) (used, total int) {
	i, first := &a.idle, classOf(punchSize)
	i.next.Store(now.Add(lookTime).UnixNano())
	a.eachSpan(func(e entry, _ *region, _ int) {
		if k := &kinds[e.class()]; int(e.class()) >= first {
			used += a.inSpan(e) * int(k.size)
			total += int(classPages[e.class()]) * pageSize
		}
	})
	i.peak = max(i.peak, used)
	i.after.Store(int64(max(keepMin, total) / lookShare))
	return used, total
}

// punchIdle gives the pages between large objects back when less than half of what
// was in use of them still is.
//
// Preconditions: idle.mu is held.
func (a *Allocator) punchIdle() {
	used, total := a.lookLarge(time.Now())
	if used < a.idle.peak/2 && total-used > keepMin {
		a.idle.peak = used
		_ = a.punch(classOf(punchSize)) // What is refused is counted.
	}
}
