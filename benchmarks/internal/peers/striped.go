package peers

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// stripes is how many counters there are; a power of two.
const stripes = 64

// Striped counts the users of something in several counters, each in a line of the
// cache of its own, so that users on different processors do not wait for each
// other. Exclusive waits until nobody uses it. The zero value is ready.
type Striped struct {
	counters [stripes]stripe
	closed   atomic.Bool
	mu       sync.RWMutex // held by Exclusive; who finds closed set waits here
}

// stripe is padded to two lines, which processors fetch in pairs.
type stripe struct {
	n atomic.Int64
	_ [120]byte
}

// Acquire begins a use. What it returns goes to Release.
func (s *Striped) Acquire() *atomic.Int64 {
	n := &s.counters[stackHash()%stripes].n
	// Count first, then look: Exclusive closes first, then counts.
	n.Add(1)
	if !s.closed.Load() {
		return n
	}
	n.Add(-1)
	s.mu.RLock() // waits for Exclusive, and keeps out the next
	n.Add(1)
	s.mu.RUnlock()
	return n
}

// Release ends a use.
func (s *Striped) Release(n *atomic.Int64) { n.Add(-1) }

// Exclusive calls f while there is no use.
func (s *Striped) Exclusive(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed.Store(true)
	defer s.closed.Store(false)
	for i := range s.counters {
		for s.counters[i].n.Load() != 0 {
			runtime.Gosched()
		}
	}
	f()
}
