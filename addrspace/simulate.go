package addrspace

import (
	"math/rand/v2"
	"runtime"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/placement"
)

func init() {
	placement.Simulate = func() placement.Simulation {
		s := simulate(Options{})
		p := placement.Simulation{
			Place: func(size int, compact bool) (uintptr, bool) {
				r, ok := s.reserve(size, compact)
				return r.Start, ok
			},
			Collisions: func() uint64 { return s.pl.misses },
		}
		for _, z := range s.pl.zones {
			p.Zones = append(p.Zones, [2]uintptr{z.Start, z.End})
		}
		return p
	}
}

// simulation places windows as a Space does, in an address space that nobody else
// uses, without reserving anything.
type simulation struct{ pl placer }

// simulate returns a simulation of a Space with these options, of which it needs
// Seed, AddressBits and Zones. AddressBits 0 means the most likely number for this
// kind of machine.
func simulate(o Options) *simulation {
	s := new(simulation)
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

// reserve returns where a window of size bytes, rounded up to a multiple of
// Alignment, would be placed, and false if there is no room. The place is taken
// from then on. It panics if size is not positive.
func (s *simulation) reserve(size int, compact bool) (Range, bool) {
	n, ok := align.Up(uintptr(max(size, 0)), Alignment)
	if size <= 0 || !ok {
		panic("addrspace: Reserve of no bytes, or more than there are addresses")
	}
	addr, ok := s.pl.place(n, Alignment, compact, false)
	if !ok {
		return Range{}, false
	}
	s.pl.add(&place{start: addr, end: addr + n, kind: live, compact: compact})
	return Range{addr, addr + n}, true
}
