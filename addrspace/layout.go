package addrspace

// PlaceState is what a [Place] is taken by.
type PlaceState string

// The states of places.
const (
	PlaceHeld        PlaceState = "held"        // by the owner of a window
	PlaceQuarantined PlaceState = "quarantined" // a window that its owner has quarantined
	PlaceCached      PlaceState = "cached"      // a released window that waits to be handed out again
	PlaceStuck       PlaceState = "stuck"       // a released window that the kernel has not taken back
	PlaceForeign     PlaceState = "foreign"     // somebody else's, that was found in the way
)

// Place is a range of addresses that a [Space] knows to be taken, as it was at one moment.
type Place struct {
	Range
	State  PlaceState
	Name   string // of the window; "" where none stands
	Mapped int    // bytes of it that are mapped
}

// layoutTurn is how many places are looked at before reservations may go on.
const layoutTurn = 256

// Layout returns the places of s in order of address. Of those that come and go meanwhile some
// may be missing; no two overlap. It holds up reservations for some microseconds at a
// time, and touches nothing that lies in a window.
func (s *Space) Layout() (list []Place) {
	for at, more := uintptr(0), true; more; {
		list, at, more = s.layOut(list, at)
	}
	return list
}

// layOut adds the next places, from those that end above at on, and returns where to go on, and
// whether there are more.
func (s *Space) layOut(list []Place, at uintptr) ([]Place, uintptr, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pl.reg.first(at)
	for range layoutTurn {
		if p == nil {
			return list, at, false
		}
		list = append(list, p.shownLocked(at))
		at, p = p.end, p.next
	}
	return list, at, true
}

// shownLocked returns what is known of p, from at on.
//
// Preconditions: Space.mu is held.
func (p *place) shownLocked(at uintptr) Place {
	r := Place{Range: Range{max(p.start, at), p.end}}
	switch p.kind {
	case live:
		r.State = PlaceHeld
		if w := p.w.Load(); w != nil {
			r.Name, r.Mapped = w.opts.Name, int(w.mapped.Load())
			if state(w.state.Load()) == quarantined {
				r.State = PlaceQuarantined
			}
		}
	case cached:
		r.State = PlaceCached
	case stuck:
		r.State = PlaceStuck
	case foreign:
		r.State = PlaceForeign
	}
	return r
}

// Zones returns the parts of the address space in which windows lie, in no order. There are none
// before the first Reserve.
func (s *Space) Zones() (list []Range) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.pl.zones {
		list = append(list, s.pl.zones[i].Range)
	}
	return list
}
