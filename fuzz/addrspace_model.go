package fuzz

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// insert takes p into the list. It keeps its distance to all others.
func (r *spaceRun) insert(p *spacePlace) error {
	i := r.find(p.Start)
	r.places = slices.Insert(r.places, i, p)
	r.vmas += countOf(p)
	return r.checkRoom(p)
}

// find returns where in places the first is that starts at or above addr.
func (r *spaceRun) find(addr uintptr) int {
	i, _ := slices.BinarySearchFunc(r.places, addr, func(p *spacePlace, addr uintptr) int {
		if p.Start < addr {
			return -1
		}
		return 1
	})
	return i
}

// checkRoom checks that p lies where it may and is apart from all others.
func (r *spaceRun) checkRoom(p *spacePlace) error {
	if p.Start%addrspace.Alignment != 0 || p.Len()%addrspace.Alignment != 0 || p.Len() == 0 {
		return fmt.Errorf("%v is not aligned", p.Range)
	}
	wide := addrspace.Range{Start: p.Start - addrspace.Alignment, End: p.End + addrspace.Alignment}
	for _, q := range r.places {
		if q != p && q.Overlaps(wide) {
			return fmt.Errorf("%v is too near to %v", p.Range, q.Range)
		}
	}
	for _, f := range r.foreign {
		if f.Overlaps(p.Range) {
			return fmt.Errorf("%v lies over somebody else's %v", p.Range, f)
		}
	}
	return nil
}

// inZone reports whether all of p lies in the zone.
func (r *spaceRun) inZone(p addrspace.Range) bool {
	return r.zone.Start <= p.Start && p.End <= r.zone.End
}

// gap returns a gap of the zone in which a window of n bytes fits, apart from all
// others, or none.
func (r *spaceRun) gap(n uintptr) addrspace.Range {
	taken := slices.Clone(r.foreign)
	for _, p := range r.places {
		taken = append(taken, p.Range)
	}
	// Behind the last one there is a gap, too. No distance to the zone's end is needed.
	behind := r.zone.End + addrspace.Alignment
	taken = append(taken, addrspace.Range{Start: behind, End: behind})
	slices.SortFunc(taken, func(a, b addrspace.Range) int { return cmp.Compare(a.Start, b.Start) })
	g := addrspace.Range{Start: r.zone.Start}
	for _, t := range taken {
		g.End = min(t.Start-addrspace.Alignment, r.zone.End)
		first := (g.Start + addrspace.Alignment - 1) &^ (addrspace.Alignment - 1)
		if first < g.End && n <= g.End-first {
			return g
		}
		g.Start = max(g.Start, t.End+addrspace.Alignment)
	}
	return addrspace.Range{}
}

// end forgets p, which goes back to the kernel with its anchor.
func (r *spaceRun) end(p *spacePlace) {
	r.places = slices.DeleteFunc(r.places, func(q *spacePlace) bool { return q == p })
	r.cached = slices.DeleteFunc(r.cached, func(q *spacePlace) bool { return q == p })
	r.vmas -= countOf(p)
	if p.anchor == anchorHeld {
		r.vmas--
	}
}

// trim forgets all that is cached.
func (r *spaceRun) trim() {
	for len(r.cached) > 0 {
		r.end(r.cached[0])
		r.stats.Evicted++
	}
}

// room does what the Space does before it makes delta mappings more: it gives
// cached windows back until there is room, and reports whether there is.
func (r *spaceRun) room(delta int) bool {
	if delta <= 0 {
		return true
	}
	for r.vmas+delta > r.opts.MaxVMAs && len(r.cached) > 0 {
		r.end(r.cached[0])
		r.stats.Evicted++
	}
	return r.vmas+delta <= r.opts.MaxVMAs
}

// wantRoom checks the error of an operation that has room as the model says.
func wantRoom(err error, room bool) error {
	if room {
		return err
	}
	return wantError(err, addrspace.ErrNoSpace)
}

// setUnits changes what of p is mapped, with the counts.
func (r *spaceRun) setUnits(p *spacePlace, units []spaceSlot) {
	r.vmas -= countOf(p)
	p.units = units
	r.vmas += countOf(p)
}

// changed is how many mappings more p is with other units.
func (p *spacePlace) changed(units []spaceSlot) int { return countVMAs(units, p.long()) - countOf(p) }

