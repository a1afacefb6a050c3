//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// TestPlacer_NewBand: a band is begun in the first zone, from the one that is asked for on, that a
// power of two of at least bandMin, and of four windows, fits into, and is just that long, somewhere in it.
func TestPlacer_NewBand(t *testing.T) {
	const gib = 1 << 30
	rng := rand.New(rand.NewPCG(3, 3))
	sizes := []uintptr{Alignment, gib/4 - Alignment, gib / 4, gib/4 + Alignment, gib / 2, gib, 2 * gib, 2*gib + Alignment, 4 * gib, 1 << 44}
	for range 2000 {
		var zones []Range
		for at := uintptr(1 << 40); len(zones) < 1+rng.IntN(4); at += 1 << 40 {
			zones = append(zones, Range{at, at + uintptr(1+rng.IntN(9))*gib - uintptr(rng.IntN(2))*Alignment})
		}
		pl := newPlacer(t, rng.Uint64(), zones...)
		n, from := sizes[rng.IntN(len(sizes))], rng.IntN(len(zones)+1)
		width := uintptr(bandMin)
		for width < 4*n {
			width *= 2
		}
		want := from
		for want < len(zones) && zones[want].Len() < width {
			want++
		}
		ok := pl.startBand(from, n)
		if ok != (want < len(zones)) {
			t.Fatalf("for %#x from zone %d of %v: %v", n, from, zones, ok)
		}
		if !ok {
			continue
		}
		b := pl.band
		if b.zone != want || b.Len() != width || b.Start < zones[want].Start || b.End > zones[want].End || !align.Is(b.Start, Alignment) {
			t.Fatalf("for %#x from zone %d of %v: %v in zone %d, want %#x bytes in %d", n, from, zones, b.Range, b.zone, width, want)
		}
		// Doubled until it is all of its zone, then the next one.
		for z := zones[want]; b.Range != z; {
			if !pl.widenBand(n) {
				t.Fatalf("%v of %v does not become wider", b.Range, z)
			}
			wider := pl.band
			if wider.Start > b.Start || wider.End < b.End || wider.Start < z.Start || wider.End > z.End || wider.Len() != min(2*b.Len(), z.Len()) {
				t.Fatalf("%v of %v becomes %v", b.Range, z, wider.Range)
			}
			b = wider
		}
		if pl.widenBand(n) && pl.band.zone <= want {
			t.Fatalf("from zone %d of %v to %d", want, zones, pl.band.zone)
		}
	}
}

// TestPlacer_Middle: a window goes around the middle of a gap, a whole number of windows from its
// beginning while few fit, and below as often as above where the middle is between two places.
func TestPlacer_Middle(t *testing.T) {
	pl := newPlacer(t, 5)
	for _, n := range []uintptr{Alignment, 3 * Alignment, 1 << 30} {
		pitch := n + guard
		for _, m := range []uintptr{0, 1, 2, 3, 4, 7, 62, 63, 64, 65, 200, 5000} {
			g := gap{1<<40 + Alignment, 1<<40 + Alignment + m*pitch + n}
			seen := map[uintptr]bool{}
			for range 64 {
				at, ok := pl.middle(g, n, Alignment)
				if !ok || at < g.lo || at+n > g.hi || !align.Is(at, Alignment) {
					t.Fatalf("%d windows of %#x: %#x of %+v, %v", m, n, at, g, ok)
				}
				off := at - g.lo
				seen[off] = true
				switch {
				case m < 64 && (off%pitch != 0 || off/pitch < m/2 || off/pitch > (m+1)/2):
					t.Fatalf("%d windows of %#x: %d of them are below", m, n, off/pitch)
				case m >= 64 && (off < m*pitch*3/8-Alignment || off > m*pitch*5/8):
					t.Fatalf("%d windows of %#x: %#x of %#x is below", m, n, off, m*pitch)
				}
			}
			if want := int(1 + m%2); m < 64 && len(seen) != want || m >= 64 && len(seen) < 8 {
				t.Fatalf("%d windows of %#x: %d places", m, n, len(seen))
			}
		}
	}
	if at, ok := pl.middle(gap{1 << 40, 1<<40 + Alignment - 1}, Alignment, Alignment); ok {
		t.Errorf("%#x, where there is no room", at)
	}
}

