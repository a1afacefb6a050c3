package addrspace

import "testing"

func TestRange(t *testing.T) {
	r := Range{0x1000, 0x3000}
	if r.Len() != 0x2000 || r.String() != "0x1000-0x3000" {
		t.Errorf("%v of %d bytes", r, r.Len())
	}
	for addr, want := range map[uintptr]bool{0xfff: false, 0x1000: true, 0x2fff: true, 0x3000: false} {
		if r.Contains(addr) != want {
			t.Errorf("Contains(%#x) = %v", addr, !want)
		}
	}
	for o, want := range map[Range]bool{
		{0, 0x1000}: false, {0, 0x1001}: true, {0x3000, 0x4000}: false, {0x2fff, 0x4000}: true,
		{0x1800, 0x2000}: true, {0, 0x4000}: true,
	} {
		if r.Overlaps(o) != want || o.Overlaps(r) != want {
			t.Errorf("Overlaps(%v) = %v", o, !want)
		}
	}
}
