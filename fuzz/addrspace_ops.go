package fuzz

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"slices"
	"sync"

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
		if p.Overlaps(r.zone) {
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
	r.learnAnchor(p)
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
	if r.vmas >= r.opts.MaxVMAs || slices.ContainsFunc(r.foreign, at.Overlaps) {
		return
	}
	p.anchor = anchorHeld
	r.vmas++
}

// learnAnchor asks the Space whether p, which was just released, has its anchor,
// where the page may be anybody's.
func (r *spaceRun) learnAnchor(p *spacePlace) {
	if p.anchor != anchorHeld || r.inZone(p.Range) || !r.over() && r.s.Stats().VMAs == r.vmas {
		return
	}
	if r.over() {
		return // It is not known what of the difference is p's; see agree.
	}
	p.anchor = anchorRefused
	r.vmas--
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

// opExtend makes a window longer, which cached neighbours do not hinder.
func (r *spaceRun) opExtend() error {
	p := r.pick()
	n := r.bytes()
	if p == nil || p.shut {
		return nil
	}
	longer := addrspace.Range{Start: p.End, End: p.End + aligned(n)}
	wide := addrspace.Range{Start: longer.Start, End: longer.End + addrspace.Alignment}
	free := longer.End <= r.zone.End || !p.Overlaps(r.zone)
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
	if free && (len(inTheWay) == 0 || err == nil) {
		room = r.room(more)
	}
	if err != nil {
		r.stats.ExtendsRefused++
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
	rest := slices.ContainsFunc(p.units[n:], func(u spaceSlot) bool { return u.at >= 0 })
	if rest && !p.isPrefix() || n > len(q.units) || slices.ContainsFunc(q.units[:n], func(u spaceSlot) bool { return u.at >= 0 }) {
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
