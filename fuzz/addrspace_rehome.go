package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// opExtend makes a window longer, which cached neighbours do not hinder.
func (r *spaceRun) opExtend() error {
	p := r.pick()
	n := r.bytes()
	if p == nil || p.shut {
		return nil
	}
	longer := addrspace.Range{Start: p.End, End: p.End + aligned(n)}
	wide := addrspace.Range{Start: longer.Start, End: longer.End + addrspace.Alignment}
	free := longer.End <= r.zone.End || !r.zone.Contains(p.Start)
	var inTheWay []*spacePlace
	for _, q := range r.places {
		if q != p && q.Overlaps(wide) {
			free = free && q.w == nil
			inTheWay = append(inTheWay, q)
		}
	}
	r.trace.args(n, len(inTheWay))
	before := r.s.Stats()
	err := p.w.Extend(n)
	after := r.s.Stats()
	// They are gone if it came so far, even if it then failed.
	if gone := before.Cached - after.Cached - int(after.Evicted-before.Evicted); gone > 0 {
		if gone != len(inTheWay) || !free {
			return fmt.Errorf("%d cached windows are gone, %d were in the way of %v", gone, len(inTheWay), longer)
		}
		for _, q := range inTheWay {
			r.end(q)
		}
		inTheWay = nil
	}
	units := append(slices.Clone(p.units), newUnits(longer.Len())...)
	units = units[:min(len(units), spaceUnitsMax)]
	more := countVMAs(units, longer.End-p.Start > uintptr(len(units))*spaceUnit) - countOf(p)
	room := true
	// Where a stranger that it knows of is in the way it does not come so far.
	known := err != nil && r.strange && after.Evicted == r.stats.Evicted
	if free && !known && (len(inTheWay) == 0 || err == nil) {
		room = r.room(more)
	}
	if err != nil {
		r.stats.ExtendsRefused++
		// Where a limit is in the way all that is cached goes, and it tries again.
		if after.Evicted > r.stats.Evicted {
			if n := int(after.Evicted - r.stats.Evicted); n != len(r.cached) || after.Cached > 0 {
				return fmt.Errorf("%d of %d cached windows went for what was refused: %w", n, len(r.cached), err)
			}
			r.trim()
		}
		stranger := r.strange || !r.inZone(p.Range)
		if free && room && !stranger && after.KernelCollisions == before.KernelCollisions {
			return fmt.Errorf("nothing is in the way: %w", err)
		}
		return wantError(err, addrspace.ErrNoSpace)
	}
	if !free || !room || len(inTheWay) > 0 {
		return fmt.Errorf("extended by %d bytes to %v, free is %v, room for mappings is %v", n, p.w, free, room)
	}
	r.stats.Extends++
	r.vmas -= countOf(p)
	p.End, p.units = longer.End, units
	r.vmas += countOf(p)
	return errors.Join(r.checkRoom(p), r.look(p))
}

// rehomes tells whether the kernel can move page tables and leave a mapping.
var rehomes = sync.OnceValue(func() bool {
	s := addrspace.New(addrspace.Options{CacheWindows: -1})
	fd, err := sys.Memfd("fuzz", 0)
	if err != nil {
		return false
	}
	defer sys.Close(fd)
	v, err1 := s.Reserve(1, addrspace.ReserveOptions{})
	w, err2 := s.Reserve(1, addrspace.ReserveOptions{})
	if err := errors.Join(err1, err2, sys.Truncate(fd, addrspace.Alignment)); err != nil {
		return false
	}
	defer v.Release()
	defer w.Release()
	return v.MapFile(0, addrspace.Alignment, fd, 0, sys.ProtRead) == nil && v.Rehome(w) == nil
})

func (r *spaceRun) opRehome() error {
	p, q := r.pick(), r.pick()
	if p == nil || q == p || p.shut || q.shut {
		return nil
	}
	all := parts(p.units)
	if all[0].slot.at < 0 {
		if len(all) > 1 {
			return nil // misuse
		}
		return p.w.Rehome(q.w) // nothing to do
	}
	n := all[0].n
	mapped := func(u spaceSlot) bool { return u.at >= 0 }
	rest := slices.ContainsFunc(p.units[n:], mapped)
	last := len(p.units) // of what is mapped, the end
	for !mapped(p.units[last-1]) {
		last--
	}
	if rest && !p.isPrefix() || last > len(q.units) || slices.ContainsFunc(q.units[:last], mapped) {
		return nil // misuse
	}
	r.trace.args(n)
	if rest || !rehomes() {
		if p.w.Rehome(q.w) == nil {
			return fmt.Errorf("%v is of several mappings and was rehomed", p.w)
		}
		return nil
	}
	units := slices.Clone(q.units)
	copy(units, p.units[:n])
	room := r.room(q.changed(units))
	err := p.w.Rehome(q.w)
	if err == nil && room {
		r.setUnits(q, units)
		return errors.Join(r.look(p), r.look(q))
	}
	return wantRoom(err, room)
}

// isPrefix reports whether what is mapped in p begins at its start and has no
// holes.
func (p *spacePlace) isPrefix() bool {
	n := 0
	for n < len(p.units) && p.units[n].at >= 0 {
		n++
	}
	return n*spaceUnit == p.mapped()
}
