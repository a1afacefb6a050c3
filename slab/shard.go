package slab

import (
	"iter"
	"math/bits"
	"sync/atomic"
)

// shard is where goroutines whose stacks hash alike take small objects from.
type shard struct {
	// current is the owned group of each class, 0 for none. Exchanged by anyone
	// (atomic); who takes a group out of it gives it up. The length is that of
	// kinds, for the same mask.
	current [len(kinds)]atomic.Uint32

	// recent are listed groups that were freed into by goroutines of this shard,
	// 0 for none: in a full allocator each Free lists a group and each Alloc takes
	// one, which would be two locks. As in class.list, an entry may be out of date.
	// Exchanged by anyone (atomic).
	recent [classCount][recentLen]atomic.Uint32

	// Of objects of punchSize and more: bytes that became used, less those that became
	// unused, in this shard; and the most those were since lookLarge. Moved by
	// anyone (atomic).
	used, most atomic.Int64

	// With a profile: bytes to go to the next sample, and whether that was ever
	// drawn. Moved by anyone (atomic).
	unsampled atomic.Int64
	begun     atomic.Bool

	_ [128]byte // The next shard belongs to others.
}

// recentLen is half a line of the cache.
const recentLen = 8

// shardsPerCPU keeps it unlikely that two running goroutines share a shard.
const shardsPerCPU = 4

// placesLen is how many places goroutines are told apart by. Two that run at the
// same time have one place with this probability, and cost each other 40 ns an
// Alloc and Free then.
const placesLen = 256

// place returns where the calling goroutine looks up its shard.
func (a *Allocator) place() *atomic.Pointer[shard] { return &a.places[stackHash()>>(64-8)%placesLen] }

// shard returns the shard of the calling goroutine.
func (a *Allocator) shard() *shard { return a.place().Load() }

// collided goes on after a compare-and-swap of word w, of the group current in the
// caller's shard, from v has failed. If that was because somebody else has taken
// an object, who runs at the same time has the same shard, and we move on to
// another, until all who run have their own.
func (a *Allocator) collided(w *atomic.Uint64, v uint64) {
	if uint32(v)&^uint32(w.Load()) != 0 {
		a.place().Store(a.makeShard(a.moved.Add(1) & a.shardMask))
	}
}

// makeShard returns shard number i, and makes it if nobody has needed it so far.
func (a *Allocator) makeShard(i uint32) *shard {
	if a.shards[i].Load() == nil {
		a.shards[i].CompareAndSwap(nil, new(shard))
	}
	return a.shards[i].Load()
}

// allShards goes through the shards there are.
func (a *Allocator) allShards() iter.Seq[*shard] {
	return func(yield func(*shard) bool) {
		for i := range a.shards {
			if s := a.shards[i].Load(); s != nil && !yield(s) {
				return
			}
		}
	}
}

// take takes a free object from the shard's current group of class c and returns
// its address, and whether it is zero, or 0 if there is none.
//
// The shard may have gone on to another group meanwhile, and this one may be
// listed, another shard's, dead, or of another class. If it is owned and the class is
// the same, taking from it is as good as ever.
func (a *Allocator) take(s *shard, c int) (p uintptr, isZero bool) {
	g := s.current[c&int(kindMask)].Load()
	if g == 0 {
		return 0, false
	}
	gr := a.groups.at(g)
	for {
		v := gr.word.Load()
		if !canTake(v, uint64(c)) {
			return 0, false
		}
		if gr.word.CompareAndSwap(v, v&(v-1)) { // without the lowest bit
			// The object is ours, so the group stays alive, and its base what it is.
			return gr.base.Load() + uintptr(bits.TrailingZeros64(v))*uintptr(kinds[c&int(kindMask)].size), v&fresh != 0
		}
		a.collided(&gr.word, v)
	}
}

// takeSlow is take for when the shard's current group has nothing left.
func (a *Allocator) takeSlow(s *shard, c int, sparse bool) (p uintptr, isZero bool, err error) {
	for {
		if p, isZero := a.take(s, c); p != 0 {
			return p, isZero, nil
		}
		if p, err := a.refill(s, c, sparse); p != 0 || err != nil {
			return p, false, err
		}
	}
}

// refill gives the shard a group with free objects: one that was freed into
// lately, one of the class's list, one of another shard, or the first of a new
// span. It may turn out that somebody else has done so, or taken all meanwhile. Of a
// group with one free object it takes that instead, and returns its address.
func (a *Allocator) refill(s *shard, c int, sparse bool) (uintptr, error) {
	old := s.current[c].Load()
	if old != 0 && uint32(a.groups.at(old).word.Load()) != 0 {
		return 0, nil // Somebody has refilled it, or freed into it, meanwhile.
	}
	if p, g := a.popRecent(s, c); p != 0 {
		return p, nil
	} else if g != 0 {
		a.leave(c, s.install(c, old, g))
		return 0, nil
	}
	cl := a.class(c)
	cl.mu.Lock()
	if s.current[c].Load() != old {
		cl.mu.Unlock()
		return 0, nil
	}
	g, err := a.nextLocked(cl, c, sparse)
	if g != 0 {
		g = s.install(c, old, g)
	}
	cl.mu.Unlock()
	a.leave(c, g)
	return 0, err
}

