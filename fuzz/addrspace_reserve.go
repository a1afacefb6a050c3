package fuzz

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/growarena/growarena/addrspace"
)

func (r *spaceRun) opReserve() error {
	n := r.bytes()
	b := r.in.byte()
	o := addrspace.ReserveOptions{Compact: b&3 == 0, Name: [4]string{"", "", "a", "b"}[b>>2&3], MapAll: b>>4&3 == 0}
	if b>>6 == 0 {
		o.Min = 1 + r.in.below(n)
	}
	r.trace.args(n, o.Min, b)
	if len(r.places)-len(r.cached) >= spaceWindows {
		return nil
	}
	// The cache comes first, and of it the last of the size.
	var again *spacePlace
	for _, p := range r.cached {
		if p.Len() == aligned(n) && p.compact == o.Compact {
			again = p
		}
	}
	room := true
	if again == nil {
		room = r.room(1)
	}
	w, err := r.s.Reserve(n, o)
	if err != nil {
		// It gives back all it can before.
		r.stats.Refused++
		after := r.s.Stats()
		if after.Evicted-r.stats.Evicted != uint64(len(r.cached)) {
			return fmt.Errorf("refused with %d windows cached: %w", after.Cached, err)
		}
		r.trim()
		if room && n < spaceHuge {
			return fmt.Errorf("refused at %d mappings of %d: %w", r.vmas, r.opts.MaxVMAs, err)
		}
		return wantError(err, addrspace.ErrNoSpace)
	}
	if !room && again == nil {
		return errors.Join(fmt.Errorf("reserved %v with %d mappings of %d", w, r.vmas, r.opts.MaxVMAs), w.Release())
	}
	r.stats.Reserves++
	if again != nil {
		return r.recycled(again, w, o.Name)
	}
	return r.reserved(w, n, o)
}

// recycled goes on after w came from the cache, where it was p.
func (r *spaceRun) recycled(p *spacePlace, w *addrspace.Window, name string) error {
	r.stats.Recycled++
	if w.Range() != p.Range {
		return errors.Join(fmt.Errorf("reserved %v, though %v is cached", w, p.Range), w.Release())
	}
	r.cached = slices.DeleteFunc(r.cached, func(q *spacePlace) bool { return q == p })
	p.again = true
	p.open(w, name)
	return nil
}

// reserved goes on after w was reserved anew.
func (r *spaceRun) reserved(w *addrspace.Window, n int, o addrspace.ReserveOptions) error {
	after := r.s.Stats()
	// Where there is no gap the cached ones have to go.
	if more := int(after.Evicted - r.stats.Evicted); more != 0 && more != len(r.cached) {
		return errors.Join(fmt.Errorf("%d of %d cached windows made way", more, len(r.cached)), w.Release())
	} else if more > 0 {
		r.trim()
	}
	p := &spacePlace{Range: w.Range(), compact: o.Compact}
	p.open(w, o.Name)
	if after.KernelPlaced > r.stats.KernelPlaced {
		r.stats.KernelPlaced++
		if gap := r.gap(p.Len()); gap.Len() > 0 {
			return errors.Join(fmt.Errorf("the kernel has placed %v, though there is room in %v of the zone", w, gap), w.Release())
		}
		// It may reach into the zone, or be longer than that, but it cannot lie in a
		// zone that is full.
		if r.inZone(p.Range) {
			return errors.Join(fmt.Errorf("the kernel has placed %v in the zone %v", w, r.zone), w.Release())
		}
	} else if !r.inZone(p.Range) {
		return errors.Join(fmt.Errorf("%v is not in the zone %v", w, r.zone), w.Release())
	}
	if size := p.Len(); size > aligned(n) || size < aligned(max(o.Min, 1)) || o.Min == 0 && size != aligned(n) {
		return errors.Join(fmt.Errorf("%v has %d bytes, want %d, at least %d", w, size, n, o.Min), r.insert(p))
	}
	return r.insert(p)
}

func (r *spaceRun) opRelease() error {
	p := r.pick()
	if p == nil {
		return nil
	}
	return errors.Join(r.look(p), r.release(p))
}

// release releases p's window: it is cached or given back, and so may older ones.
func (r *spaceRun) release(p *spacePlace) error {
	w := p.w
	r.anchor(p)
	if err := w.Release(); err != nil {
		return err
	}
	r.dead = append(r.dead, w)
	if len(r.dead) > 4 {
		r.dead = r.dead[1:]
	}
	r.setUnits(p, newUnits(p.Len()))
	p.w, p.units = nil, nil
	if n := int(p.Len()); r.opts.CacheWindows < 0 || n > r.opts.CacheBytes {
		r.end(p)
		return nil
	}
	r.cached = append(r.cached, p)
	for r.over() {
		r.end(r.cached[0])
		r.stats.Evicted++
	}
	return nil
}

// over reports whether the cache is.
func (r *spaceRun) over() bool {
	n := 0
	for _, p := range r.cached {
		n += int(p.Len())
	}
	return len(r.cached) > r.opts.CacheWindows || n > r.opts.CacheBytes
}

// anchor gives p an anchor if it is about to be released and came from the cache:
// something is mapped, but not so much that its page tables have been dropped.
func (r *spaceRun) anchor(p *spacePlace) {
	const large = 4 << 20
	if !p.again || p.anchor != anchorNone || p.mapped() == 0 {
		return
	}
	page := os.Getpagesize()
	touched := (min(p.touched, spaceUnitsMax*spaceUnit) + page - 1) &^ (page - 1)
	for _, part := range parts(p.units) {
		if part.slot.at >= 0 && min((part.first+part.n)*spaceUnit, touched)-part.first*spaceUnit >= large {
			return
		}
	}
	at := addrspace.Range{Start: p.Start - 2*uintptr(page), End: p.Start - uintptr(page)}
	p.anchor = anchorRefused
	if !r.zone.Contains(p.Start) || at.Start < r.zone.Start || r.vmas >= r.opts.MaxVMAs || slices.ContainsFunc(r.foreign, at.Overlaps) {
		return
	}
	p.anchor = anchorHeld
	r.vmas++
}

// anchors returns how many places have one.
func (r *spaceRun) anchors() (n int) {
	for _, p := range r.places {
		if p.anchor == anchorHeld {
			n++
		}
	}
	return n
}
