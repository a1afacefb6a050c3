package slab

import (
	"math/bits"
	"sync/atomic"
)

// shard is where goroutines whose stacks hash alike take small objects from.
type shard struct {
	// current is the owned group of each class, 0 for none. Stored under
	// class.mu, read by anyone. The length is that of kinds, for the same mask.
	current [len(kinds)]atomic.Uint32

	// With a profile: bytes to go to the next sample, and whether that was ever
	// drawn. Moved by anyone (atomic).
	unsampled atomic.Int64
	begun     atomic.Bool

	_ [128]byte // The next shard belongs to others.
}

// shardsPerCPU keeps it unlikely that two running goroutines share a shard.
const shardsPerCPU = 4

// shard returns the shard of the calling goroutine.
func (a *Allocator) shard() *shard { return &a.shards[stackHash()>>32&a.shardMask] }

// take takes a free object from the shard's current group of class c and returns
// its address, or 0 if there is none.
//
// The shard may have gone on to another group meanwhile, and this one may be
// listed, another shard's, dead, or of another class. If it is dead it has no
// free objects; if the class is the same, taking from it is as good as ever.
func (a *Allocator) take(s *shard, c int) uintptr {
	g := s.current[c&int(kindMask)].Load()
	if g == 0 {
		return 0
	}
	gr := a.groups.at(g)
	for {
		v := gr.word.Load()
		free := uint32(v)
		if free == 0 || v>>classShift != uint64(c) {
			return 0
		}
		if gr.word.CompareAndSwap(v, v&(v-1)) { // without the lowest bit
			// The object is ours, so the group stays alive, and its base what it is.
			return gr.base.Load() + uintptr(bits.TrailingZeros32(free))*uintptr(kinds[c&int(kindMask)].size)
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
	if old != 0 && uint32(a.groups.at(old).word.Load()) != 0 {
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
		w := &a.groups.at(g).word
		for {
			v := w.Load()
			if v&listed == 0 || v>>classShift != uint64(c) {
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
	w := &a.groups.at(g).word
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
