package addrspace

import (
	"math/rand/v2"
	"runtime"

	"github.com/growarena/growarena/internal/align"
)

// Simulation places windows as a Space does, in an address space that nobody else
// uses, without reserving anything: for studies of what happens with more windows
// than the system's limits allow. Make one with Simulate. It is not safe for
// concurrent use.
type Simulation struct{ pl placer }

// Simulate returns a Simulation of a Space with these options, of which it needs
// Seed, AddressBits and Zones. AddressBits 0 means the most likely number for this
// kind of machine.
func Simulate(o Options) *Simulation {
	s := new(Simulation)
	var zones []zone
	for _, r := range o.Zones {
		zones = append(zones, zone{Range: r})
	}
	if zones == nil {
		if o.AddressBits == 0 {
			o.AddressBits = bitsHere(runtime.GOARCH)[0]
		}
		zones = zonesFor(runtime.GOARCH, o.AddressBits)
	}
	if o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	s.pl.init(zones, rand.New(rand.NewPCG(o.Seed, o.Seed)))
	return s
}

// Reserve returns where a window of size bytes, rounded up to a multiple of
// Alignment, would be placed, and false if there is no room. The place is taken
// from then on. It panics if size is not positive.
func (s *Simulation) Reserve(size int, o ReserveOptions) (Range, bool) {
	n, ok := align.Up(uintptr(max(size, 0)), Alignment)
	if size <= 0 || !ok {
		panic("addrspace: Reserve of no bytes, or more than there are addresses")
	}
	addr, ok := s.pl.place(n, o.Compact, false)
	if !ok {
		return Range{}, false
	}
	s.pl.add(&place{start: addr, end: addr + n, kind: live, compact: o.Compact})
	return Range{addr, addr + n}, true
}

// Zones returns where windows may lie, in no particular order.
func (s *Simulation) Zones() []Range {
	var zones []Range
	for _, z := range s.pl.zones {
		zones = append(zones, z.Range)
	}
	return zones
}

// Stats returns how many windows there are, and how often a random place was given
// up; everything else is 0.
func (s *Simulation) Stats() Stats {
	return Stats{Windows: s.pl.reg.len(), RegistryCollisions: s.pl.misses, GapSearches: s.pl.searches}
}
