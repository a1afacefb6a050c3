//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"slices"
	"testing"

	"github.com/growarena/growarena/internal/placement"
)

// TestSimulation: the same seed places as the placer of a Space does, window by
// window, and the limits of the zones hold.
func TestSimulation(t *testing.T) {
	for _, compact := range []bool{false, true} {
		s := simulate(Options{Seed: 7, Zones: []Range{{1 << 46, 1<<46 + 1<<40}}})
		pl := newPlacer(t, 7, s.pl.zones[0].Range)
		for i := range 1000 {
			want := pl.put(t, 2*Alignment, compact)
			got, ok := s.reserve(2*Alignment-1, compact)
			if !ok || got != want.rng() {
				t.Fatalf("window %d lies at %v, in a Space at %v", i, got, want)
			}
		}
		if n, misses := s.pl.reg.len(), s.pl.misses; n != 1000 || misses != pl.misses {
			t.Errorf("%d windows, %d misses, want %d", n, misses, pl.misses)
		}
	}
	s := placement.Simulate()
	if at, ok := s.Place(Alignment, false); len(s.Zones) == 0 || !ok || !slices.ContainsFunc(s.Zones, func(z [2]uintptr) bool {
		return z[0] <= at && at+Alignment <= z[1]
	}) {
		t.Errorf("a window at %#x, zones %#x", at, s.Zones)
	}
	full := simulate(Options{Zones: []Range{{1 << 46, 1<<46 + 8*Alignment}}})
	n := 0
	for ; n < 10; n++ {
		if _, ok := full.reserve(Alignment, false); !ok {
			break
		}
	}
	if n == 0 || n > 4 { // with a guard between any two
		t.Errorf("%d windows fit 8 places", n)
	}
}
