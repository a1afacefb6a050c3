package slab

import (
	"github.com/growarena/growarena/internal/invariants"
	"github.com/growarena/growarena/internal/pageheap"
)

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
// small objects or so, during which no span begins or ends. After Close, Returned and
// Refused stay what they were, and all else is 0.
// It has the shape of what package expvar publishes; see the example.
func (a *Allocator) Stats() Stats {
	a.idle.mu.Lock() // Free pages that are being given back are in hand.
	defer a.idle.mu.Unlock()
	var s Stats
	var classes [classCount]ClassStats
	s.Returned, s.Refused = a.pages.Returned()
	s.Refused += int(a.large.refused.Load())
	if a.closed.Load() {
		return s
	}
	a.pages.Lock()
	a.pages.EachLocked(func(_ *pageheap.Region, _ int, tag uint64) int {
		e := entry(tag)
		n := a.pagesOfLocked(e)
		if e.class() == mediumClass {
			s.MediumObjects++
			s.MediumBytes += n * pageSize
			return n
		}
		c := &classes[e.class()]
		c.Spans++
		c.Bytes += n * pageSize
		c.Objects += a.inSpan(e)
		return n
	})
	pages := a.pages.CountsLocked()
	s.FreePages, s.Kept, s.Held = pages.Free*pageSize, pages.Dirty*pageSize, pages.Held*pageSize
	if invariants.Enabled {
		a.checkPagesLocked()
	}
	a.pages.Unlock()
	s.Charged = int(a.budget.charged.Load())
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
	s.LargeObjects, s.LargeBytes = a.large.counts()
	s.Objects += s.LargeObjects
	s.Live += s.LargeBytes
	return s
}

// Name returns the name from the options.
func (a *Allocator) Name() string { return a.name }
