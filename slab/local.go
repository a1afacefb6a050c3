package slab

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
)

// Local hands out and takes back memory of an [Allocator] for one goroutine at a
// time, at a third of the price: it has groups of up to 32 small objects, one per
// size class, that nobody else takes from, and needs no atomic operations for
// them. What it hands out is the allocator's, and anyone may free it, through
// whatever Local or none. Make one with [Allocator.NewLocal] for a goroutine that
// allocates much, and close it when that ends.
//
// What a Local has at hand counts as in use, for Stats and for Trim of the
// allocator. With Options.Debug or Options.Profile it has nothing at hand and is as
// fast as the allocator.
//
// An object that is freed twice, once through the Local that has its group and
// once through something else, is not handed out twice either, but the panic may
// come later than the mistake: at the latest when the Local would hand it out.
type Local struct {
	a       *Allocator // Immutable.
	closed  bool
	current [len(kinds)]localGroup // by class; the length is that of kinds, for the same mask
}

// localGroup is a group that a Local has apart; all is 0 if there is none.
type localGroup struct {
	word    *atomic.Uint64 // the group's
	base    uintptr        // address of the first object
	free    uint32         // the objects at hand; none of them is free in word
	size    uint32         // as in kind
	magic   uint32         // as in kind
	objects uint32         // in the group
	number  uint32         // of the group
	first   uint32         // number of the first group of its span
}

// locals are the Locals that are not closed.
type locals struct {
	mu   sync.Mutex
	open map[*Local]struct{} // Protected by mu.
}

// NewLocal makes a handle for one goroutine. It takes 5 KB of Go heap, and no
// memory of the allocator before it is used.
func (a *Allocator) NewLocal() *Local {
	a.mustBeOpen("NewLocal")
	l := &Local{a: a}
	a.locals.mu.Lock()
	defer a.locals.mu.Unlock()
	if a.locals.open == nil {
		a.locals.open = make(map[*Local]struct{})
	}
	a.locals.open[l] = struct{}{}
	return l
}

// Alloc is [Allocator.Alloc].
func (l *Local) Alloc(n int) ([]byte, error) {
	if uint(n-1) < smallMax {
		h := &l.current[uint64(classOf(n))&kindMask]
		free := h.free
		bit := free & -free
		// Nothing is handed out that somebody else says is free.
		if free != 0 && uint32(h.word.Load())&bit == 0 {
			h.free = free &^ bit
			return bytesAt(h.base+uintptr(bits.TrailingZeros32(free))*uintptr(h.size), n, int(h.size)), nil
		}
	}
	return l.allocSlow(n)
}

// AllocZero is [Allocator.AllocZero].
func (l *Local) AllocZero(n int) ([]byte, error) {
	b, err := l.Alloc(n)
	if n <= mediumMax {
		clear(b[:cap(b)])
	} // Larger ones are zero.
	return b, err
}

// Free is [Allocator.Free].
func (l *Local) Free(b []byte) {
	if uint(cap(b)-1) < smallMax {
		h := &l.current[uint64(classOf(cap(b)))&kindMask]
		off := addrOf(b) - h.base
		idx := uint32(uint64(off) * uint64(h.magic) >> 32)
		if off < groupLen*smallMax && idx < h.objects && idx*h.size == uint32(off) && cap(b) == int(h.size) {
			if bit := uint32(1) << (idx % groupLen); (h.free|uint32(h.word.Load()))&bit == 0 {
				h.free |= bit
				return
			}
			l.a.misuse("Free", b)
		}
	}
	l.mustBeOpen("Free")
	l.a.Free(b)
}

// allocSlow allocates what is not at hand.
func (l *Local) allocSlow(n int) ([]byte, error) {
	l.mustBeOpen("Alloc")
	if n <= 0 || n > smallMax || l.a.watch != nil {
		return l.a.Alloc(n)
	}
	c := classOf(n)
	err := l.refill(c)
	if errors.Is(err, ErrLimit) {
		l.a.relent()
		err = l.refill(c)
	}
	if err != nil {
		return nil, fmt.Errorf("slab: allocate %d bytes from %q: %w", n, l.a.name, err)
	}
	return l.Alloc(n)
}

