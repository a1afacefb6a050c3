//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/growarena/growarena/internal/align"
)

// newPlacer returns a placer for the zones, or those of a 47-bit machine.
func newPlacer(t testing.TB, seed uint64, zones ...Range) *placer {
	all := zonesFor("amd64", 47)
	if len(zones) > 0 {
		all = nil
		for _, r := range zones {
			all = append(all, zone{Range: r})
		}
	}
	pl := new(placer)
	pl.init(all, rand.New(rand.NewPCG(seed, seed)))
	return pl
}

// put places a window of n bytes and checks the place.
func (pl *placer) put(t testing.TB, n uintptr, compact bool) *place {
	t.Helper()
	addr, ok := pl.place(n, Alignment, compact, false)
	if !ok {
		t.Fatalf("no place for %d bytes at a load of %d %%", n, pl.load(0))
	}
	p := &place{start: addr, end: addr + n, compact: compact}
	z := pl.zoneOf(addr)
	if z == nil || p.end > z.End || !align.Is(addr, Alignment) {
		t.Fatalf("%v is in no zone, or not aligned", p)
	}
	pl.add(p)
	if p.prev != &pl.reg.head && p.start-p.prev.end < guard || p.limit-p.end < guard {
		t.Fatalf("%v is too near to %v or %v", p, p.prev, p.next)
	}
	return p
}

// places returns all places of pl.
func (pl *placer) places() (all []*place) {
	for p := pl.reg.head.next; p != nil; p = p.next {
		all = append(all, p)
	}
	return all
}

// hits returns in percent how many windows hit a neighbour or the end of the
// zone when each grows to n bytes in place.
func (pl *placer) hits(n uintptr) float64 {
	hit := 0
	for p := pl.reg.head.next; p != nil; p = p.next {
		if end := p.start + n; p.limit < end+guard || pl.zoneOf(p.start).End < end {
			hit++
		}
	}
	return float64(hit) * 100 / float64(pl.reg.len())
}

func (pl *placer) checkRoom(t *testing.T, when string) {
	t.Helper()
	to64, to256 := pl.hits(64<<20), pl.hits(256<<20)
	t.Logf("%s: growing to 64 MiB %.3f %%, to 256 MiB %.3f %% hit a neighbour", when, to64, to256)
	if to64 > 0.1 || to256 > 1 {
		t.Error("more than 0.1 % and 1 %")
	}
}

// TestPlacer_RoomToGrow places 65,536 roomy windows and then lets all of them
// grow; then again after half of them have been replaced, four times over.
func TestPlacer_RoomToGrow(t *testing.T) {
	for seed := range uint64(3) {
		pl := newPlacer(t, seed)
		for range 65536 {
			pl.put(t, Alignment, false)
		}
		pl.checkRoom(t, "after 65,536 reservations")
		if testing.Short() {
			return
		}
		if seed > 0 {
			continue
		}
		for range 4 {
			all := pl.places()
			pl.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
			for _, p := range all[:len(all)/2] {
				pl.drop(p)
			}
			for range len(all) / 2 {
				pl.put(t, Alignment, false)
			}
		}
		pl.checkRoom(t, "after replacing half, four times")
	}
}

// TestPlacer_NoEqualStrides: page tables of windows at equal distances would
// share cache sets.
func TestPlacer_NoEqualStrides(t *testing.T) {
	pl := newPlacer(t, 1)
	strides := make(map[uintptr]int)
	for range 1000 {
		p := pl.put(t, Alignment, false)
		strides[p.start&(1<<30-1)]++
	}
	for off, n := range strides {
		if n > 20 {
			t.Errorf("%d of 1000 windows lie %#x behind a GiB", n, off)
		}
	}
}

// TestPlacer_Compact: windows that will not grow share page-table pages, in a
// band that is never much wider than what is in it.
func TestPlacer_Compact(t *testing.T) {
	pl := newPlacer(t, 1)
	for _, n := range []int{64, 1024, 16384} {
		for pl.reg.len() < n {
			pl.put(t, Alignment, true)
		}
		pages := make(map[uintptr]bool) // page-table pages of 1 GiB reach
		all := pl.places()
		for _, p := range all {
			pages[p.start>>30] = true
		}
		width := all[len(all)-1].end - all[0].start
		t.Logf("%d windows in %d MiB, %d page-table pages of 2 MiB entries", n, width>>20, len(pages))
		if taken := uintptr(n) * (Alignment + guard); width > max(bandMin, 6*taken) {
			t.Errorf("%d windows take %d MiB", n, width>>20)
		}
	}
}

// TestPlacer_BandFill: a band is as full as may be when it is doubled, and no fuller; it lies
// in its zone, and counts what is in it, also after half of that has gone.
func TestPlacer_BandFill(t *testing.T) {
	pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + 64<<30})
	zone := pl.zones[0]
	full := func(b band) uint64 { return uint64(b.Len()) / 100 * bandFull }
	const n = Alignment
	check := func(before band, misses uint64) {
		t.Helper()
		b := pl.band
		if b.Start < zone.Start || b.End > zone.End || b.Len() < bandMin {
			t.Fatalf("a band of %v in %v", b.Range, zone.Range)
		}
		if b.fill > full(b) {
			t.Fatalf("%d bytes are in a band of %d", b.fill, b.Len())
		}
		if pl.misses < misses {
			t.Fatalf("%d misses, there were %d", pl.misses, misses)
		}
		if before.Len() == 0 && b.Len() != bandMin {
			t.Fatalf("a new band of %v", b.Range)
		}
		if before.Len() == 0 || b.Range == before.Range {
			return
		}
		if b.Len() != 2*before.Len() {
			t.Fatalf("doubled from %v to %v", before.Range, b.Range)
		}
		if before.fill+n+guard <= full(before) && pl.misses-misses < bandProbes {
			t.Fatalf("doubled with %d bytes in %d", before.fill, before.Len())
		}
	}
	var all []*place
	for len(all) < 2000 {
		before, misses := pl.band, pl.misses
		all = append(all, pl.put(t, n, true))
		check(before, misses)
	}
	if pl.band.Len() == bandMin {
		t.Fatal("never doubled")
	}
	for i, p := range all {
		if i%2 == 0 {
			pl.drop(p)
		}
	}
	if want := uint64(len(all)/2) * uint64(n+guard); pl.band.fill != want {
		t.Errorf("the band counts %d bytes, has %d", pl.band.fill, want)
	}
}

