//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import "testing"

// TestSimulation_Space: a Space with the same seed and zones puts its windows at the
// very places of the simulation.
func TestSimulation_Space(t *testing.T) {
	for name, ro := range map[string]ReserveOptions{"Roomy": {}, "Compact": {Compact: true}} {
		t.Run(name, func(t *testing.T) {
			o := Options{Seed: 11, Zones: testZones(64 * gib), CacheWindows: -1}
			space, sim := newSpace(t, o), simulate(o)
			for i := range 200 {
				n := (1 + i%5) * Alignment
				want := reserve(t, space, n, ro).Range()
				if got, ok := sim.reserve(n, ro.Compact); !ok || got != want {
					t.Fatalf("window %d is simulated at %v, reserved at %v", i, got, want)
				}
			}
			if got, want := sim.pl.reg.len(), space.Stats().Windows; got != want {
				t.Errorf("%d windows, want %d", got, want)
			}
		})
	}
}

func TestSimulation_Misuse(t *testing.T) {
	s := simulate(Options{Zones: []Range{{1 << 46, 1<<46 + 1<<30}}})
	for _, n := range []int{0, -1} {
		mustPanic(t, func() { s.reserve(n, false) }, "addrspace: Reserve of no bytes")
	}
}

// TestNew_Misuse: options that contradict themselves panic with the values.
func TestNew_Misuse(t *testing.T) {
	for want, o := range map[string]Options{
		"MaxVMAs is -1":                                  {MaxVMAs: -1},
		"AddressBits is 35":                              {AddressBits: 35},
		"AddressBits is 64":                              {AddressBits: 64},
		"zone 1, 0x4000-0x4000, is empty":                {Zones: []Range{{1, 2}, {1 << 14, 1 << 14}}},
		"zones 0x4000-0x8000 and 0x7000-0x10000 overlap": {Zones: []Range{{1 << 14, 1 << 15}, {7 << 12, 1 << 16}}},
	} {
		mustPanic(t, func() { New(o) }, "addrspace: make a Space: ", want)
	}
}