// TestPlacer_GapNear: the gap that the last window left is looked at next, once, if its zone may be
// taken; else gaps are met as often as they are long, in all zones that may be.
func TestPlacer_GapNear(t *testing.T) {
	pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + 4<<30}, Range{2 << 40, 2<<40 + 12<<30}, Range{3 << 40, 3<<40 + 4<<30})
	pl.zones[1].tier, pl.zones[2].tier = 1, 2
	taken := &place{start: 2<<40 + 6<<30, end: 2<<40 + 6<<30 + Alignment}
	pl.add(taken)
	want := func(tier int, at uintptr, is bool) {
		t.Helper()
		pl.freed = at
		if g := pl.gapNear(tier); (g.lo <= at && at < g.hi) != is {
			t.Errorf("tier %d, %#x was left: %+v", tier, at, g)
		}
		if pl.freed != 0 {
			t.Error("it is looked at again")
		}
	}
	for range 50 {
		want(0, 1<<40+1<<30, true)
		want(1, 2<<40+1<<30, true)
		want(1, 2<<40+8<<30, true)
		want(2, 2<<40+8<<30, true)
		want(0, 2<<40+1<<30, false) // of a tier that may not be taken yet
		want(1, 3<<40+1<<30, false)
		want(1, 9<<40, false) // in no zone
	}
	for last := range 3 {
		met, all := [3]int{}, 0
		for range 4000 {
			g := pl.gapNear(last)
			z := int(g.lo>>40) - 1
			if z > last || g.len() == 0 {
				t.Fatalf("up to tier %d: %+v", last, g)
			}
			met[z]++
			all++
		}
		for z, share := range [3][3]int{{100, 0, 0}, {25, 75, 0}, {20, 60, 20}}[last] {
			if got := met[z] * 100 / all; got < share-5 || got > share+5 {
				t.Errorf("up to tier %d zone %d is met %d times in 100, want %d", last, z, got, share)
			}
		}
	}
}

// TestCache_Bounds: of zones that are not known the cache is bounded as of very long ones.
func TestCache_Bounds(t *testing.T) {
	for _, tt := range []struct {
		o       Options
		total   uint64
		windows int
		bytes   uint64
	}{
		{Options{}, 0, cacheWindowsDefault, cacheBytesDefault},
		{Options{}, 1, cacheWindowsDefault, 0},
		{Options{}, 1 << 30, cacheWindowsDefault, 1 << 30 / cacheShareDefault},
		{Options{}, 1 << 47, cacheWindowsDefault, cacheBytesDefault},
		{Options{CacheWindows: 3, CacheBytes: 5}, 1 << 47, 3, 5},
		{Options{CacheWindows: -1, CacheBytes: -1}, 1 << 47, 0, 0},
	} {
		var c cache
		c.init(tt.o, tt.total)
		if c.countMax != tt.windows || c.bytesMax != tt.bytes {
			t.Errorf("%+v in %d bytes: %d windows of %d bytes, want %d of %d", tt.o, tt.total, c.countMax, c.bytesMax, tt.windows, tt.bytes)
		}
	}
}

// TestLimits: of a refusal the limit is named that is met, with what to change.
func TestLimits(t *testing.T) {
	const none = uint64(math.MaxUint64)
	for _, tt := range []struct {
		l    limits
		n    uintptr
		says string
	}{
		{limits{1000, 900, 10, 100}, 100, "no free range"},
		{limits{1000, 900, 10, 100}, 101, "RLIMIT_AS is 1000 bytes, 900 of them in use"},
		{limits{1000, 1000, 10, 100}, 1, "RLIMIT_AS"},
		{limits{1000, 1001, 10, 100}, 1, "RLIMIT_AS"}, // lowered since
		{limits{1000, 0, 10, 100}, 1, "an unknown number (no /proc)"},
		{limits{none, 0, 10, 100}, 1 << 40, "no free range"},
		{limits{none, 1, 97, 100}, 1, "no free range"},
		{limits{none, 1, 98, 100}, 1, "vm.max_map_count is 100 and the process has 98 mappings: sysctl -w vm.max_map_count=1048576"},
		{limits{none, 1, 1 << 20, 1 << 20}, 1, "sysctl -w vm.max_map_count=2097152"},
	} {
		err := tt.l.refusal(tt.n, sys.ENOMEM)
		if !errors.Is(err, ErrNoSpace) || !errors.Is(err, sys.ENOMEM) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%+v for %d: %v, want %q", tt.l, tt.n, err, tt.says)
		}
	}
	if err := (limits{none, 1, 10, 100}).refusal(1, sys.ENOMEM); strings.Contains(err.Error(), "not known") {
		if _, e := os.ReadFile("/proc/sys/vm/overcommit_memory"); e == nil {
			t.Errorf("what can be read is not said: %v", err)
		}
	}
	for limit, want := range map[uint64]uint64{0: 0, 800: 100, 8 * addressesKept: addressesKept, 1 << 50: addressesKept} {
		if got := keptOf(limit); got != want {
			t.Errorf("of %d bytes %d are left to the Go runtime, want %d", limit, got, want)
		}
	}
}

