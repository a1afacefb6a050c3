package addrspace

import (
	"math/rand/v2"

	"github.com/growarena/growarena/internal/align"
)

const (
	// Alignment is what windows start at a multiple of and are a multiple of
	// long: one page-table page of 4 KiB entries. Page tables of windows aligned
	// like this move between them by whole pages (rehoming), which is up to 300
	// times faster than entry by entry.
	Alignment = 2 << 20

	// alignmentBig is for windows at least as long: their page tables move by
	// pages of 2 MiB entries, in one step a GiB instead of 512. That is 20-60 µs
	// instead of 100-140, and instead of milliseconds on virtual machines
	// where each step's TLB flush is dear.
	alignmentBig = 1 << 30

	// guard stays free between any two places. Neighbouring PROT_NONE mappings
	// merge into one VMA, and unmapping one of them would be cutting the middle
	// of a VMA, which fails at vm.max_map_count.
	guard = Alignment
)

const (
	// probes is how many random places a roomy window looks at, at most: it
	// takes the first gap that is as large as the average one. With 65,536
	// windows of 2 MiB none (0.00 %) then hit a neighbour when all grow to
	// 64 MiB (256 MiB) in place.
	probes = 4

	// roomEnough is the gap below which a tier counts as crowded: a window
	// in the middle of it can still grow to 8 GiB.
	roomEnough = 16 << 30

	// crowded and packed are loads of the zones in percent. From crowded on
	// windows of 1 to 8 GiB are no longer aligned to 1 GiB, which can cost a GiB
	// each; from packed on windows go to the low edge of the gap that fits best,
	// since halving would leave gaps that none of them fits into.
	crowded = 10
	packed  = 40

	// searchBelow is the number of places up to which, above the packed load,
	// all gaps are looked at and not just some: a few microseconds.
	searchBelow = 1024
)

// placer decides where windows go. It makes no system calls.
//
// Roomy windows go to the middle of large gaps, which halves them: every window
// keeps about as much room behind it as any other, and all of it together is
// nearly the whole space. Compact windows go to random places within a band
// that widens as it fills (band.go): their page tables share pages.
//
// All fields are protected by Space.mu.
type placer struct {
	reg   registry // all that is taken
	zones []zone   // where windows may lie, best first. Immutable after init.
	total uint64   // addresses in zones. Immutable after init.
	taken uint64   // of them, those of places
	rng   *rand.Rand

	tier   int     // the last tier roomy windows look at first
	tierAt int     // number of places when tier was raised
	band   band    // where compact windows go
	freed  uintptr // where the last place went away, or 0: the gap to look at first

	searches uint64 // times all gaps were looked at
	misses   uint64 // probes that met a gap too small
}

// init makes pl place windows in zones.
func (pl *placer) init(zones []zone, rng *rand.Rand) {
	pl.zones, pl.total, pl.rng = zones, sum(zones), rng
	for p := pl.reg.head.next; p != nil; p = p.next { // stuck already: see Space.alive
		pl.taken += pl.inZones(p.rng())
	}
}

// inZones returns how many addresses of r lie in zones.
func (pl *placer) inZones(r Range) (n uint64) {
	for _, z := range pl.zones {
		if z.Overlaps(r) {
			n += uint64(min(z.End, r.End) - max(z.Start, r.Start))
		}
	}
	return n
}

// zoneOf returns the zone that contains addr, or nil.
func (pl *placer) zoneOf(addr uintptr) *zone {
	for i := range pl.zones {
		if pl.zones[i].Contains(addr) {
			return &pl.zones[i]
		}
	}
	return nil
}

// add registers p.
func (pl *placer) add(p *place) {
	pl.reg.insert(p)
	pl.taken += pl.inZones(p.rng())
	pl.band.note(p)
}

// drop forgets p.
func (pl *placer) drop(p *place) {
	pl.taken -= pl.inZones(p.rng())
	pl.band.forget(p)
	pl.reg.remove(p)
	pl.freed = p.start
}

// extend makes p longer.
func (pl *placer) extend(p *place, end uintptr) {
	pl.taken += pl.inZones(Range{p.end, end})
	if pl.band.counts(p) {
		pl.band.fill += uint64(end - p.end)
	}
	pl.reg.resize(p, end)
}

// load returns the taken part of the zones in percent, guards included, with n
// bytes more taken.
func (pl *placer) load(n uintptr) uint64 {
	if pl.total == 0 {
		return 100
	}
	return (pl.taken + uint64(n) + guard*uint64(pl.reg.len())) * 100 / pl.total
}

