//go:build !(386 || arm || mips || mipsle)

package addrspace

import "testing"

// TestZones checks that no zone reaches into what the table in zone.go says it
// keeps away from.
func TestZones(t *testing.T) {
	type span struct {
		what       string
		start, end uint64
	}
	race := []span{
		{"Go heap", 0, 0x4000 << 32},
		{"race detector's shadow", 0x2000 << 32, 0x4000 << 32},
		{"race detector's heap", 0xc0 << 32, 0xe0 << 32},
	}
	tests := []struct {
		arch  string
		bits  int
		least uint64 // bytes in all zones
		away  []span
	}{
		{"amd64", 47, 40 << 40, append([]span{
			{"executables", 0x5500 << 32, 0x5700 << 32}, {"mmap's own", 0x7c00 << 32, 1 << 63},
		}, race...)},
		{"amd64", 57, 40 << 40, append([]span{
			{"executables", 0x5500 << 32, 0x5700 << 32}, {"mmap's own", 0x7c00 << 32, 0x8000 << 32}, {"the top", 1 << 55, 1 << 63},
		}, race...)},
		{"arm64", 48, 40 << 40, append([]span{
			{"executables", 0xaaaa << 32, 0xcaaa << 32}, {"mmap's own", 0xe000 << 32, 1 << 63},
		}, race...)},
		{"arm64", 52, 40 << 40, append([]span{
			{"executables", 0xaaaa << 32, 0xcaaa << 32}, {"mmap's own", 0xe000 << 32, 0x10000 << 32}, {"the top", 1 << 51, 1 << 63},
		}, race...)},
		{"arm64", 42, 500 << 30, []span{{"executables", 2 << 42 / 3, 1 << 42 * 7 / 8}, {"the top", 1 << 42 * 7 / 8, 1 << 63}}},
		{"arm64", 39, 64 << 30, []span{{"executables", 2 << 39 / 3, 1 << 39 * 7 / 8}, {"the top", 1 << 39 * 7 / 8, 1 << 63}}},
		{"riscv64", 38, 32 << 30, []span{{"executables", 2 << 38 / 3, 1 << 38 * 7 / 8}, {"the top", 1 << 38 * 7 / 8, 1 << 63}}},
		{"s390x", 53, 40 << 40, race},
		{"ppc64le", 47, 40 << 40, race},
	}
	for _, tt := range tests {
		zones := zonesFor(tt.arch, tt.bits)
		if n := sum(zones); n < tt.least {
			t.Errorf("%s/%d: %d bytes of zones", tt.arch, tt.bits, n)
		}
		for i, z := range zones {
			if i > 0 && z.tier < zones[i-1].tier {
				t.Errorf("%s/%d: %v is better than the one before", tt.arch, tt.bits, z)
			}
			for _, y := range zones[:i] {
				if y.Overlaps(z.Range) {
					t.Errorf("%s/%d: %v and %v overlap", tt.arch, tt.bits, y, z)
				}
			}
			for _, a := range tt.away {
				if uint64(z.Start) < a.end && a.start < uint64(z.End) {
					t.Errorf("%s/%d: %v reaches into %s", tt.arch, tt.bits, z, a.what)
				}
			}
		}
	}
}