// TestInvariants_Notice: what the checks are for they notice, and no more.
func TestInvariants_Notice(t *testing.T) {
	const at, n = uintptr(1 << 40), uintptr(Alignment)
	for name, tt := range map[string]struct {
		places []place // each on the list its kind is on
		spoil  func(s *Space, p []place)
		want   string
	}{
		"as it should be": {[]place{
			{start: at, end: at + n, kind: cached, vmas: 1},
			{start: at + n + guard, end: at + 2*n + guard, kind: cached, vmas: 1, compact: true},
			{start: at + 2*n + guard, end: at + 3*n + guard, kind: foreign},
			{start: at + 3*n + guard, end: at + 4*n + guard, kind: stuck, vmas: 1},
			{start: at + 4*n + guard, end: at + 5*n + guard, kind: stuck, vmas: 1},
			{start: at + 5*n + guard, end: at + 6*n + guard, kind: cached, vmas: 1, anchor: hasAnchor},
		}, nil, ""},
		"two that are too near": {[]place{
			{start: at, end: at + n, kind: cached, vmas: 1}, {start: at + n + guard - 1, end: at + 3*n, kind: cached, vmas: 1},
		}, nil, "I2: "},
		"one of nothing":        {[]place{{start: at, end: at, kind: foreign}}, nil, "I2: "},
		"one into the next":     {[]place{{start: at, end: at + n + 1, kind: foreign}, {start: at + n, end: at + 2*n, kind: foreign}}, nil, "I2: "},
		"a window that is gone": {[]place{{start: at, end: at + n, kind: live, vmas: 1}}, nil, "I5: "},
		"a cached one in parts": {[]place{{start: at, end: at + n, kind: cached, vmas: 2}}, nil, "I4: "},
		"a cached one with a hole": {[]place{{start: at, end: at + n, kind: cached, vmas: 1}}, func(_ *Space, p []place) {
			p[0].hole = Range{at, at + 1}
		}, "I4: "},
		"a limit that is wrong": {[]place{{start: at, end: at + n, kind: foreign}, {start: at + n, end: at + 2*n, kind: foreign}}, func(_ *Space, p []place) {
			p[0].limit++
		}, "I1: "},
		"a place less in the list": {[]place{{start: at, end: at + n, kind: foreign}, {start: at + n, end: at + 2*n, kind: foreign}}, func(_ *Space, p []place) {
			p[0].next = nil
		}, "I1: "},
		"VMAs":            {nil, func(s *Space, _ []place) { s.vmas++ }, "I3: "},
		"anchors":         {nil, func(s *Space, _ []place) { s.stats.Anchors++ }, "I3: "},
		"windows":         {nil, func(s *Space, _ []place) { s.stats.Windows++ }, "I3: "},
		"bytes":           {nil, func(s *Space, _ []place) { s.stats.ReservedBytes++ }, "I3: "},
		"foreigners":      {nil, func(s *Space, _ []place) { s.stats.Foreign++ }, "I3: "},
		"stuck":           {nil, func(s *Space, _ []place) { s.stuck = append(s.stuck, nil) }, "I3: "},
		"the band":        {nil, func(s *Space, _ []place) { s.pl.band.fill++ }, "I3: "},
		"what is taken":   {nil, func(s *Space, _ []place) { s.pl.taken++ }, "I3: "},
		"cached":          {nil, func(s *Space, _ []place) { s.cache.count++ }, "I4: "},
		"cached bytes":    {nil, func(s *Space, _ []place) { s.cache.bytes++ }, "I4: "},
		"too many cached": {nil, func(s *Space, _ []place) { s.cache.countMax = 0 }, "I4: "},
		"the newest":      {nil, func(s *Space, _ []place) { s.cache.newest = nil }, "I4: "},
		"sizes": {nil, func(s *Space, _ []place) {
			for k, p := range s.cache.tops {
				delete(s.cache.tops, k)
				s.cache.tops[cacheKey{k.n + 1, k.compact}] = p
			}
		}, "I4: "},
	} {
		if tt.places == nil {
			tt.places = []place{{start: at, end: at + n, kind: cached, vmas: 1}}
		}
		s := new(Space)
		s.pl.init([]zone{{Range: Range{at, at + 1<<30}}}, rand.New(rand.NewPCG(1, 1)))
		s.pl.band.Range = Range{at, at + 1<<30}
		s.cache.init(Options{}, 0)
		for i := range tt.places {
			p := &tt.places[i]
			s.pl.add(p)
			s.vmas += p.vmas
			switch {
			case p.anchor == hasAnchor:
				s.vmas++
				s.stats.Anchors++
				fallthrough
			case p.kind == cached:
				s.cache.put(p)
			case p.kind == stuck:
				s.stuck = append(s.stuck, p)
			case p.kind == foreign:
				s.stats.Foreign++
			}
		}
		if tt.spoil != nil {
			tt.spoil(s, tt.places)
		}
		said := func() (text string) {
			defer func() {
				if v := recover(); v != nil {
					text = fmt.Sprint(v)
				}
			}()
			s.checkInvariantsLocked()
			return ""
		}()
		if tt.want == "" && said != "" || !strings.Contains(said, tt.want) {
			t.Errorf("%s: %q, want %q", name, said, tt.want)
		}
	}
}