// refill gets objects of class c to hand: what others have freed into the Local's
// group, or another group.
func (l *Local) refill(c int) error {
	h := &l.current[c]
	h.mustNotHold(h.free & uint32(h.others()))
	for {
		if h.free = h.collect(); h.free != 0 {
			return nil
		}
		l.giveUp(c)
		g, err := l.a.takeGroup(c)
		if err != nil {
			return err
		}
		l.a.setApart(c, g, h)
	}
}

// Trim gives back what the Local has at hand. It can be used as before.
func (l *Local) Trim() {
	l.mustBeOpen("Trim")
	for c := range l.current {
		l.giveUp(c)
	}
}

// Close gives back what the Local has at hand; it must not be used any more. What
// it has handed out stays what it is. [Allocator.Close] closes all that are left.
func (l *Local) Close() {
	l.Trim()
	l.closed = true
	l.a.locals.mu.Lock()
	delete(l.a.locals.open, l)
	l.a.locals.mu.Unlock()
}

// closeLocals closes the Locals that are left.
func (a *Allocator) closeLocals() {
	for l := range a.locals.open {
		l.Close()
	}
}

func (l *Local) mustBeOpen(method string) {
	if l.closed {
		panic(fmt.Sprintf("slab: %s on a Local of %q after Close", method, l.a.name))
	}
}

// takeGroup returns a group of class c that the caller owns then.
func (a *Allocator) takeGroup(c int) (uint32, error) {
	if g := a.popRecent(a.shard(), c); g != 0 {
		return g, nil
	}
	cl := &a.classes[c]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return a.nextLocked(cl, c)
}

// setApart makes an owned group the group of a Local: Owned → Apart. Its free
// objects stay where they are, to be collected.
func (a *Allocator) setApart(c int, g uint32, h *localGroup) {
	gr, k := a.groups.at(g), &kinds[c]
	first := a.spans.at(*a.groups.spanOf(g)).group // Ours, so it stays what it is.
	*h = localGroup{
		word: &gr.word, base: gr.base.Load(), size: k.size, magic: k.magic,
		objects: uint32(bits.OnesCount64(objectsIn(int(k.objects), int(g-first)))),
		number:  g, first: first,
	}
	gr.word.Or(apart)
}

// others returns the group's objects that others have freed.
func (h *localGroup) others() uint64 {
	if h.word == nil {
		return 0
	}
	return h.word.Load() & freeBits
}

// collect takes what others have freed.
func (h *localGroup) collect() uint32 {
	free := h.others()
	if free != 0 {
		h.word.And(^free) // They only add to it meanwhile.
	}
	return uint32(free)
}

// giveUp gives the Local's group of class c back: Apart → Full, or Listed if it has
// free objects.
func (l *Local) giveUp(c int) {
	h := l.current[c]
	if h.word == nil {
		return
	}
	l.current[c] = localGroup{}
	var v, next uint64
	for {
		v = h.word.Load()
		next = (v | uint64(h.free)) &^ (owned | apart)
		if uint32(next) != 0 {
			next |= listed
		}
		if h.word.CompareAndSwap(v, next) {
			break
		}
	}
	if next&listed != 0 {
		l.a.list(c, h.number)
	}
	if next&freeBits == 1<<h.objects-1 {
		l.a.sweep(c, h.first)
	}
	h.mustNotHold(h.free & uint32(v))
}

// mustNotHold panics if there is an object that is at hand and was freed by others.
func (h *localGroup) mustNotHold(twice uint32) {
	if twice != 0 {
		h.free &^= twice // It is in word.
		panic(fmt.Sprintf("slab: object of %d bytes at %#x: freed twice",
			h.size, h.base+uintptr(bits.TrailingZeros32(twice))*uintptr(h.size)))
	}
}
