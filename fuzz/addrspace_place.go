package fuzz

import (
	"math"
	"slices"

	"github.com/growarena/growarena/addrspace"
)

// spacePlace is a taken range: a window, or one that is cached. It outlives its
// windows, as the Space's own places do.
type spacePlace struct {
	addrspace.Range
	compact bool
	again   bool        // was handed out from the cache
	anchor  spaceAnchor // the page before it

	w       *addrspace.Window // nil: cached
	name    string
	shut    bool        // quarantined
	touched int         // by SetTouched
	units   []spaceSlot // of the window's first part
}

// spaceAnchor is what is known of the inaccessible page that keeps the page tables
// of a place.
type spaceAnchor uint8

const (
	anchorNone spaceAnchor = iota
	anchorHeld
	anchorRefused
)

// spaceSlot is what a unit of a window maps: which unit of the file, or -1.
type spaceSlot struct {
	at       int
	readOnly bool
}

// newUnits returns the units of n bytes of addresses, with nothing mapped.
func newUnits(n uintptr) []spaceSlot {
	return slices.Repeat([]spaceSlot{{at: -1}}, int(min(n/spaceUnit, spaceUnitsMax)))
}

// open puts a window on p.
func (p *spacePlace) open(w *addrspace.Window, name string) {
	p.w, p.name, p.shut, p.touched = w, name, false, math.MaxInt
	p.units = newUnits(p.Len())
}

// joins reports whether two units that lie side by side are one mapping.
func (u spaceSlot) joins(next spaceSlot) bool {
	if u.at < 0 || next.at < 0 {
		return u.at < 0 && next.at < 0
	}
	return u.at+1 == next.at && u.readOnly == next.readOnly
}

// mapped returns the bytes of p that are mapped.
func (p *spacePlace) mapped() (n int) {
	for _, u := range p.units {
		if u.at >= 0 {
			n += spaceUnit
		}
	}
	return n
}

// spacePart is a part of a window that is one mapping to the kernel.
type spacePart struct {
	first, n int // units
	slot     spaceSlot
}

// parts returns the parts of units, the unmapped ones as well.
func parts(units []spaceSlot) (all []spacePart) {
	for i, u := range units {
		if i > 0 && units[i-1].joins(u) {
			all[len(all)-1].n++
		} else {
			all = append(all, spacePart{i, 1, u})
		}
	}
	return all
}

// countVMAs returns how many mappings a window is whose first part has these
// units, long being whether there is more of it.
func countVMAs(units []spaceSlot, long bool) int {
	n := len(parts(units))
	if long && len(units) > 0 && units[len(units)-1].at >= 0 {
		n++
	}
	return n
}

// long reports whether p has more than units.
func (p *spacePlace) long() bool { return p.Len() > uintptr(len(p.units))*spaceUnit }

// countOf returns how many mappings p is, without its anchor.
func countOf(p *spacePlace) int {
	if p.w == nil {
		return 1
	}
	return countVMAs(p.units, p.long())
}