// agree compares the counters and the windows, in order, with the model.
func (r *spaceRun) agree() error {
	got, want := r.s.Stats(), r.stats
	want.Windows, want.ReservedBytes, want.MappedBytes, want.VMAs, want.Anchors = 0, 0, 0, r.vmas, r.anchors()
	want.Quarantined, want.QuarantinedBytes, want.Cached, want.CachedBytes = 0, 0, 0, 0
	want.Stuck, want.StuckBytes = 0, 0
	for _, p := range r.places {
		n := uint64(p.Len())
		if p.w == nil {
			want.Cached++
			want.CachedBytes += n
			continue
		}
		want.Windows++
		want.ReservedBytes += n
		want.MappedBytes += uint64(p.mapped())
		if p.shut {
			want.Quarantined++
			want.QuarantinedBytes += n
		}
	}
	// How it looks for a place is its own affair.
	want.Foreign, want.ForeignLearned, want.AdviceIgnored = got.Foreign, got.ForeignLearned, got.AdviceIgnored
	want.Hints, want.RegistryCollisions, want.KernelCollisions, want.GapSearches = got.Hints, got.RegistryCollisions, got.KernelCollisions, got.GapSearches
	if got != want {
		return fmt.Errorf("it says %+v,\nwant %+v", got, want)
	}
	r.stats = got
	if got.VMAs > got.MaxVMAs || got.Foreign > 0 && !r.strange && r.zone.Len() > 0 && got.KernelPlaced == 0 {
		return fmt.Errorf("with nobody else here: %+v", got)
	}
	live := slices.DeleteFunc(slices.Clone(r.places), func(p *spacePlace) bool { return p.w == nil })
	for w := range r.s.All() {
		if len(live) == 0 || w != live[0].w {
			return fmt.Errorf("window %v is not the next one: of %d that are left", w, len(live))
		}
		p := live[0]
		live = live[1:]
		if w.Range() != p.Range || w.Mapped() != p.mapped() || w.Name() != p.name || w.Size() != int(p.Len()) {
			return fmt.Errorf("%v, %d bytes mapped, want %v %q, %d", w, w.Mapped(), p.Range, p.name, p.mapped())
		}
	}
	if len(live) > 0 {
		return fmt.Errorf("window %v is missing", live[0].Range)
	}
	return nil
}

// spaceVMA is a mapping as the kernel shows it.
type spaceVMA struct {
	addrspace.Range
	perms  string
	offset int64
}

// vmasOf returns what the kernel should show of p.
func (r *spaceRun) vmasOf(p *spacePlace) (all []spaceVMA) {
	if p.w == nil {
		return []spaceVMA{{p.Range, "---p", 0}}
	}
	for _, part := range parts(p.units) {
		v := spaceVMA{addrspace.Range{
			Start: p.Start + uintptr(part.first)*spaceUnit,
			End:   p.Start + uintptr(part.first+part.n)*spaceUnit,
		}, "---p", 0}
		switch {
		case part.slot.at < 0:
		case part.slot.readOnly:
			v.perms, v.offset = "r--s", int64(part.slot.at)*spaceUnit
		default:
			v.perms, v.offset = "rw-s", int64(part.slot.at)*spaceUnit
		}
		all = append(all, v)
	}
	if p.long() {
		if last := &all[len(all)-1]; last.perms == "---p" {
			last.End = p.End
		} else {
			all = append(all, spaceVMA{addrspace.Range{Start: last.End, End: p.End}, "---p", 0})
		}
	}
	return all
}

// agreeKernel compares the kernel's mappings with the model's: all of the zone,
// and the places outside of it.
func (r *spaceRun) agreeKernel() error {
	var want, got []spaceVMA
	page := uintptr(os.Getpagesize())
	var outside []addrspace.Range
	for _, p := range r.places {
		inside := r.inZone(p.Range)
		if at := p.Start - 2*page; p.anchor == anchorHeld {
			want = append(want, spaceVMA{addrspace.Range{Start: at, End: at + page}, "---p", 0})
		}
		if !inside {
			outside = append(outside, p.Range)
		}
		want = append(want, r.vmasOf(p)...)
	}
	for _, f := range r.foreign {
		want = append(want, spaceVMA{f, "r--s", 0})
	}
	slices.SortFunc(want, func(a, b spaceVMA) int { return cmp.Compare(a.Start, b.Start) })
	// The page before the zone can be the anchor of the first window there.
	zone := addrspace.Range{Start: r.zone.Start - min(2*page, r.zone.Start), End: r.zone.End}
	err := sys.Maps(func(v sys.VMA) bool {
		at := addrspace.Range{Start: v.Start, End: v.End}
		// What lies beside a place of the kernel's choice may look like a part of it.
		if i := slices.IndexFunc(outside, at.Overlaps); i >= 0 {
			all := outside[i] // which may reach into the zone, or be longer than that
			if all.Overlaps(zone) {
				all = addrspace.Range{Start: min(all.Start, zone.Start), End: max(all.End, zone.End)}
			}
			at = addrspace.Range{Start: max(at.Start, all.Start), End: min(at.End, all.End)}
		} else if !at.Overlaps(zone) {
			return true
		}
		got = append(got, spaceVMA{at, v.Perms, v.Offset})
		return true
	})
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the kernel says %v,\nwant %v", got, want)
	}
	return nil
}

// lookAt checks what can be seen through unit i of p.
func (r *spaceRun) lookAt(p *spacePlace, i int) error {
	u := p.units[i]
	if u.at < 0 {
		return nil
	}
	b := bytesAt(p.w.Base(), (i+1)*spaceUnit)[i*spaceUnit:]
	if b[0] != byte(u.at+1) || b[8] != r.lab.marks[u.at] {
		return fmt.Errorf("unit %d of %v shows %d and %d, want unit %d of the file, %d and %d",
			i, p.Range, b[0], b[8], u.at, u.at+1, r.lab.marks[u.at])
	}
	return nil
}

// look checks up to some units of p, the first and the last among them.
func (r *spaceRun) look(p *spacePlace) (err error) {
	for i := 0; i < len(p.units); i += 1 + len(p.units)/6 {
		err = errors.Join(err, r.lookAt(p, i))
	}
	if n := len(p.units); n > 0 {
		err = errors.Join(err, r.lookAt(p, n-1))
	}
	return err
}
