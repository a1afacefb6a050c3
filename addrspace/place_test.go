package addrspace

import (
	"math/rand/v2"
	"testing"
)

func newPlacer(zones []zone, seed uint64) *placer {
	pl := new(placer)
	pl.init(zones, rand.New(rand.NewPCG(seed, seed)))
	return pl
}

func (pl *placer) mustPlace(t testing.TB, n uintptr, compact bool) *place {
	addr, ok := pl.place(n, compact, false)
	if !ok {
		t.Fatalf("no place for %d bytes at a load of %d %%", n, pl.load(n))
	}
	p := &place{start: addr, end: addr + n, kind: live, compact: compact}
	pl.add(p)
	return p
}

func TestPlacer_RoomToGrow(t *testing.T) {
	for seed := uint64(1); seed < 4; seed++ {
		pl := newPlacer(zonesFor("amd64", 47), seed)
		const n = 65536
		for range n {
			pl.mustPlace(t, 2<<20, false)
		}
		for _, size := range []uintptr{64 << 20, 256 << 20, 1 << 30} {
			hit := 0
			for p := pl.reg.head.next; p != nil; p = p.next {
				end := p.start + size
				if p.next != nil && p.next.start < end+guard || pl.zoneOf(p.start).End < end {
					hit++
				}
			}
			t.Logf("to %d MiB: %d of %d (%.3f %%) hit a neighbour; searches %d misses %d tier %d at %d", size>>20, hit, n, float64(hit)*100/n, pl.searches, pl.misses, pl.tier, pl.tierAt)
		}
	}
}
