package addrspace

import "github.com/growarena/growarena/internal/sys"

// learnLocked is how the registry comes to know strangers: only when the kernel
// says that somebody is where it thought nobody was. It reads where other mappings of the process lie and registers those
// in the zones and in hint as foreign places. It reports whether it learned
// anything about hint. With many VMAs it takes milliseconds, so it learns all of
// the zones at once.
//
// Preconditions: s.mu is held.
func (s *Space) learnLocked(hint Range) (learned bool) {
	var pending Range
	// Neighbouring VMAs become one place. If the file cannot be read nothing is
	// learned, and the next hint is as good a guess as this one.
	_ = sys.Maps(func(v sys.VMA) bool {
		r := Range{v.Start, v.End}
		if r.Start == pending.End {
			pending.End = r.End
			return true
		}
		learned = s.learnRangeLocked(pending, hint) || learned
		pending = r
		return true
	})
	return s.learnRangeLocked(pending, hint) || learned
}

// learnRangeLocked registers the parts of r that are no place yet. A part is all
// it may be: a stranger's inaccessible mapping beside one of ours is the same
// VMA to the kernel.
//
// Preconditions: s.mu is held.
func (s *Space) learnRangeLocked(r, hint Range) (learned bool) {
	if r.Len() == 0 || !r.Overlaps(hint) && s.pl.inZones(r) == 0 {
		return false
	}
	add := func(free Range) {
		if free.Start >= free.End {
			return
		}
		s.pl.add(&place{start: free.Start, end: free.End, kind: foreign})
		s.stats.Foreign++
		s.stats.ForeignLearned++
		learned = learned || free.Overlaps(hint)
	}
	// The anchor of a place lies before it, and is ours.
	addBefore := func(p *place, free Range) {
		if p != nil && p.anchor == hasAnchor {
			at := s.anchorAddr(p)
			add(Range{free.Start, min(free.End, at)})
			free.Start = max(free.Start, at+s.page)
		}
		add(free)
	}
	at, p := r.Start, s.pl.reg.first(r.Start)
	for p != nil && p.start < r.End {
		next := p.next
		addBefore(p, Range{at, p.start})
		at, p = p.end, next
	}
	addBefore(p, Range{at, r.End})
	return learned
}

// relearnLocked forgets all foreign places and learns them anew: some have gone
// by now, and a refusal must not be for them. It looks at every place and every
// VMA of the process, which is why it is the last thing before a refusal.
//
// Preconditions: s.mu is held.
func (s *Space) relearnLocked() {
	for p := s.pl.reg.head.next; p != nil; {
		next := p.next
		if p.kind == foreign {
			s.pl.drop(p)
			s.stats.Foreign--
		}
		p = next
	}
	s.learnLocked(Range{})
}