// anywhere returns a random place for n bytes in g, a whole number of windows of
// this size away from its low end: what is left fits others like it.
func (pl *placer) anywhere(g gap, n, to uintptr) (uintptr, bool) {
	first, last, ok := g.span(n, to)
	if !ok {
		return 0, false
	}
	pitch, _ := align.Up(n+guard, to)
	return first + pl.rng64((last-first)/pitch+1)*pitch, true
}

// rng64 returns a random number below n, 0 if n is 0.
func (pl *placer) rng64(n uintptr) uintptr {
	if n == 0 {
		return 0
	}
	return uintptr(pl.rng.Uint64N(uint64(n)))
}

// alignFor returns what a window of n bytes should be aligned to, and would be if
// there were room. Compact ones are not moved, and equal strides of 1 GiB are what
// they should not have.
func (pl *placer) alignFor(n uintptr, compact bool) uintptr {
	if compact {
		return Alignment
	}
	if n/8 >= alignmentBig || n >= alignmentBig && pl.load(n) < crowded {
		return alignmentBig
	}
	return Alignment
}

// place returns a free place for a window of n bytes, aligned to least or, where there
// is room, to more. It reports false only if no gap in any zone is large enough. With
// search it looks at all gaps at once, for callers that found the kernel to disagree
// with the registry.
func (pl *placer) place(n, least uintptr, compact, search bool) (addr uintptr, ok bool) {
	to := max(pl.alignFor(n, compact), least)
	load := pl.load(n)
	if !search && load < packed {
		if compact {
			addr, ok = pl.placeCompact(n, to)
		} else {
			addr, ok = pl.placeRoomy(n, to)
		}
		if ok {
			return addr, true
		}
	}
	if !search && load >= packed && pl.reg.len() > searchBelow {
		if addr, ok = pl.placeTight(n, to); ok {
			return addr, true
		}
	}
	if addr, ok = pl.placeSearch(n, to); !ok && to > least {
		return pl.placeSearch(n, least)
	}
	return addr, ok
}

// placeRoomy looks at a few random gaps and halves a large one. It begins with
// the best zones and goes on to the others when these are crowded: not
// when they are full, or the best zones would hold windows without room to grow
// while others are empty.
func (pl *placer) placeRoomy(n, to uintptr) (uintptr, bool) {
	if pl.tier > 0 && pl.reg.len() < pl.tierAt/2 {
		pl.tier = 0
	}
	last := pl.lastTier()
	enough := max(roomEnough, 4*uint64(n))
	// In the last tier there is no better place to go to: there a gap is good if
	// it is no smaller than most. A random address is likelier in a large gap, so
	// this is met at the first or second try.
	average := (pl.total - pl.taken) / uint64(pl.reg.len()+1)
	for tier := pl.tier; ; tier++ {
		good := enough
		if tier == last {
			good = average
		}
		var best gap
		for range probes {
			g := pl.gapNear(tier)
			if !g.fits(n, to) {
				pl.misses++
			} else if g.len() > best.len() {
				if best = g; uint64(g.len()-n) >= good {
					break
				}
			}
		}
		switch {
		case best.len() > 0 && (tier == last || uint64(best.len()-n) >= enough):
			return pl.middle(best, n, to)
		case tier == last:
			return 0, false
		case n < alignmentBig: // remember for the next ones
			pl.tier, pl.tierAt = tier+1, pl.reg.len()
		}
	}
}

// placeTight looks at some random gaps and takes the low edge of the tightest. It
// stands in for placeSearch where there are so many places that looking at all
// gaps would take longer than the system calls.
func (pl *placer) placeTight(n, to uintptr) (addr uintptr, ok bool) {
	var best gap
	tier := pl.lastTier()
	for range 4 * probes {
		g := pl.gapNear(tier)
		first, _, fits := g.span(n, to)
		if !fits {
			pl.misses++
		} else if !ok || g.len() < best.len() {
			best, addr, ok = g, first, true
		}
	}
	return addr, ok
}

// size returns the number of addresses in the zones up to tier.
func (pl *placer) size(tier int) (n uintptr) {
	for _, z := range pl.zones {
		if z.tier <= tier {
			n += z.Len()
		}
	}
	return n
}

// lastTier returns the highest tier of the zones.
func (pl *placer) lastTier() (t int) {
	for _, z := range pl.zones {
		t = max(t, z.tier)
	}
	return t
}

// placeSearch looks at every gap of every zone and takes the tightest, at its
// low edge.
func (pl *placer) placeSearch(n, to uintptr) (addr uintptr, ok bool) {
	pl.searches++
	var best gap
	for _, z := range pl.zones {
		for p := pl.reg.before(z.Start); p != nil && p.end < z.End; p = p.next {
			g := gapBehind(z.Range, p)
			if first, _, fits := g.span(n, to); fits && (!ok || g.len() < best.len()) {
				best, addr, ok = g, first, true
			}
		}
	}
	return addr, ok
}
