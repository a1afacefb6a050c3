package census

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"sync/atomic"
)

// limit is the memory limit of the process, and what is known about how much of it is not
// Go's.
var limit limiter

// least is what Go's limit is not made lower than: its heap never is.
const least = 4 << 20

// collectShare is which part of the limit must have been committed since the last time
// before the heap is collected out of turn again.
const collectShare = 16

type limiter struct {
	on atomic.Bool // n is set

	mu        sync.Mutex
	n         int64 // of the process. Protected by mu.
	total     int   // committed by all things, as far as is known. Protected by mu.
	collected int   // total when the heap was last collected out of turn. Protected by mu.

	collecting atomic.Bool
}

// setGo sets Go's own limit. A variable, for tests.
var setGo = debug.SetMemoryLimit

// SetLimit makes n bytes the limit of the process and returns what it was, math.MaxInt64
// if there was none. A negative n only asks; math.MaxInt64 ends it, and leaves Go without a limit,
// too.
func SetLimit(n int64) (was int64) {
	l := &limit
	l.mu.Lock()
	was = l.n
	if !l.on.Load() {
		was = math.MaxInt64
	}
	switch {
	case n < 0:
		l.mu.Unlock()
		return was
	case n == math.MaxInt64:
		if l.on.Load() {
			setGo(n)
		}
		l.on.Store(false)
		l.mu.Unlock()
		return was
	}
	l.n = n
	l.on.Store(true) // From now on things tell.
	l.mu.Unlock()
	List() // Each thing is asked.
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on.Load() {
		l.applyLocked() // Also if nothing has changed.
	}
	return was
}

// Limited reports whether things are to tell how much they hold: one load.
func Limited() bool { return limit.on.Load() }

// Note says how many bytes a thing has committed now. Where memory is taken or given back
// in a step that is slow anyway the thing says so, if Limited. Any lock may be held.
func (t *Thing) Note(committed int) { limit.set(t, committed) }

// set counts committed bytes for t, unless that has ended.
func (l *limiter) set(t *Thing, committed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setLocked(t, committed)
}

// setLocked is set with mu held.
func (l *limiter) setLocked(t *Thing, committed int) {
	if t.ended || committed == t.counted {
		return
	}
	l.total += committed - t.counted
	t.counted = committed
	if l.on.Load() {
		l.applyLocked()
	}
}

// end counts nothing for t any more.
func (l *limiter) end(t *Thing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.setLocked(t, 0)
	t.ended = true
}

// applyLocked sets Go's limit to what is left, and has the heap collected, once, on a
// goroutine of its own, if it holds more than that: a program that allocates nothing
// meanwhile would not begin to.
func (l *limiter) applyLocked() {
	left := max(l.n-int64(l.total), least)
	setGo(left)
	l.collected = min(l.collected, l.total)
	if int64(l.total-l.collected) < l.n/collectShare || goMemory() <= left || !l.collecting.CompareAndSwap(false, true) {
		return
	}
	l.collected = l.total
	go func() {
		defer l.collecting.Store(false)
		debug.FreeOSMemory()
	}()
}

// goMemory returns how many bytes the Go runtime holds, as its limit counts them.
func goMemory() int64 {
	s := [2]metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s[:])
	if s[0].Value.Kind() != metrics.KindUint64 || s[1].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}
