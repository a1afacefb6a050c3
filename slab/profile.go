package slab

import (
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/internal/pproto"
)

// profile samples the allocations of an allocator, at points that are Options.Profile bytes
// apart on average, as the heap profile does.
type profile struct {
	rate int

	// filter counts the sampled objects by hash of their address, so that freeing
	// others takes no lock.
	filter [1 << 12]atomic.Int32

	mu      sync.Mutex
	sampled map[uintptr]sample // by address of the object. Protected by mu.
}

// sample is an object in use that was sampled.
type sample struct {
	n  int // bytes
	by stack
}

// profiles are those of all allocators that are not closed.
var profiles struct {
	mu  sync.Mutex
	all map[*profile]bool // Protected by mu.
}

func newProfile(rate int) *profile {
	p := &profile{rate: rate, sampled: make(map[uintptr]sample)}
	profiles.mu.Lock()
	defer profiles.mu.Unlock()
	if profiles.all == nil {
		profiles.all = make(map[*profile]bool)
	}
	profiles.all[p] = true
	return p
}

// WriteProfile writes a profile of the objects in use of all allocators that have
// Options.Profile, by who allocated them, in the format of go tool pprof and with the units
// of the heap profile: inuse_objects is their number, inuse_space their length in bytes, which is that of
// their size class. Both are estimates from the samples. Safe for concurrent use.
func WriteProfile(w io.Writer) error {
	type sum struct{ objects, bytes float64 }
	sums := make(map[stack]sum)
	period := 0
	profiles.mu.Lock()
	for p := range profiles.all {
		period = max(period, p.rate)
		p.mu.Lock()
		for _, s := range p.sampled {
			was, weight := sums[s.by], p.weight(s.n)
			sums[s.by] = sum{was.objects + weight, was.bytes + weight*float64(s.n)}
		}
		p.mu.Unlock()
	}
	profiles.mu.Unlock()
	var samples []pproto.Sample
	for by, s := range sums {
		samples = append(samples, pproto.Sample{Stack: by.pcs(), Values: []int64{int64(math.Round(s.objects)), int64(math.Round(s.bytes))}})
	}
	units := []pproto.Unit{{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"}}
	if err := pproto.Write(w, units, int64(period), samples); err != nil {
		return fmt.Errorf("slab: write profile: %w", err)
	}
	return nil
}

// weight returns for how many objects of n bytes one that was sampled stands: 1 in so many is.
func (p *profile) weight(n int) float64 { return -1 / math.Expm1(-float64(n)/float64(p.rate)) }

func (p *profile) bucket(addr uintptr) *atomic.Int32 {
	return &p.filter[uint64(addr)*0x9e3779b97f4a7c15>>52]
}

// count counts passed bytes of an object of n at addr, and samples it if a point lies in them.
func (p *profile) count(s *shard, addr uintptr, passed, n int) {
	if s.unsampled.Add(-int64(passed)) >= 0 {
		return
	}
	if s.begun.CompareAndSwap(false, true) {
		// Zero is where the counter was made, not a point.
		if left := p.distance(); left > int64(passed) {
			s.unsampled.Store(left - int64(passed))
			return
		}
	}
	// How many points lie in it, and where the last one, makes no difference to where the next
	// one is. Others may have counted meanwhile: theirs is taken as sampled here.
	s.unsampled.Store(p.distance())
	p.note(addr, n)
}

// distance returns how far the next point is.
func (p *profile) distance() int64 { return int64(rand.ExpFloat64()*float64(p.rate)) + 1 }

// note adds the object of n bytes at addr.
func (p *profile) note(addr uintptr, n int) {
	s := sample{n, callers()}
	p.bucket(addr).Add(1)
	p.mu.Lock()
	p.sampled[addr] = s
	p.mu.Unlock()
}

// recount goes on after a reallocation that was no allocation, to the object at
// addr from old to n bytes: if it was sampled it is again, by its new length;
// otherwise the growth counts.
func (p *profile) recount(s *shard, addr uintptr, old, n int, had bool) {
	switch {
	case had:
		p.note(addr, n)
	case n > old:
		p.count(s, addr, n-old, n)
	}
}

// has reports whether the object at addr is sampled.
func (p *profile) has(addr uintptr) bool {
	if p.bucket(addr).Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.sampled[addr]
	return ok
}

// forget removes the object at addr, and reports whether it was sampled.
func (p *profile) forget(addr uintptr) bool {
	p.mu.Lock()
	_, ok := p.sampled[addr]
	delete(p.sampled, addr)
	p.mu.Unlock()
	if ok {
		p.bucket(addr).Add(-1)
	}
	return ok
}

// forgetAll removes all objects, but those that are to be kept.
func (p *profile) forgetAll(keep func(addr uintptr) bool) {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.sampled))
	p.mu.Unlock()
	for _, addr := range all {
		if !keep(addr) {
			p.forget(addr)
		}
	}
}

// close takes all there is out of the profile.
func (p *profile) close() {
	profiles.mu.Lock()
	defer profiles.mu.Unlock()
	delete(profiles.all, p)
}
