package fuzz

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// spaceOps are the operations, with names for reports, and whether the kernel's
// view is compared after each.
var spaceOps = []struct {
	name   string
	f      func(*spaceRun) error
	kernel bool
}{
	{"reserve", (*spaceRun).opReserve, true},
	{"release", (*spaceRun).opRelease, true},
	{"map", (*spaceRun).opMap, true},
	{"unmap", (*spaceRun).opUnmap, true},
	{"extend", (*spaceRun).opExtend, true},
	{"rehome", (*spaceRun).opRehome, true},
	{"foreign", (*spaceRun).opForeign, false},
	{"quarantine", (*spaceRun).opQuarantine, true},
	{"lookup", (*spaceRun).opLookup, false},
	{"look", (*spaceRun).opLook, false},
	{"write", (*spaceRun).opWrite, false},
	{"trim", (*spaceRun).opTrim, true},
	{"misuse", (*spaceRun).opMisuse, false},
}

// pick returns a window, or nil.
func (r *spaceRun) pick() *spacePlace {
	n := len(r.places) - len(r.cached)
	if n == 0 {
		return nil
	}
	i := r.in.below(n)
	for _, p := range r.places {
		if p.w != nil {
			if i == 0 {
				return p
			}
			i--
		}
	}
	panic("BUG: cached places are not counted right")
}

// bytes reads a number of bytes for a window, rarely very many.
func (r *spaceRun) bytes() int {
	switch b := r.in.byte(); {
	case b < 160:
		return 2 << 20 * (1 + b&3)
	case b < 240:
		return 1 + r.in.size(128<<20)
	case bits.UintSize == 64:
		return 1 << (28 + b&15) // 8 TiB
	}
	return 1 << 28
}

// aligned rounds n up to what windows are multiples of.
func aligned(n int) uintptr {
	return (uintptr(n) + addrspace.Alignment - 1) &^ (addrspace.Alignment - 1)
}

func (r *spaceRun) opMap() error {
	p := r.pick()
	if p == nil || p.shut {
		return nil
	}
	off := r.in.below(len(p.units))
	b := r.in.byte()
	if b&1 == 0 {
		off = p.prefix()
	}
	most := 0
	for off+most < len(p.units) && p.units[off+most].at < 0 {
		most++
	}
	if most == 0 {
		return nil
	}
	n := 1 + r.in.below(min(most, spaceFileUnits))
	at := r.in.below(spaceFileUnits - n + 1)
	if off > 0 && p.units[off-1].at >= 0 && b>>1&3 > 0 { // continue the part before
		if at = p.units[off-1].at + 1; at+n > spaceFileUnits {
			return nil
		}
	}
	r.trace.args(off, n, at)
	prot, readOnly := sys.ProtRead|sys.ProtWrite, b>>3&7 == 0
	if readOnly {
		prot = sys.ProtRead
	}
	units := slices.Clone(p.units)
	for i := range n {
		units[off+i] = spaceSlot{at + i, readOnly}
	}
	room := r.room(p.changed(units))
	err := p.w.MapFile(off*spaceUnit, n*spaceUnit, r.lab.fd, int64(at)*spaceUnit, prot)
	if err == nil && room {
		r.setUnits(p, units)
		return errors.Join(r.lookAt(p, off), r.lookAt(p, off+n-1))
	}
	return wantRoom(err, room)
}

// prefix returns how many units at the start are mapped.
func (p *spacePlace) prefix() (n int) {
	for n < len(p.units)-1 && p.units[n].at >= 0 {
		n++
	}
	return n
}

func (r *spaceRun) opUnmap() error {
	p := r.pick()
	if p == nil || p.shut {
		return nil
	}
	off := r.in.below(len(p.units))
	n := 1 + r.in.below(len(p.units)-off)
	r.trace.args(off, n)
	units := slices.Clone(p.units)
	for i := range n {
		units[off+i] = spaceSlot{at: -1}
	}
	room := slices.Equal(units, p.units) || r.room(p.changed(units))
	err := p.w.Unmap(off*spaceUnit, n*spaceUnit)
	if err == nil && room {
		r.setUnits(p, units)
		return r.look(p)
	}
	return wantRoom(err, room)
}