// TestPlacer_Search: where all gaps are looked at the tightest one is taken, at its low edge, the first of
// those that are alike; where none has room for the better alignment, what was asked for will do.
func TestPlacer_Search(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 300 {
		var zones []Range
		for at := uintptr(1 << 40); len(zones) < 1+rng.IntN(3); at += 1 << 40 {
			start := at + uintptr(rng.IntN(4))*Alignment
			zones = append(zones, Range{start, start + uintptr(8+rng.IntN(60))*Alignment})
		}
		pl := newPlacer(t, 1, zones...)
		for range rng.IntN(12) {
			z := zones[rng.IntN(len(zones))]
			at := z.Start + uintptr(rng.IntN(int(z.Len()/Alignment)))*Alignment - Alignment
			r := Range{at, at + uintptr(1+rng.IntN(3))*Alignment}
			if p := pl.reg.first(r.Start); p == nil || p.start >= r.End {
				pl.add(&place{start: r.Start, end: r.End, kind: foreign})
			}
		}
		n, to := uintptr(1+rng.IntN(6))*Alignment, Alignment<<rng.IntN(3)
		var want, tightest uintptr
		for _, z := range zones {
			lo := z.Start
			for _, p := range append(pl.places(), &place{start: z.End + guard, end: z.End + guard}) {
				hi := min(z.End, p.start-guard)
				first := align.Down(lo+uintptr(to)-1, uintptr(to))
				if p.end+guard > z.Start && hi > lo && first+n <= hi && (want == 0 || hi-lo < tightest) {
					want, tightest = first, hi-lo
				}
				lo = max(lo, p.end+guard)
			}
		}
		before := pl.searches
		at, ok := pl.place(n, uintptr(to), false, true)
		if ok != (want != 0) || ok && at != want || pl.searches != before+1 {
			t.Fatalf("%#x bytes at a multiple of %#x, in %v beside %v: %#x, %v after %d searches, want %#x",
				n, to, zones, pl.places(), at, ok, pl.searches-before, want)
		}
	}
	pl := newPlacer(t, 1, Range{1<<40 + Alignment, 1<<40 + Alignment + 8<<30})
	if at, ok := pl.place(8<<30, Alignment, false, true); !ok || at != 1<<40+Alignment || pl.searches != 2 {
		t.Errorf("8 GiB where none begins: %#x, %v after %d searches", at, ok, pl.searches)
	}
}

// filled returns a placer of one zone of so many units, in which k places of one lie, a unit apart.
func filled(t *testing.T, units, k uintptr) *placer {
	pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + units*Alignment})
	for i := range k {
		pl.add(&place{start: 1<<40 + 2*i*Alignment, end: 1<<40 + (2*i+1)*Alignment})
	}
	return pl
}

// TestPlacer_Loads: what a load of the zones decides it decides from that load on.
func TestPlacer_Loads(t *testing.T) {
	for name, tt := range map[string]struct {
		units, places uintptr
		searches      uint64
	}{
		"less than packed":               {5256, 1025, 0}, // 39 %
		"packed, and few":                {5122, searchBelow, 1},
		"packed, and too many to search": {5127, searchBelow + 1, 0},
	} {
		pl := filled(t, tt.units, tt.places)
		if at, ok := pl.place(Alignment, Alignment, false, false); !ok || pl.searches != tt.searches {
			t.Errorf("%s, at a load of %d: %#x, %v after %d searches", name, pl.load(Alignment), at, ok, pl.searches)
		}
	}
	const big = alignmentBig
	for _, tt := range []struct {
		zone, taken, n uintptr
		compact        bool
		want           uintptr
	}{
		{100 << 30, 0, big, false, big},
		{100 << 30, 0, big - Alignment, false, Alignment},
		{100 << 30, 8 << 30, big, false, big}, // 9 %
		{100 << 30, 9<<30 - guard, big, false, Alignment},
		{100 << 30, 90 << 30, 8 * big, false, big},
		{100 << 30, 90 << 30, 8*big - Alignment, false, Alignment},
		{100 << 30, 0, 8 * big, true, Alignment},
	} {
		pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + tt.zone})
		if tt.taken > 0 {
			pl.add(&place{start: 1 << 40, end: 1<<40 + tt.taken})
		}
		if got := pl.alignFor(tt.n, tt.compact); got != tt.want {
			t.Errorf("%+v: aligned to %#x", tt, got)
		}
	}
}