// nextGroup returns a group of class c that the caller owns then.
func (a *Allocator) nextGroup(c int, sparse bool) (uint32, error) {
	cl := a.class(c)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return a.nextLocked(cl, c, sparse)
}

// nextLocked returns a group of class c that the caller owns then: of the class's
// list, of what a shard has freed into lately, or the first of a new span.
//
// Preconditions: cl.mu is held.
func (a *Allocator) nextLocked(cl *class, c int, sparse bool) (uint32, error) {
	if g := a.popLocked(cl, c); g != 0 {
		return g, nil
	}
	for s := range a.allShards() {
		for g := s.nextRecent(c); g != 0; g = s.nextRecent(c) {
			if a.own(c, g) {
				return g, nil
			}
		}
	}
	return a.newSpanLocked(cl, c, sparse)
}

// install makes g, which is the caller's as an owned group, the current group if
// that is old, and returns the group that is the caller's then: old, or g.
func (s *shard) install(c int, old, g uint32) uint32 {
	if s.current[c].CompareAndSwap(old, g) {
		return old
	}
	return g
}

// own makes a listed group of class c owned, and reports whether it has: Listed →
// Owned. That it is listed is the caller's idea of a while ago.
func (a *Allocator) own(c int, g uint32) bool {
	w := &a.groups.at(g).word
	for {
		v := w.Load()
		if v&listed == 0 || v>>apartShift != uint64(c)<<1 {
			return false // Dead since, or an entry too many; or Ending.
		}
		if w.CompareAndSwap(v, v&^listed|owned) {
			a.used(c, bits.OnesCount32(uint32(v)))
			return true
		}
	}
}

// popRecent takes a group with free objects from those that were freed into lately:
// Listed → Owned. Or, if there is but one free object in it, and that is most likely
// in a full allocator, it takes that and returns its address: Listed → Full.
func (a *Allocator) popRecent(s *shard, c int) (uintptr, uint32) {
	for g := s.nextRecent(c); g != 0; g = s.nextRecent(c) {
		if p := a.takeLast(c, g); p != 0 {
			return p, 0
		}
		if a.own(c, g) {
			return 0, g
		}
		// Whoever has it Ending may find that it stays, and counts on the entry.
		if v := a.groups.at(g).word.Load(); v&listed != 0 && v>>classShift == uint64(c) {
			cl := a.class(c)
			cl.mu.Lock()
			cl.list = append(cl.list, g)
			cl.mu.Unlock()
		}
	}
	return 0, 0
}

// nextRecent takes a group out of those that were freed into lately, 0 if there is
// none.
func (s *shard) nextRecent(c int) uint32 {
	for i := range s.recent[c] {
		if r := &s.recent[c][i]; r.Load() != 0 {
			if g := r.Swap(0); g != 0 {
				return g
			}
		}
	}
	return 0
}

// takeLast takes the only free object of a group of class c that is no longer in any
// list, and returns its address: Listed → Full. It returns 0, and has done nothing,
// if there are more or none.
func (a *Allocator) takeLast(c int, g uint32) uintptr {
	gr := a.groups.at(g)
	v := gr.word.Load()
	free := uint32(v)
	if v&listed == 0 || v>>apartShift != uint64(c)<<1 || free == 0 || free&(free-1) != 0 ||
		!gr.word.CompareAndSwap(v, v&^(listed|freeBits)) {
		return 0
	}
	a.used(c, 1)
	return gr.base.Load() + uintptr(bits.TrailingZeros32(free))*uintptr(kinds[c&int(kindMask)].size)
}

// popLocked takes a group with free objects off the list: Listed → Owned.
func (a *Allocator) popLocked(cl *class, c int) uint32 {
	for n := len(cl.list); n > 0; n = len(cl.list) {
		g := cl.list[n-1]
		cl.list = cl.list[:n-1]
		if a.own(c, g) {
			return g
		}
	}
	return 0
}

// list puts a listed group where it will be found: with the caller's shard, or
// where that has enough, in the class's list.
func (a *Allocator) list(c int, g uint32) {
	s := a.shard()
	for i := range s.recent[c] {
		if r := &s.recent[c][i]; r.Load() == 0 && r.CompareAndSwap(0, g) {
			return
		}
	}
	cl := a.class(c)
	cl.mu.Lock()
	cl.list = append(cl.list, g)
	cl.mu.Unlock()
}

// leave gives up an owned group, unless it is 0: Owned or Apart → Full, or Listed if
// it has free objects.
func (a *Allocator) leave(c int, g uint32) {
	if g != 0 && a.disown(c, g) {
		a.list(c, g)
	}
}

// disown is leave, but leaves it to the caller to list the group if it reports
// true.
func (a *Allocator) disown(c int, g uint32) bool {
	w := &a.groups.at(g).word
	for {
		v := w.Load()
		next := v &^ (owned | apart)
		if uint32(v) != 0 {
			next |= listed
		}
		if w.CompareAndSwap(v, next) {
			a.unused(c, bits.OnesCount32(uint32(v)))
			return next&listed != 0
		}
	}
}