// opForeign maps something in the zone behind the Space's back, or unmaps it.
func (r *spaceRun) opForeign() error {
	b := r.in.byte()
	if n := len(r.foreign); n >= spaceForeign || n > 0 && b&1 == 0 {
		return r.removeForeign(b >> 1 % n)
	}
	if r.zone.Len() == 0 {
		return nil
	}
	page := uintptr(os.Getpagesize())
	n := page * uintptr(1+r.in.below(1000))
	at := r.zone.Start + (uintptr(r.in.below(1<<24))<<8+uintptr(b)<<4)%(r.zone.Len()-n)&^(page-1)
	if b>>1&3 == 0 && len(r.places) > 0 { // beside a window
		p := r.places[r.in.below(len(r.places))]
		at = p.End + page*uintptr(b>>3&3)
		if b>>5&1 == 0 {
			at = p.Start - n - page*uintptr(b>>3&3)
		}
	}
	f := addrspace.Range{Start: at, End: at + n}
	if !r.inZone(f) {
		return nil
	}
	if _, err := sys.Reserve(at, n); err != nil {
		if errors.Is(err, sys.EEXIST) {
			return nil
		}
		return err
	}
	r.foreign, r.strange = append(r.foreign, f), true
	// Of a file, or it would merge with what it touches.
	return sys.MapShared(at, n, r.lab.fd, 0, sys.ProtRead)
}

func (r *spaceRun) removeForeign(i int) error {
	f := r.foreign[i]
	r.foreign = slices.Delete(r.foreign, i, i+1)
	return sys.Unmap(f.Start, f.Len())
}

func (r *spaceRun) opQuarantine() error {
	p := r.pick()
	if p == nil {
		return nil
	}
	if err := p.w.Quarantine(); err != nil {
		return err
	}
	p.shut = true
	r.setUnits(p, newUnits(p.Len()))
	return nil
}

// opLookup looks addresses up: at random, and at the edges of windows.
func (r *spaceRun) opLookup() error {
	addrs := []uintptr{0, ^uintptr(0)}
	if n := r.zone.Len(); n > 0 {
		addrs = append(addrs, r.zone.Start+uintptr(r.in.below(1<<24))<<12%n)
	}
	if len(r.places) > 0 {
		p := r.places[r.in.below(len(r.places))]
		addrs = append(addrs, p.Start-1, p.Start, p.Start+p.Len()/2, p.End-1, p.End)
	}
	for _, addr := range addrs {
		var want *addrspace.Window
		for _, p := range r.places {
			if p.Contains(addr) {
				want = p.w
			}
		}
		if got := r.s.Lookup(addr); got != want {
			return fmt.Errorf("Lookup(%#x) is %v, want %v", addr, got, want)
		}
	}
	return nil
}

// opLook looks at windows, and says how far this one is touched.
func (r *spaceRun) opLook() error {
	p := r.pick()
	if p == nil {
		return nil
	}
	if b := r.in.byte(); b&1 == 0 {
		p.touched = b >> 1 * spaceUnit / 2
		p.w.SetTouched(p.touched)
	}
	return r.look(p)
}

// opWrite writes through one window, and all that show the same unit show it.
func (r *spaceRun) opWrite() error {
	p := r.pick()
	if p == nil {
		return nil
	}
	i := r.in.below(len(p.units))
	u := p.units[i]
	if u.at < 0 || u.readOnly {
		return nil
	}
	r.lab.marks[u.at]++
	bytesAt(p.w.Base(), (i+1)*spaceUnit)[i*spaceUnit+8]++
	for _, q := range r.places {
		for k, v := range q.units {
			if v.at == u.at {
				if err := r.lookAt(q, k); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (r *spaceRun) opTrim() error {
	if r.in.byte()&3 != 0 {
		return nil
	}
	r.trim()
	return r.s.Trim()
}