// TestPlacer_CompactFillsZones: a band that has all of a zone goes on in the
// next one, and after the last to whatever is left.
func TestPlacer_CompactFillsZones(t *testing.T) {
	pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + 1<<30}, Range{2 << 40, 2<<40 + 1<<31})
	n := 0
	for ; pl.load(Alignment) < 45; n++ {
		pl.put(t, Alignment, true)
	}
	if len(pl.places()) != n || pl.zoneOf(pl.places()[n-1].start).Start != 2<<40 {
		t.Errorf("%d windows", n)
	}
}

// TestPlacer_BigWindows fills zones with windows that are large in them: the
// gaps left by halving are used, and a request is refused only if no gap fits.
func TestPlacer_BigWindows(t *testing.T) {
	tests := map[string]struct {
		zone, n uintptr
		least   uint64 // percent
	}{
		"400 × 256 GiB, 128 TiB": {128 << 40, 256 << 30, 90},
		"64 × 1 TiB, 64 TiB":     {64 << 40, 1 << 40, 90},
		"4 GiB, 1 TiB":           {1 << 40, 4 << 30, 80},
		"1 GiB, 64 GiB":          {64 << 30, 1 << 30, 80},
		"256 MiB, 16 GiB":        {16 << 30, 256 << 20, 90},
		"32 MiB, 1 GiB":          {1 << 30, 32 << 20, 80},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10) {
				pl := newPlacer(t, seed, Range{1 << 47, 1<<47 + tt.zone})
				for {
					if _, ok := pl.place(tt.n, Alignment, false, false); !ok {
						break
					}
					pl.put(t, tt.n, false)
				}
				for _, p := range append(pl.places(), &pl.reg.head) {
					if g := gapBehind(pl.zones[0].Range, p); g.fits(tt.n, Alignment) {
						t.Fatalf("refused at a load of %d %%, with a gap of %d bytes", pl.load(0), g.len())
					}
				}
				if pl.load(0) < tt.least {
					t.Errorf("full at a load of %d %%, want %d", pl.load(0), tt.least)
				}
			}
		})
	}
}

// TestPlacer_Crowd places among very many: above the packed load, without
// looking at all of them each time.
func TestPlacer_Crowd(t *testing.T) {
	pl := newPlacer(t, 1, Range{1 << 46, 1<<46 + 1<<35})
	for pl.load(4*Alignment) < packed+5 {
		pl.put(t, 4*Alignment, false)
	}
	before := pl.searches
	for range 1000 {
		pl.put(t, 4*Alignment, false)
	}
	if n := pl.searches - before; pl.reg.len() < searchBelow || n > 100 {
		t.Errorf("%d searches for 1000 windows beside %d", n, pl.reg.len())
	}
}

func TestPlacer_AlignsBigWindows(t *testing.T) {
	pl := newPlacer(t, 1)
	for range 100 {
		if p := pl.put(t, 1<<30, false); !align.Is(p.start, 1<<30) {
			t.Errorf("%v", p)
		}
	}
	odd := 0
	for range 100 {
		if p := pl.put(t, 4<<30, true); !align.Is(p.start, 1<<30) {
			odd++
		}
	}
	if odd < 50 { // Equal strides of 1 GiB are the worst for the TLB.
		t.Errorf("%d of 100 compact windows begin at a multiple of 1 GiB", 100-odd)
	}
}

// TestRegistry_Model compares the registry with a sorted slice.
func TestRegistry_Model(t *testing.T) {
	var r registry
	var model []*place
	rng := rand.New(rand.NewPCG(7, 7))
	for range 20000 {
		addr := uintptr(rng.IntN(1<<16) + 1)
		i, _ := slices.BinarySearchFunc(model, addr, func(p *place, a uintptr) int {
			if p.start <= a {
				return -1
			}
			return 1
		}) // the first that starts above addr
		var before, after *place = &r.head, nil
		if i > 0 {
			before = model[i-1]
		}
		if i < len(model) {
			after = model[i]
		}
		if got := r.before(addr); got != before {
			t.Fatalf("before(%#x) = %v, want %v", addr, got, before)
		}
		if (r.at(addr) == before) != (before.end > addr) || r.at(addr) != nil && r.at(addr) != before {
			t.Fatalf("at(%#x) = %v", addr, r.at(addr))
		}
		want := after
		if before.end > addr {
			want = before
		}
		if got := r.first(addr); got != want {
			t.Fatalf("first(%#x) = %v, want %v", addr, got, want)
		}
		switch {
		case before.end > addr:
			r.remove(before)
			model = slices.Delete(model, i-1, i)
		default:
			end := addr + uintptr(rng.IntN(100)) + 1
			if after != nil {
				end = min(end, after.start)
			}
			p := &place{start: addr, end: end}
			if rng.IntN(2) == 0 {
				r.near = r.before(uintptr(rng.IntN(1 << 16))) // a hint, right or wrong
			}
			r.insert(p)
			model = slices.Insert(model, i, p)
		}
		if r.len() != len(model) {
			t.Fatalf("%d places, want %d", r.len(), len(model))
		}
	}
}
