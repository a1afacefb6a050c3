package slab

import (
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// profileName is the name of the profile, as package runtime/pprof knows it.
const profileName = "growarena.inuse"

// inUseProfile is the profile of all allocators of the process: an entry stands
// for Options.Profile bytes, and is the stack of who allocated them.
var inUseProfile = sync.OnceValue(func() *pprof.Profile { return pprof.NewProfile(profileName) })

// profile samples the allocations of an allocator.
type profile struct {
	rate int
	all  *pprof.Profile

	// filter counts the sampled objects by hash of their address, so that freeing
	// others takes no lock.
	filter [1 << 12]atomic.Int32

	mu      sync.Mutex
	sampled map[uintptr]int // number of entries, by address of the object. Protected by mu.
}

// sampleKey is what the profile knows an entry by.
type sampleKey struct {
	p    *profile
	addr uintptr
	i    int
}

// unitsMax bounds the entries of one object: beyond, a profile shows a large
// object as smaller than it is rather than taking long to note it.
const unitsMax = 4096

func newProfile(rate int) *profile {
	return &profile{rate: rate, all: inUseProfile(), sampled: make(map[uintptr]int)}
}

func (p *profile) bucket(addr uintptr) *atomic.Int32 {
	return &p.filter[uint64(addr)*0x9e3779b97f4a7c15>>52]
}

// count counts an object of n bytes at addr, and samples it if its turn has come.
func (p *profile) count(s *shard, addr uintptr, n int) {
	if left := s.unsampled.Add(-int64(n)); left < 0 {
		p.sample(s, addr, left)
	}
}

// sample samples the object at addr, with an entry for each of the points at
// exponential distances that lie in it.
func (p *profile) sample(s *shard, addr uintptr, left int64) {
	units := 0
	for left < 0 && units < unitsMax {
		left += int64(rand.ExpFloat64()*float64(p.rate)) + 1
		units++
	}
	if s.begun.CompareAndSwap(false, true) {
		units-- // Zero is where the counter was made, not a point.
	}
	// Others may have counted meanwhile: theirs is taken as sampled here.
	s.unsampled.Store(max(left, 1))
	p.note(addr, units)
}

// note adds entries for the object at addr.
func (p *profile) note(addr uintptr, units int) {
	if units <= 0 {
		return
	}
	var pcs [32]uintptr
	skip := skipOwn(pcs[:runtime.Callers(1, pcs[:])]) + 1 // and Add itself
	p.bucket(addr).Add(1)
	p.mu.Lock()
	p.sampled[addr] = units
	p.mu.Unlock()
	for i := range units {
		p.all.Add(sampleKey{p, addr, i}, skip)
	}
}

// recount goes on after a reallocation that was no allocation, to the object at
// addr from old to n bytes: if it had entries it has some again, by its new length;
// otherwise the growth counts.
func (p *profile) recount(s *shard, addr uintptr, old, n, had int) {
	switch {
	case had > 0:
		p.note(addr, min(max(1, n/p.rate), unitsMax))
	case n > old:
		p.count(s, addr, n-old)
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

// forget removes the entries of the object at addr, and returns their number.
func (p *profile) forget(addr uintptr) int {
	p.mu.Lock()
	units, ok := p.sampled[addr]
	delete(p.sampled, addr)
	p.mu.Unlock()
	if !ok {
		return 0
	}
	p.bucket(addr).Add(-1)
	for i := range units {
		p.all.Remove(sampleKey{p, addr, i})
	}
	return units
}

// close removes all entries.
func (p *profile) close() {
	p.mu.Lock()
	var all []uintptr
	for addr := range p.sampled {
		all = append(all, addr)
	}
	p.mu.Unlock()
	for _, addr := range all {
		p.forget(addr)
	}
}
