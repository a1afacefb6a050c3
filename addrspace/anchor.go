package addrspace

import "github.com/growarena/growarena/internal/sys"

// An anchor is an inaccessible page a little before a place that is used again
// and again for little: it keeps the kernel from freeing the page-table pages
// above the last level each time the window is covered, and from making and
// clearing them anew for the next one. A page-table page goes when no mapping
// between its neighbours is left in its reach (free_pgtables in mm/memory.c),
// and an anchor is such a neighbour: of the page of 2 MiB entries unless the
// place starts at a multiple of 1 GiB, of the one above it nearly always.
//
// It lies where no other place of ours comes, in the guard before its own, and
// one page away from it, so that the two do not merge. It costs a VMA.
type anchor uint8

const (
	noAnchor      anchor = iota
	hasAnchor            // counted as one VMA of the Space
	refusedAnchor        // somebody else is there, it is no zone's, or it was one VMA too many
)

// anchorAddr returns where the anchor of p lies.
func (s *Space) anchorAddr(p *place) uintptr { return p.start - 2*s.page }

// anchorLocked gives p an anchor, unless it was refused one before.
//
// Preconditions: s.mu is held; p is live or cached.
func (s *Space) anchorLocked(p *place) {
	if p.anchor != noAnchor {
		return
	}
	p.anchor = refusedAnchor
	at := s.anchorAddr(p)
	if z := s.pl.zoneOf(p.start); z == nil || at < z.Start || s.vmas >= s.vmasMax {
		return
	}
	if _, err := sys.Reserve(at, s.page); err == nil {
		p.anchor = hasAnchor
		s.vmas++
		s.stats.Anchors++
	}
}

// weighLocked takes the anchor of p away. After an error it is still there.
//
// Preconditions: s.mu is held.
func (s *Space) weighLocked(p *place) error {
	if p.anchor == hasAnchor {
		if err := sys.Unmap(s.anchorAddr(p), s.page); err != nil {
			return err
		}
		s.vmas--
		s.stats.Anchors--
	}
	p.anchor = noAnchor
	return nil
}
