package addrspace

import "github.com/growarena/growarena/internal/align"

// gap is free addresses between two places, less the guards beside them. The zero
// gap is none.
type gap struct{ lo, hi uintptr }

func (g gap) len() uintptr { return g.hi - g.lo }

// gapAt returns the gap in z that contains addr or, if addr is taken, the one
// behind what takes it. It is empty where there is none.
func (pl *placer) gapAt(z Range, addr uintptr) gap {
	pl.reg.near = pl.reg.before(addr)
	return gapBehind(z, pl.reg.near)
}

// gapBehind returns the part of z between p and the next place. Where a zone ends
// no guard is needed, but a place just outside of it keeps its own.
func gapBehind(z Range, p *place) gap {
	g := gap{z.Start, z.End}
	if p.end != 0 { // not the sentinel
		g.lo = max(g.lo, p.end+guard)
	}
	if p.next != nil {
		g.hi = min(g.hi, max(p.limit, guard)-guard)
	}
	if g.lo > g.hi {
		return gap{}
	}
	return g
}

// span returns the first and the last place in g for a window of n bytes.
func (g gap) span(n, to uintptr) (first, last uintptr, ok bool) {
	first, ok = align.Up(g.lo, to)
	if !ok || g.len() < n || first > g.hi-n {
		return 0, 0, false
	}
	return first, align.Down(g.hi-n, to), true
}

// fits reports whether a window of n bytes has a place in g.
func (g gap) fits(n, to uintptr) bool {
	_, _, ok := g.span(n, to)
	return ok
}

// middle returns a place for n bytes around the middle of g. In a gap of less
// than 64 windows of this size it leaves a whole number of them below, so that
// halving gaps wastes nothing when the space fills up.
func (pl *placer) middle(g gap, n, to uintptr) (uintptr, bool) {
	first, last, ok := g.span(n, to)
	if !ok {
		return 0, false
	}
	pitch, _ := align.Up(n+guard, to)
	if m := (last - first) / pitch; m < 64 {
		return first + (m+pl.rng64(2))/2*pitch, true
	}
	// A quarter of the gap for chance: never equal strides, which would put the
	// windows' page tables into the same cache sets.
	quarter := (last - first) / 4
	return align.Down(first+quarter+quarter/2+pl.rng64(quarter), to), true
}

// gapNear returns a gap near a random place in the zones up to tier, or the one
// that the last released window left: its surroundings are in the CPU's caches.
func (pl *placer) gapNear(tier int) gap {
	if at := pl.freed; at != 0 {
		pl.freed = 0
		if z := pl.zoneOf(at); z != nil && z.tier <= tier {
			return pl.gapAt(z.Range, at)
		}
	}
	off := pl.rng64(pl.size(tier))
	for _, z := range pl.zones {
		if z.tier > tier {
			continue
		}
		if off < z.Len() {
			return pl.gapAt(z.Range, z.Start+off)
		}
		off -= z.Len()
	}
	return gap{}
}
