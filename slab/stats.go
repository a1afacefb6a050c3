package slab

import "github.com/growarena/growarena/internal/invariants"

// Stats is a snapshot of what an allocator holds. Taken while others allocate,
// its parts are of slightly different moments.
type Stats struct {
	Live    int // Bytes of objects in use, as their classes have them.
	Objects int // Objects in use.

	Charged   int // Bytes of spans and large objects: what Options.Limit limits.
	FreePages int // Bytes of free pages.
	Kept      int // Bytes of those that may have memory.
	Returned  int // Bytes of pages given back to the system so far, whether they had memory or not.
	Refused   int // Times the system refused to take pages back.
	Held      int // Bytes of pages that debug mode keeps from being used again.

	MediumObjects int
	MediumBytes   int
	LargeObjects  int
	LargeBytes    int

	Classes []ClassStats // Of size classes that have spans.
}

// ClassStats is what a size class holds.
type ClassStats struct {
	Size    int // Bytes of an object.
	Spans   int
	Bytes   int // Bytes of the spans.
	Objects int // In use.
	Free    int // Bytes of the spans that are not in use: free objects and tails.
}

// Stats takes a snapshot. What debug mode keeps from being used again counts as in
// use. It looks at every group: a millisecond for ten million
// small objects or so, during which no span begins or ends. After Close all is 0.
// It has the shape of what package expvar publishes; see the example.
func (a *Allocator) Stats() Stats {
	a.idle.mu.Lock() // Free pages that are being given back are in hand.
	defer a.idle.mu.Unlock()
	var s Stats
	var classes [classCount]ClassStats
	h := &a.pages
	h.mu.Lock()
	if a.closed.Load() {
		h.mu.Unlock()
		return s
	}
	for _, r := range *a.regions.Load() {
		for page := 0; page < r.pages; {
			e := entry(r.entry(page).Load())
			if e == 0 {
				c, i := r.chunk(page)
				page += max(int(c.run[i]), 1) // 1 in runs that are held, or being given back.
				continue
			}
			if e.class() == mediumClass {
				n := int(a.spans.at(e.number()).pages)
				s.MediumObjects++
				s.MediumBytes += n * pageSize
				page += n
				continue
			}
			c := &classes[e.class()]
			c.Spans++
			n := a.wholeRun(int(classPages[e.class()]))
			c.Bytes += n * pageSize
			c.Objects += a.inSpan(e)
			page += n
		}
	}
	s.FreePages, s.Kept, s.Held = h.free*pageSize, h.dirty*pageSize, h.held*pageSize
	if invariants.Enabled {
		a.checkPagesLocked()
	}
	h.mu.Unlock()
	s.Charged = int(a.charged.Load())
	s.Returned = int(a.decommitted.Load())
	s.Refused = int(a.decommitFailed.Load())
	s.Objects, s.Live = s.MediumObjects, s.MediumBytes
	for c := range classes {
		k := &classes[c]
		if k.Spans == 0 {
			continue
		}
		k.Size = int(classSize[c])
		k.Free = k.Bytes - k.Objects*k.Size
		s.Objects += k.Objects
		s.Live += k.Objects * k.Size
		s.Classes = append(s.Classes, *k)
	}
	a.large.mu.Lock()
	s.LargeObjects, s.LargeBytes = len(a.large.live), a.large.bytes
	a.large.mu.Unlock()
	s.Objects += s.LargeObjects
	s.Live += s.LargeBytes
	return s
}