// TestPlacer_Tight: among many the tightest of some gaps is taken; those that are too small are counted.
func TestPlacer_Tight(t *testing.T) {
	pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + 1<<30})
	at := uintptr(1<<40 + 600<<20)
	pl.add(&place{start: at, end: at + Alignment})
	tight := 0
	for range 100 {
		if got, ok := pl.placeTight(Alignment, Alignment); ok && got == at+Alignment+guard {
			tight++
		}
	}
	if tight < 90 {
		t.Errorf("the tighter gap of two was taken %d times in 100", tight)
	}
	for i := range uint64(10) {
		before := pl.misses
		if got, ok := pl.placeTight(500<<20, Alignment); !ok || got != 1<<40 || pl.misses <= before || pl.misses > before+4*probes {
			t.Fatalf("try %d: %#x, %v, %d misses after %d", i, got, ok, pl.misses, before)
		}
	}
}

// TestPlacer_Tiers: windows go to the next tier where those before have no gap with room for 16 GiB, and for four
// of them, behind; small ones remember that, until half of the places have gone.
func TestPlacer_Tiers(t *testing.T) {
	tiers := func(size uintptr) *placer {
		pl := newPlacer(t, 1, Range{1 << 40, 1<<40 + size}, Range{2 << 40, 3 << 40})
		pl.zones[1].tier = 1
		return pl
	}
	in := func(pl *placer, n, zone uintptr) {
		t.Helper()
		before := pl.misses
		if p := pl.put(t, n, false); p.start>>40 != zone {
			t.Errorf("%#x bytes at %#x, want zone %d", n, p.start, zone)
		}
		if pl.misses < before || pl.misses > before+2*probes {
			t.Errorf("%d misses, there were %d", pl.misses, before)
		}
	}
	pl := tiers(64 << 30)
	in(pl, 8<<30, 1) // 56 GiB are left, 28 on each side
	in(pl, 8<<30, 2)
	if pl.tier != 0 {
		t.Errorf("a large window makes tier %d the first", pl.tier)
	}
	pl = tiers(16<<30 + Alignment)
	in(pl, Alignment, 1) // just enough
	pl = tiers(16 << 30)
	for range 7 {
		in(pl, Alignment, 2)
		if pl.tier != 1 || pl.tierAt != 0 {
			t.Fatalf("tier %d is the first since %d places", pl.tier, pl.tierAt)
		}
	}
	pl.tierAt = 8
	for pl.reg.len() > 4 {
		pl.drop(pl.places()[0])
	}
	in(pl, Alignment, 2)
	if pl.tier != 1 || pl.tierAt != 8 {
		t.Errorf("with half of the places: tier %d, since %d", pl.tier, pl.tierAt)
	}
	for pl.reg.len() > 3 {
		pl.drop(pl.places()[0])
	}
	in(pl, Alignment, 2)
	if pl.tier != 1 || pl.tierAt != 3 {
		t.Errorf("with less it is looked again: tier %d, since %d", pl.tier, pl.tierAt)
	}
}

// TestPlacer_Anywhere: each of the places in a gap is met.
func TestPlacer_Anywhere(t *testing.T) {
	pl := newPlacer(t, 1)
	for m := range uintptr(6) {
		g, met := gap{1 << 40, 1<<40 + m*2*Alignment + Alignment}, map[uintptr]bool{}
		for range 200 {
			at, ok := pl.anywhere(g, Alignment, Alignment)
			if off := at - g.lo; !ok || off%(2*Alignment) != 0 || at+Alignment > g.hi || at < g.lo {
				t.Fatalf("%#x in %+v, %v", at, g, ok)
			}
			met[at] = true
		}
		if len(met) != int(m)+1 {
			t.Errorf("%d of %d places were met", len(met), m+1)
		}
	}
}
