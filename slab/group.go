package slab

import "sync/atomic"

// States of a group:
//
//	Owned     some shard takes objects from it
//	Apart     a Local has it, and only that takes objects from it; or nobody does,
//	          while pages of it are given back
//	Listed    among its shard's recent groups or in its class's list, with free objects
//	Full      neither: all objects are in use; the first Free lists it
//	Ending    Listed, and nobody takes from it: it is Dead in a moment, or Listed again
//	Dead      part of no span
//
//	own      Listed → Owned     when a shard's group has nothing left
//	disown   Owned  → Full      when a shard goes on to another group; Listed
//	                            if something was freed meanwhile
//	setApart Owned  → Apart     when a Local's group has nothing left
//	punch    Listed → Apart     when pages of its span are given back
//	giveUp   Apart  → Full      when a Local goes on to another group, or ends;
//	                            Listed if it has free objects
//	takeLast Listed → Full      when there is but one free object
//	put      Full   → Listed
//	sweep    Listed → Ending    when nothing is in use in it
//	         Ending → Dead      when all groups of a span are
//	         Ending → Listed    when others are not
//	newSpan  Dead   → Owned, Listed
//
// Lists are hints: an entry may be out of date, or there twice. The word decides,
// and has the class and a generation in it, so that whoever acts on an old idea of
// a group fails in the compare-and-swap that would act.

// A group's word: which of its objects are free, what state it is in, and what
// class it is of, so that whoever comes with an old idea of it finds out in the
// same compare-and-swap.
const (
	groupShift = 5
	groupLen   = 1 << groupShift // objects in a group
	freeBits   = 1<<groupLen - 1
	listed     = 1 << 33

	// fresh is set as long as no object of the group was freed since its pages were
	// zero: what is free was never handed out, and is zero.
	fresh = 1 << 32

	marked     = 1 << 34 // objects in use are retired, see retired
	classShift = 56      // the class from here on; 0 in a dead group

	// apart is set while nobody takes from the group but a Local that has it: then the
	// free bits are what others have freed. It stands next to the class, so that the
	// look of who would take at the class covers it.
	apartShift = classShift - 1
	apart      = 1 << apartShift

	// owned is set while a shard, or a Local, has the group. It stands next to apart,
	// so that who would take from it sees all three in one comparison.
	ownedShift = apartShift - 1
	owned      = 1 << ownedShift

	// genShift counts how often a group was made anew, modulo 2¹⁵, so that a
	// word does not come back while somebody is about to compare with it.
	genShift = 39
	genBits  = (1<<15 - 1) << genShift
)

// group is what there is of a group of objects: one line of the cache holds four,
// and Alloc and Free need no other.
type group struct {
	word atomic.Uint64

	// base is the address of the first object. It is stored before word makes the
	// group alive and stays until it is dead, so if a compare-and-swap of word
	// succeeds, base was of that life at any time since the word was loaded.
	base atomic.Uintptr
}

// canTake reports whether v is the word of an owned group of class c that has a free object.
func canTake(v, c uint64) bool { return uint32(v) != 0 && v>>ownedShift == c<<2|1 }

// groupsShift is log2 of the length of the group table's first chunk: two spans at least.
const groupsShift = 6

// lineShift is log2 of the groups in a line of the cache.
const lineShift = 2

// groupTable is the table of all groups: 10 billion objects.
type groupTable struct {
	group table[group]
	span  table[uint32]           // number of the span a group is in. Protected by class.mu.
	free  [groupsMax + 1][]uint32 // first numbers of ranges to be used again, by length. Protected by pages.
}

// at returns group number g. Neighbours, which are often of different shards, are
// not in the same line of the cache: with them side by side Alloc and Free on two
// processors took 41 ns instead of 20.
func (t *groupTable) at(g uint32) *group {
	c, i := t.group.chunk(g)
	const low = 1<<groupsShift - 1
	return &c[i&^low|i<<lineShift&low|i&low>>(groupsShift-lineShift)]
}

// spanOf returns where the number of g's span is kept.
func (t *groupTable) spanOf(g uint32) *uint32 { return t.span.at(g) }

// allocLocked returns the first of n consecutive dead groups, all in one chunk,
// or 0 if there are no numbers left.
func (t *groupTable) allocLocked(n int) uint32 {
	if list := t.free[n]; len(list) > 0 {
		g := list[len(list)-1]
		t.free[n] = list[:len(list)-1]
		return g
	}
	g := t.group.takeLocked(n, groupsShift)
	if k := g >> tableShift; t.span.chunks[k] == nil {
		t.span.chunks[k] = make([]uint32, len(t.group.chunks[k]))
	}
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
