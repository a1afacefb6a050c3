package addrspace

import (
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/invariants"
)

// checkLocked checks the invariants of s, in test builds: after every operation
// while there are few places, and as rarely as there are many when there are.
func (s *Space) checkLocked() {
	if invariants.Enabled {
		if s.unchecked++; s.unchecked > s.pl.reg.len()-64 {
			s.unchecked = 0
			s.checkInvariantsLocked()
		}
	}
}

// checkInvariantsLocked panics if an invariant of [Space] does not hold.
func (s *Space) checkInvariantsLocked() {
	var vmas, anchors, windows, foreigners, stuckCount, cachedCount int
	var reserved, cachedBytes, taken, fill uint64
	if s.pl.reg.tree == nil {
		return
	}
	// I1: the tree and the list hold the same places, in order.
	p, last := s.pl.reg.head.next, &s.pl.reg.head
	s.pl.reg.tree.Ascend(func(e entry) bool {
		must(e.p == p && e.start == p.start && p.prev == last, "I1: tree has %v, list %v", e.p, p)
		must(last.limit == p.start, "I1: limit %#x of %v, but %#x follows", last.limit, last, p.start)
		last, p = p, p.next
		return true
	})
	must(p == nil && last.limit == noLimit, "I1: the list goes on with %v", p)

	for p := s.pl.reg.head.next; p != nil; p = p.next {
		// I2: disjoint, ours with a guard between them.
		must(p.start < p.end && p.end <= p.limit, "I2: %v ends behind %#x", p, p.limit)
		if p.kind.ours() && p.next != nil && p.next.kind.ours() {
			must(p.limit-p.end >= guard || p.kind == stuck || p.next.kind == stuck, "I2: %v is too near to %v", p, p.next)
		}
		// I5: a window stands on a place if and only if it is live.
		w := p.w.Load()
		must((w != nil) == (p.kind == live), "I5: %v has window %v", p, w)
		switch p.kind {
		case live:
			windows++
			reserved += uint64(p.len())
			must(w.place == p && w.rng() == p.rng(), "I5: %v has window %v", p, w)
			must(align.Is(p.start, Alignment) && align.Is(p.len(), Alignment), "I5: %v is not aligned", p)
		case cached:
			cachedCount++
			cachedBytes += uint64(p.len())
			must(p.vmas == 1 && p.hole.Len() == 0, "I4: cached %v of %d VMAs", p, p.vmas)
		case stuck:
			stuckCount++
		case foreign:
			foreigners++
		}
		vmas += p.vmas
		if p.anchor == hasAnchor {
			vmas++
			anchors++
		}
		taken += s.pl.inZones(p.rng())
		if s.pl.band.counts(p) {
			fill += uint64(p.len() + guard)
		}
	}
	// I3: the counters are what the places say.
	must(vmas == s.vmas, "I3: %d VMAs, counted %d", vmas, s.vmas)
	must(anchors == s.stats.Anchors, "I3: %d anchors, counted %d", anchors, s.stats.Anchors)
	must(windows == s.stats.Windows, "I3: %d windows, counted %d", windows, s.stats.Windows)
	must(reserved == s.stats.ReservedBytes, "I3: %d bytes, counted %d", reserved, s.stats.ReservedBytes)
	must(foreigners == s.stats.Foreign, "I3: %d foreign, counted %d", foreigners, s.stats.Foreign)
	must(stuckCount == len(s.stuck), "I3: %d stuck, listed %d", stuckCount, len(s.stuck))
	must(fill == s.pl.band.fill, "I3: %d bytes in the band, counted %d", fill, s.pl.band.fill)
	must(taken == s.pl.taken, "I3: %d bytes of zones, counted %d", taken, s.pl.taken)

	// I4: the cache holds exactly the cached places and is within its bounds.
	c := &s.cache
	must(cachedCount == c.count && cachedBytes == c.bytes, "I4: %d cached of %d bytes, counted %d of %d", cachedCount, cachedBytes, c.count, c.bytes)
	must(!c.over(), "I4: cache of %d, %d bytes", c.count, c.bytes)
	n := 0
	for p := c.oldest; p != nil; p = p.newer {
		n++
		must(p.kind == cached && (p.newer != nil || p == c.newest), "I4: %v in the list", p)
	}
	for k, top := range c.tops {
		for p := top; p != nil; p = p.below {
			n++
			must(p.len() == k.n && p.compact == k.compact, "I4: %v as of %d bytes", p, k.n)
		}
	}
	must(n == 2*c.count, "I4: %d cached, in lists %d", c.count, n)
}

// checkInvariants panics if an invariant of [Window] does not hold.
//
// Preconditions: w.mu is held.
func (w *Window) checkInvariants() {
	if !invariants.Enabled {
		return
	}
	// I6: sorted, disjoint, inside, and none that join.
	for i, g := range w.segs {
		must(g.n > 0 && g.end() <= w.len(), "I6: segment %+v of window %v", g, w)
		if i > 0 {
			h := w.segs[i-1]
			must(h.end() <= g.off && !h.joins(g), "I6: segments %+v and %+v of window %v", h, g, w)
		}
	}
	// I7: mapped is their sum.
	must(w.segs.bytes() == uintptr(w.mapped.Load()), "I7: %d bytes mapped, counted %d", w.segs.bytes(), w.mapped.Load())
}

// must panics unless ok. The invariants are ours: that one does not hold is never
// the caller's doing.
func must(ok bool, format string, args ...any) {
	if !ok {
		panic("addrspace: BUG: " + fmt.Sprintf(format, args...))
	}
}
