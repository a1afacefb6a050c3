package slab

import (
	"math/bits"
	"sync/atomic"
)

// A group's word: which of its objects are free, what state it is in, and what
// class it is of, so that whoever comes with an old idea of it finds out in the
// same compare-and-swap.
const (
	groupShift = 5
	groupLen   = 1 << groupShift // objects in a group
	freeBits   = 1<<groupLen - 1
	owned      = 1 << 32
	listed     = 1 << 33
	classShift = 56 // class + 1 from here on; 0 in a dead group

	// genShift counts how often a group was made anew, modulo 2¹⁶, so that a
	// word does not come back while somebody is about to compare with it.
	genShift = 40
	genBits  = (1<<16 - 1) << genShift
)

const (
	groupChunkLen = 1 << 14
	groupChunkMax = 1 << 14 // 2²⁸ groups: 8 billion objects
)

// groupChunk is a piece of the table of all groups, by struct of arrays: Free
// needs only the word.
type groupChunk struct {
	word [groupChunkLen]atomic.Uint64
	base [groupChunkLen]uintptr // of the first object. Written before word makes the group alive.
}

// groupTable is the table of all groups, by number; number 0 is none.
type groupTable struct {
	chunks [groupChunkMax]atomic.Pointer[groupChunk]
	next   uint32        // first number never used. Protected by pages.mu.
	free   [256][]uint32 // first numbers of ranges to be used again, by length. Protected by pages.mu.
}

func (t *groupTable) at(g uint32) (c *groupChunk, i uint32) {
	return t.chunks[g/groupChunkLen].Load(), g % groupChunkLen
}

func (t *groupTable) word(g uint32) *atomic.Uint64 {
	c, i := t.at(g)
	return &c.word[i]
}

// allocLocked returns the first of n consecutive dead groups, all in one chunk,
// or 0 if there are no numbers left.
func (t *groupTable) allocLocked(n int) uint32 {
	if list := t.free[n]; len(list) > 0 {
		g := list[len(list)-1]
		t.free[n] = list[:len(list)-1]
		return g
	}
	g := max(t.next, 1)
	if g/groupChunkLen != (g+uint32(n)-1)/groupChunkLen {
		g = (g/groupChunkLen + 1) * groupChunkLen
	}
	i := g / groupChunkLen
	if i >= groupChunkMax {
		return 0
	}
	if t.chunks[i].Load() == nil {
		t.chunks[i].Store(new(groupChunk))
	}
	t.next = g + uint32(n)
	return g
}

func (t *groupTable) releaseLocked(g uint32, n int) { t.free[n] = append(t.free[n], g) }

// objectsIn returns the mask of the objects of group number i of a span.
func objectsIn(objects, i int) uint64 {
	n := objects - i*groupLen
	if n >= groupLen {
		return freeBits
	}
	return 1<<n - 1
}

// take takes a free object from the shard's current group of class c and returns
// its address, or 0 if there is none.
func (a *Allocator) take(s *shard, c int) uintptr {
	g := s.current[c].Load()
	if g == 0 {
		return 0
	}
	chunk, i := a.groups.at(g)
	w := &chunk.word[i]
	for {
		v := w.Load()
		free := uint32(v)
		// The shard may have gone on to another group, and this one may be dead or
		// of another class by now.
		if free == 0 || v>>classShift != uint64(c+1) {
			return 0
		}
		if w.CompareAndSwap(v, v&^uint64(free&-free)) {
			// The object is ours, so the group stays what it is; its base was
			// written before the word that we have exchanged.
			return chunk.base[i] + uintptr(bits.TrailingZeros32(free))*uintptr(classSize[c])
		}
	}
}

// takeSlow is take for when the shard's current group has nothing left.
func (a *Allocator) takeSlow(s *shard, c int) (uintptr, error) {
	for {
		if p := a.take(s, c); p != 0 {
			return p, nil
		}
		if err := a.refill(s, c); err != nil {
			return 0, err
		}
	}
}

