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

// band is where compact windows go. Its fields are protected by Space.mu.
type band struct {
	Range        // empty until the first compact window
	zone  int    // index of the zone it lies in
	fill  uint64 // bytes of the compact places in it, guards included
}

// note counts p, which was placed in b.
func (b *band) note(p *place) {
	if p.compact && b.Contains(p.start) {
		p.banded = true
		b.fill += uint64(p.len() + guard)
	}
}

// forget takes p out of the count.
func (b *band) forget(p *place) {
	if p.banded {
		p.banded = false
		b.fill -= min(b.fill, uint64(p.len()+guard))
	}
}

// placeCompact finds a random free place in the band, widening it when it is
// full, and reports false when all zones are.
func (pl *placer) placeCompact(n, to uintptr) (uintptr, bool) {
	b := &pl.band
	if b.End == 0 && !pl.startBand(0, n) {
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

// startBand opens a band in the zone with index i at a random place.
func (pl *placer) startBand(i int, n uintptr) bool {
	for ; i < len(pl.zones); i++ {
		z := pl.zones[i]
		width := uintptr(bandMin)
		for width < 4*n {
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
