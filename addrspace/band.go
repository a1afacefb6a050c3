package addrspace

import "github.com/growarena/growarena/internal/align"

const (
	// bandMin is a new band's width: the reach of one page of 2 MiB entries.
	bandMin = 1 << 30

	// bandFull is the fill, in percent, at which a band is doubled. A random
	// address meets a free spot with 84 % until then, so that the band is hardly
	// ever doubled because bandProbes of them did not.
	bandFull   = 40
	bandProbes = 8
)

// band is where compact windows go: a range in one zone, random in its place and
// just wide enough, so that the windows share page-table pages. With one page
// touched in each of 1,024 windows, random reads took 1.12 × as long in a band
// of 64 GiB as in packed windows, 1.33 × when scattered over all of the address
// space, and 2.2 × at strides of exactly 1 GiB.
//
// Roomy windows are not kept out of it. They go to the largest gaps, which are
// elsewhere as soon as the band has something in it.
//
// Its fields are protected by Space.mu.
type band struct {
	Range        // empty until the first compact window
	zone  int    // index of the zone it lies in
	fill  uint64 // bytes of the compact places in it, guards included
}

// note counts p if it lies in b, where it was placed or happens to be.
func (b *band) note(p *place) {
	if p.compact && b.Contains(p.start) {
		p.banded = true
		b.fill += uint64(p.len() + guard)
	}
}

// counts reports whether p is in the fill: not if b was begun after it.
func (b *band) counts(p *place) bool { return p.banded && b.Contains(p.start) }

// forget takes p out of the count.
func (b *band) forget(p *place) {
	if b.counts(p) {
		b.fill -= uint64(p.len() + guard)
	}
	p.banded = false
}

// placeCompact finds a random free place in the band, widening it when it is
// full, and reports false when all zones are. Random, not the next one: two
// windows in a row would otherwise always be neighbours, and a write past the
// end of one would sooner meet the other.
func (pl *placer) placeCompact(n, to uintptr) (uintptr, bool) {
	b := &pl.band
	if b.fill == 0 && !pl.startBand(0, n) { // the first one, or the last have gone
		return 0, false
	}
	for {
		for b.fill+uint64(n+guard) > uint64(b.Len())/100*bandFull {
			if !pl.widenBand(n) {
				return 0, false
			}
		}
		for range bandProbes {
			g := pl.gapAt(b.Range, b.Start+pl.rng64(b.Len()))
			if addr, ok := pl.anywhere(g, n, to); ok {
				return addr, true
			}
			pl.misses++
		}
		if !pl.widenBand(n) {
			return 0, false
		}
	}
}

// startBand opens a band at a random place of the first zone, from index i on,
// that a band for windows of n bytes fits into. The old band's windows are
// counted no more.
func (pl *placer) startBand(i int, n uintptr) bool {
	for ; i < len(pl.zones); i++ {
		z := pl.zones[i]
		width := uintptr(bandMin)
		for width < 4*n && width <= z.Len() {
			width *= 2
		}
		if width > z.Len() {
			continue
		}
		start := align.Down(z.Start+pl.rng64(z.Len()-width+1), Alignment)
		pl.band = band{Range: Range{start, start + width}, zone: i}
		return true
	}
	return false
}

// widenBand doubles the band, upwards and then downwards as far as its zone
// goes, and opens one in the next zone when it is all of this one.
func (pl *placer) widenBand(n uintptr) bool {
	b := &pl.band
	z := pl.zones[b.zone]
	if b.Range == z.Range {
		return pl.startBand(b.zone+1, n)
	}
	grow := b.Len()
	up := min(grow, z.End-b.End)
	b.End += up
	b.Start -= min(grow-up, b.Start-z.Start)
	return true
}