// refill gives the shard a group with free objects: one of the class's list, or
// the first of a new span.
func (a *Allocator) refill(s *shard, c int) error {
	cl := &a.classes[c]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	old := s.current[c].Load()
	if old != 0 && uint32(a.groups.word(old).Load()) != 0 {
		return nil // Somebody has refilled it, or freed into it, meanwhile.
	}
	next := a.popLocked(cl, c)
	if next == 0 {
		var err error
		if next, err = a.newSpanLocked(cl, c); err != nil {
			return err
		}
	}
	s.current[c].Store(next)
	if old != 0 {
		a.leaveLocked(cl, old)
	}
	return nil
}

// popLocked takes a group with free objects off the list: Listed → Owned.
func (a *Allocator) popLocked(cl *class, c int) uint32 {
	for n := len(cl.list); n > 0; n = len(cl.list) {
		g := cl.list[n-1]
		cl.list = cl.list[:n-1]
		w := a.groups.word(g)
		for {
			v := w.Load()
			if v&listed == 0 || v>>classShift != uint64(c+1) {
				break // Dead since, or an entry too many.
			}
			next := v &^ listed
			if uint32(v) != 0 {
				next |= owned
			}
			if w.CompareAndSwap(v, next) {
				if next&owned != 0 {
					return g
				}
				break // Full: others with an old idea of it have taken all.
			}
		}
	}
	return 0
}

// leaveLocked gives up a shard's group: Owned → Full, or Listed if something was
// freed into it meanwhile.
func (a *Allocator) leaveLocked(cl *class, g uint32) {
	w := a.groups.word(g)
	for {
		v := w.Load()
		next := v &^ owned
		if uint32(v) != 0 {
			next |= listed
		}
		if w.CompareAndSwap(v, next) {
			if next&listed != 0 {
				cl.list = append(cl.list, g)
			}
			return
		}
	}
}

// put gives object number idx of span sp back. It reports false, and has changed
// nothing, if the object is free.
func (a *Allocator) put(sp *span, idx int) bool {
	i := idx >> groupShift
	bit := uint64(1) << (idx % groupLen)
	w := a.groups.word(sp.group + uint32(i))
	for {
		v := w.Load()
		if v&bit != 0 || v>>classShift == 0 {
			return false
		}
		next := v | bit
		if v&(owned|listed) == 0 {
			next |= listed
		}
		if !w.CompareAndSwap(v, next) {
			continue
		}
		switch {
		case v&(owned|listed) == 0:
			cl := &a.classes[sp.class]
			cl.mu.Lock()
			cl.list = append(cl.list, sp.group+uint32(i))
			cl.mu.Unlock()
			fallthrough // A group of one object is full and then empty.
		case next&owned == 0:
			if next&freeBits == objectsIn(int(sp.objects), i) {
				a.sweep(sp)
			}
		}
		return true
	}
}

// sweep gives a span back to the pages if nothing of it is in use: its groups
// Listed → Dead.
func (a *Allocator) sweep(sp *span) {
	c := int(sp.class)
	if c >= classCount {
		return // Already something else.
	}
	cl := &a.classes[c]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	a.sweepLocked(cl, c, sp)
}

// sweepLocked is sweep for a caller that holds the class's lock, under which
// spans of the class begin and end. It reports whether the span has ended.
func (a *Allocator) sweepLocked(cl *class, c int, sp *span) bool {
	if int(sp.class) != c {
		return false // It has ended, and its record may serve another class.
	}
	groups := sp.groups()
	var was [256]uint64
	for i := range groups {
		w := a.groups.word(sp.group + uint32(i))
		v := w.Load()
		want := objectsIn(int(sp.objects), i) | listed
		// Dead: no class, no free objects, and another generation.
		dead := (v + 1<<genShift) & genBits
		if v&(freeBits|owned|listed) != want || v>>classShift != uint64(c+1) || !w.CompareAndSwap(v, dead) {
			for j := range i {
				// Nobody touches a dead group but us.
				a.groups.word(sp.group + uint32(j)).Store(was[j])
			}
			return false
		}
		was[i] = v
	}
	cl.spans--
	a.endSpan(sp)
	return true
}
