package mapping

import (
	"slices"

	"github.com/growarena/growarena/addrspace"
)

// Part is a range of a file that is mapped.
type Part struct {
	Fd  int
	Off int64
	N   int
}

// Source says what a mapping shows.
type Source interface {
	// Take returns what is to be mapped at off: n bytes or, if there are not so
	// many, at least least.
	Take(off, n, least int) (Part, error)
	// Return takes back what Take returned, which could not be mapped.
	Return(g Part)
}

// WholeFile is the source of a mapping that shows one file, by its descriptor, from the
// beginning to beyond its end: growing within the window takes no mapping, and no fault
// ever waits for one.
type WholeFile int

// Take returns all of what is asked for.
func (fd WholeFile) Take(off, n, _ int) (Part, error) { return Part{int(fd), int64(off), n}, nil }

// Return does nothing.
func (fd WholeFile) Return(Part) {}

// Place is where parts are mapped, one behind the other. It belongs to one goroutine at
// a time.
type Place struct {
	Window *addrspace.Window // nil: nowhere yet
	At     int               // offset of the first part in Window
	Lent   bool              // Window shows others' bytes as well, so it cannot be made longer
	Parts  []Part
	Mapped int // bytes: the sum of Parts
}

// Addr returns the address of the first part.
func (p *Place) Addr() uintptr { return p.Window.Range().Start + uintptr(p.At) }

// add puts g behind the last part, or makes that longer where the file goes on.
func (p *Place) add(g Part) {
	p.Mapped += g.N
	if len(p.Parts) > 0 {
		last := &p.Parts[len(p.Parts)-1]
		if last.Fd == g.Fd && last.Off+int64(last.N) == g.Off {
			last.N += g.N
			return
		}
	}
	p.Parts = append(p.Parts, g)
}

// in returns p with g behind it, as it is going to be in window w.
func (p *Place) in(w *addrspace.Window, g Part) Place {
	next := Place{Window: w, Parts: slices.Clone(p.Parts), Mapped: p.Mapped}
	if g.N > 0 {
		next.add(g)
	}
	return next
}

// Release gives a window back. The space keeps what it cannot release, counts
// it and tries again later, so there is nothing to be done about an error.
func Release(w *addrspace.Window) { _ = w.Release() }
