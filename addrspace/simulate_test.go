//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"testing"
)

// TestSimulation: the same seed places as the placer of a Space does, window by
// window, and the limits of the zones hold.
func TestSimulation(t *testing.T) {
	for _, compact := range []bool{false, true} {
		s := Simulate(Options{Seed: 7, Zones: []Range{{1 << 46, 1<<46 + 1<<40}}})
		pl := newPlacer(t, 7, s.Zones()...)
		for i := range 1000 {
			want := pl.put(t, 2*Alignment, compact)
			got, ok := s.Reserve(2*Alignment-1, ReserveOptions{Compact: compact})
			if !ok || got != want.rng() {
				t.Fatalf("window %d lies at %v, in a Space at %v", i, got, want)
			}
		}
		if st := s.Stats(); st.Windows != 1000 || st.RegistryCollisions != pl.misses {
			t.Errorf("%+v, want %d misses", st, pl.misses)
		}
	}
	if s := Simulate(Options{}); len(s.Zones()) == 0 {
		t.Error("no zones on this machine")
	}
	full := Simulate(Options{Zones: []Range{{1 << 46, 1<<46 + 8*Alignment}}})
	n := 0
	for ; n < 10; n++ {
		if _, ok := full.Reserve(Alignment, ReserveOptions{}); !ok {
			break
		}
	}
	if n == 0 || n > 4 { // with a guard between any two
		t.Errorf("%d windows fit 8 places", n)
	}
}
