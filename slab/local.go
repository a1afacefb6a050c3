package slab

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
)

// Local hands out and takes back memory of an [Allocator] for one goroutine at a
// time, in half of the time of [Allocator.Alloc] or less: it has up to four groups of 32 small objects of each
// size class that nobody else takes from, and needs no atomic operations for them. What it hands out is the allocator's, and anyone may free it, through
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
	_ [0]sync.Mutex // go vet finds copies.

	a       *Allocator // Immutable.
	closed  bool
	current [len(kinds)]apartGroup // by class; the length is that of kinds, for the same mask
	more    [len(kinds)]*spares    // groups beside the current one, nil before there were any
}

// spares are groups that were current before. With three, who takes and gives back
// some hundred objects in turn finds them at hand again.
type spares struct {
	groups [3]apartGroup
	next   int // which one makes way for another
}

// locals are the Locals that are not closed.
type locals struct {
	mu   sync.Mutex
	open map[*Local]struct{} // Protected by mu.
}

// NewLocal makes a handle for one goroutine. It takes 7 KB of Go heap, and no
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
		// Nothing is handed out that somebody else says is free, or may be retired.
		if free != 0 && h.word.Load()&(uint64(bit)|marked) == 0 {
			h.free = free &^ bit
			return bytesAt(h.base+uintptr(bits.TrailingZeros32(free))*uintptr(h.size), n, int(h.size)), nil
		}
	}
	return l.allocSlow(n, false)
}

// AllocZero is [Allocator.AllocZero].
func (l *Local) AllocZero(n int) ([]byte, error) {
	if uint(n-1) < smallMax {
		h := &l.current[uint64(classOf(n))&kindMask]
		free := h.free
		bit := free & -free
		if free != 0 && h.word.Load()&(uint64(bit)|marked) == 0 { // As in Alloc.
			h.free = free &^ bit
			b := bytesAt(h.base+uintptr(bits.TrailingZeros32(free))*uintptr(h.size), n, int(h.size))
			if !h.isZero {
				clear(b[:cap(b)])
			}
			return b, nil
		}
	}
	return l.allocSlow(n, true)
}

// Free is [Allocator.Free].
func (l *Local) Free(b []byte) {
	if uint(cap(b)-1) < smallMax {
		h := &l.current[uint64(classOf(cap(b)))&kindMask]
		if bit := h.bitOf(addrOf(b), cap(b)); bit != 0 && (uint64(h.free)|h.word.Load())&(uint64(bit)|marked) == 0 {
			h.keep(bit)
			return
		}
	}
	l.freeSlow(b)
}

// freeSlow frees what is not of a current group, or may be retired.
func (l *Local) freeSlow(b []byte) {
	l.mustBeOpen("Free")
	if uint(cap(b)-1) < smallMax {
		c := classOf(cap(b))
		if bit := l.current[c].bitOf(addrOf(b), cap(b)); bit != 0 {
			l.putBack(&l.current[c], bit, b)
			return
		}
		if m := l.more[c]; m != nil {
			for i := range m.groups {
				h := &m.groups[i]
				if bit := h.bitOf(addrOf(b), cap(b)); bit != 0 {
					l.putBack(h, bit, b)
					// Neighbours are often freed one after the other.
					l.current[c], *h = *h, l.current[c]
					return
				}
			}
		}
	}
	l.a.Free(b)
}

// putBack takes b to hand, which is the object with that bit of a group.
func (l *Local) putBack(h *apartGroup, bit uint32, b []byte) {
	if (h.free|l.a.taken(h))&bit != 0 {
		l.a.misuse("Free", b)
	}
	h.keep(bit)
}

