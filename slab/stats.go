package slab

import "math/bits"

// Stats is a snapshot of what an allocator holds. Taken while others allocate,
// its parts are of slightly different moments.
type Stats struct {
	Live    int // Bytes of objects in use, as their classes have them.
	Objects int // Objects in use.

	Charged   int // Bytes of spans and large objects: what Options.Limit limits.
	FreePages int // Bytes of free pages.
	Kept      int // Bytes of those that may have memory.
	Returned  int // Bytes of pages given back to the system so far.

	MediumObjects int
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

// Stats takes a snapshot. It looks at every group: a microsecond for a hundred
// thousand objects or so.
func (a *Allocator) Stats() Stats {
	a.mustBeOpen("Stats")
	var s Stats
	var classes [classCount]ClassStats
	h := &a.pages
	h.mu.Lock()
	for _, r := range *a.regions.Load() {
		for page := 0; page < r.pages; {
			number := r.entry(page).Load()
			if number == 0 {
				c, i := r.chunk(page)
				page += int(c.run[i])
				continue
			}
			sp := a.spans.at(number)
			if sp.class == mediumClass {
				s.MediumObjects++
				s.Live += int(sp.size)
			} else {
				c := &classes[sp.class]
				c.Spans++
				c.Bytes += int(sp.pages) * pageSize
				for i := range sp.groups() {
					free := bits.OnesCount32(uint32(a.groups.word(sp.group + uint32(i)).Load()))
					c.Objects += bits.OnesCount64(objectsIn(int(sp.objects), i)) - free
				}
			}
			page += int(sp.pages)
		}
	}
	s.FreePages, s.Kept = h.free*pageSize, h.dirty*pageSize
	h.mu.Unlock()
	s.Charged = int(a.charged.Load())
	s.Returned = int(a.decommitted.Load())
	s.Objects = s.MediumObjects
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
	if p := a.large.pool.Load(); p != nil {
		ps := p.Stats()
		s.LargeObjects, s.LargeBytes = ps.Buffers, ps.Len
		s.Objects += ps.Buffers
		s.Live += ps.Len
	}
	return s
}
