//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// TestLayout: places are told as what they are, in order, and none twice, also where there are
// more than are looked at at once.
func TestLayout(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	if s.Layout() != nil || s.Zones() != nil {
		t.Errorf("of a Space that nobody has used: %v in %v", s.Layout(), s.Zones())
	}
	const n = 3*layoutTurn + 5
	fd, want := memfd(t, 2*mib), map[Range]Place{}
	for i := range n {
		o := ReserveOptions{Name: fmt.Sprint("window ", i)}
		w := reserve(t, s, 2*mib, o)
		p := Place{Range: w.Range(), State: PlaceHeld, Name: o.Name}
		switch i - n { // The last are left as they are: nobody takes a cached one, or tries again.
		default:
			if i%3 > 0 {
				break
			}
			if err := w.MapFile(0, 2*mib, fd, 0, sys.ProtRead); err != nil {
				t.Fatal(err)
			}
			p.Mapped = 2 * mib
		case -3:
			if err := w.Quarantine(); err != nil {
				t.Fatal(err)
			}
			p.State = PlaceQuarantined
		case -2:
			if err := w.Release(); err != nil {
				t.Fatal(err)
			}
			p.State, p.Name = PlaceCached, ""
		case -1:
			if err := w.MapFile(0, 2*mib, fd, 0, sys.ProtRead); err != nil {
				t.Fatal(err)
			}
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				if c == sys.CallMmap || c == sys.CallMunmap {
					return sys.ENOMEM
				}
				return 0
			})
			if w.Release() == nil {
				t.Error("the kernel has taken back what it was to refuse")
			}
			restore()
			p.State, p.Name = PlaceStuck, ""
		}
		want[p.Range] = p
	}
	last := Range{}
	for _, p := range s.Layout() {
		if p.Start < last.End {
			t.Errorf("%v follows %v", p, last)
		}
		last = p.Range
		if p.State == PlaceForeign {
			continue
		}
		if p != want[p.Range] {
			t.Errorf("%+v, want %+v", p, want[p.Range])
		}
		delete(want, p.Range)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	if z := s.Zones(); len(z) != 1 || z[0] != s.opts.Zones[0] {
		t.Errorf("zones: %v", z)
	}
}