// allocSlow allocates what is not at hand.
func (l *Local) allocSlow(n int, zero bool) ([]byte, error) {
	l.mustBeOpen("Alloc")
	if n <= 0 || n > smallMax || l.a.watch != nil {
		return l.a.allocSlow(n, 1, zero)
	}
	c := classOf(n)
	p, err := l.refill(c, sparse(c, zero))
	if errors.Is(err, ErrLimit) {
		l.a.relent()
		p, err = l.refill(c, sparse(c, zero))
	}
	if err != nil {
		return nil, fmt.Errorf("slab: allocate %d bytes from %q: %w", n, l.a.name, err)
	}
	if p == 0 {
		if zero {
			return l.AllocZero(n)
		}
		return l.Alloc(n)
	}
	b := bytesAt(p, n, int(kinds[c].size))
	if zero {
		clear(b[:cap(b)])
	}
	return b, nil
}

// refill gets objects of class c to hand: what others have freed into the Local's
// group, what is at hand of another one, or another group. Or it gets the address
// of one object.
func (l *Local) refill(c int, sparse bool) (uintptr, error) {
	h := &l.current[c]
	h.mustNotHave(h.free & l.a.taken(h))
	if bit := h.free & -h.free; bit != 0 { // Others of the group are retired.
		h.free &^= bit
		return h.base + uintptr(bits.TrailingZeros32(bit))*uintptr(h.size), nil
	}
	for {
		if h.collect(); h.free != 0 || l.swap(c) {
			return 0, nil
		}
		p, g := l.a.popRecent(l.a.shard(), c)
		if p != 0 {
			return p, nil
		}
		if g == 0 {
			var err error
			if g, err = l.a.nextGroup(c, sparse); err != nil {
				return 0, err
			}
		}
		old := l.setAside(c)
		*h = l.a.setApart(c, g)
		if old.word != nil {
			old.mustNotHave(l.a.giveBack(c, &old))
		}
	}
}

// swap makes a spare group with free objects the current one of class c, and reports
// whether there was any.
func (l *Local) swap(c int) bool {
	m := l.more[c]
	if m == nil {
		return false
	}
	for i := range m.groups {
		h := &m.groups[i]
		if h.free == 0 {
			h.collect()
		}
		if h.free != 0 {
			l.current[c], *h = *h, l.current[c]
			return true
		}
	}
	return false
}

// setAside makes the current group of class c, if there is one, a spare one, and
// returns the one that has been spare longest, which makes way.
func (l *Local) setAside(c int) (old apartGroup) {
	if l.current[c].word == nil {
		return old
	}
	m := l.more[c]
	if m == nil {
		m = new(spares)
		l.more[c] = m
	}
	old = m.groups[m.next]
	m.groups[m.next], l.current[c] = l.current[c], apartGroup{}
	m.next = (m.next + 1) % len(m.groups)
	return old
}

// Trim gives back what the Local has at hand. It can be used as before.
func (l *Local) Trim() {
	l.mustBeOpen("Trim")
	for c := range l.current {
		l.giveUp(c, &l.current[c])
		if m := l.more[c]; m != nil {
			for i := range m.groups {
				l.giveUp(c, &m.groups[i])
			}
		}
	}
}

var _ io.Closer = (*Local)(nil)

// Close gives back what the Local has at hand; it must not be used any more. What
// it has handed out stays what it is, so the error is nil. [Allocator.Close] closes
// all that are left; closing one after that does nothing. Closing twice panics.
func (l *Local) Close() error {
	if l.closed && l.a.closed.Load() {
		return nil
	}
	l.mustBeOpen("Close")
	l.Trim()
	l.closed = true
	l.a.locals.mu.Lock()
	delete(l.a.locals.open, l)
	l.a.locals.mu.Unlock()
	return nil
}

// giveUp gives a group of class c back, if there is one.
func (l *Local) giveUp(c int, g *apartGroup) {
	if h := *g; h.word != nil {
		*g = apartGroup{}
		h.mustNotHave(l.a.giveBack(c, &h))
	}
}

// closeLocals closes the Locals that are left.
func (a *Allocator) closeLocals() {
	for l := range a.locals.open {
		_ = l.Close() // It is nil.
	}
}

func (l *Local) mustBeOpen(method string) {
	if l.closed {
		panic(fmt.Sprintf("slab: %s on a Local of %q after Close", method, l.a.name))
	}
}
