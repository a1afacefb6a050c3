package slab

import (
	"fmt"
	"math/bits"
	"sync/atomic"
)

// apartGroup is a group that one goroutine has apart, or nothing if all is 0. It
// alone takes objects from the group, so those that it has collected need no
// atomic operations. What others free meanwhile shows in the group's word.
type apartGroup struct {
	word    *atomic.Uint64 // the group's
	base    uintptr        // address of the first object
	free    uint32         // the objects collected; none of them is free in word
	size    uint32         // as in kind
	magic   uint32         // as in kind
	objects uint32         // in the group
	number  uint32         // of the group
	first   uint32         // number of the first group of its span
	isZero  bool           // the objects collected are: none was handed out before
}

// setApart makes an owned group of the caller's its own alone: Owned → Apart. Its
// free objects stay where they are, to be collected.
func (a *Allocator) setApart(c int, g uint32) apartGroup {
	gr, k := a.groups.at(g), &kinds[c]
	first := a.spans.at(*a.groups.spanOf(g)).group // Ours, so it stays what it is.
	gr.word.Or(apart)
	return apartGroup{
		word: &gr.word, base: gr.base.Load(), size: k.size, magic: k.magic,
		objects: uint32(bits.OnesCount64(objectsIn(int(k.objects), int(g-first)))),
		number:  g, first: first,
	}
}

// bitOf returns the bit of the object at p, if that is one of the group and of that
// capacity, or 0.
func (h *apartGroup) bitOf(p uintptr, capacity int) uint32 {
	off := p - h.base
	idx := uint32(uint64(off) * uint64(h.magic) >> 32)
	if off >= groupLen*smallMax || idx >= h.objects || idx*h.size != uint32(off) || capacity != int(h.size) {
		return 0
	}
	return 1 << (idx % groupLen)
}

// collect takes what others have freed, or nobody has had so far, where nothing is left of
// what was collected.
func (h *apartGroup) collect() {
	if h.word == nil {
		return
	}
	v := h.word.Load()
	h.free, h.isZero = uint32(v), v&fresh != 0
	if h.free != 0 {
		h.word.And(^uint64(h.free)) // They only add to it meanwhile.
	}
}

// keep takes an object to hand that was in use.
func (h *apartGroup) keep(bit uint32) {
	h.free |= bit
	h.isZero = false
}

// taken returns the objects of the group that others have freed, or retired.
func (a *Allocator) taken(h *apartGroup) uint32 {
	if h.word == nil {
		return 0
	}
	v := h.word.Load()
	return uint32(v) | a.retiredIn(h.number, v)
}

// giveBack ends that the group is apart: Apart → Full, or Listed if it has free
// objects, and ends the span if that was the last in use. It returns those of the
// collected objects that others have freed, too, or retired.
func (a *Allocator) giveBack(c int, h *apartGroup) (twice uint32) {
	var v, next uint64
	for {
		v = h.word.Load()
		twice = h.free & (uint32(v) | a.retiredIn(h.number, v))
		next = (v | uint64(h.free&^twice)) &^ (owned | apart)
		if h.free != 0 && !h.isZero {
			next &^= fresh
		}
		if uint32(next) != 0 {
			next |= listed
		}
		if h.word.CompareAndSwap(v, next) {
			break
		}
	}
	a.unused(c, bits.OnesCount32(uint32(next)))
	if next&listed != 0 {
		a.list(c, h.number)
	}
	if next&freeBits == 1<<h.objects-1 {
		a.sweep(c, h.first)
	}
	return twice
}

// mustNotHave panics if there is an object that was collected, and then freed or
// retired by others.
func (h *apartGroup) mustNotHave(twice uint32) {
	if twice != 0 {
		h.free &^= twice // It is in word, or will be.
		panic(fmt.Sprintf("slab: object of %d bytes at %#x: freed twice, or freed and retired",
			h.size, h.base+uintptr(bits.TrailingZeros32(twice))*uintptr(h.size)))
	}
}
