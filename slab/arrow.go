package slab

import (
	"fmt"

	"github.com/growarena/growarena/internal/align"
)

// ArrowOptions say how to make an [Arrow]. The zero value works.
type ArrowOptions struct {
	// Alignment of every allocation, a power of two from 64 to 4096. 0 means 64,
	// what the Arrow format recommends; 4096 makes buffers fit for direct I/O.
	Alignment int
}

// Arrow has the methods of arrow-go's memory.Allocator, over an [Allocator]:
// aligned memory that is zero, and a Reallocate that does not copy what is large.
// Allocations of both can be mixed. Safe for concurrent use.
//
// It suits whatever has the shape of calloc and free: a slice is known by where it
// begins, whatever has become of its length and capacity.
//
// Where there is no memory the methods panic, for want of another way to say it,
// with the error that [Allocator.Alloc] would return.
type Arrow struct {
	allocator *Allocator // Immutable.
	alignment int        // Immutable.
}

const arrowAlignment = 64

// NewArrow makes an Arrow that allocates from a. Panics if the alignment is not
// one of those it can be.
func NewArrow(a *Allocator, opts ArrowOptions) *Arrow {
	if opts.Alignment == 0 {
		opts.Alignment = arrowAlignment
	}
	if n := opts.Alignment; !align.IsPow2(n) || n < arrowAlignment || n > alignmentMax {
		panic(fmt.Sprintf("slab: make Arrow of %q: Alignment is %d, want a power of two from %d to %d", a.name, n, arrowAlignment, alignmentMax))
	}
	return &Arrow{allocator: a, alignment: opts.Alignment}
}

// Allocate returns size bytes that are zero, up to the capacity. Size 0 gives an
// empty slice that need not be freed. Panics if size is negative.
func (r *Arrow) Allocate(size int) []byte {
	b, err := r.allocator.allocSlow(size, r.alignment, true)
	if err != nil {
		panic(err)
	}
	return b
}

// Reallocate makes b size bytes long and returns it; b must not be used any more.
// Within the capacity b stays where it is, and what comes back into its length is
// as it was. Beyond, what is new is zero, and nothing large is copied. b may be nil
// or empty. Panics if size is negative, and as [Allocator.Free] does if nothing in use
// begins where b does; after a panic b is as it was.
func (r *Arrow) Reallocate(size int, b []byte) []byte {
	switch {
	case size < 0:
		panic(fmt.Sprintf("slab: Reallocate to %d bytes", size))
	case cap(b) == 0:
		return r.Allocate(size)
	}
	old := r.allocator.whole(b)
	r.allocator.mustBeObject("Reallocate", old)
	switch {
	case size <= cap(b):
		return b[:size]
	case size <= smallMax:
		return r.move(b, size)
	}
	// What is not small begins at a page, so it is aligned.
	to, err := r.allocator.reallocSlow(old, size, true)
	if err != nil {
		panic(err)
	}
	clear(to[len(b):min(cap(old), cap(to))])
	return to
}

// move moves b to an object of size bytes.
func (r *Arrow) move(b []byte, size int) []byte {
	to := r.Allocate(size)
	unused := to
	defer func() { r.Free(unused) }()
	copy(to, b)
	r.Free(b) // If that panics nobody gets to.
	unused = nil
	return to
}

// Free gives back what begins where b does. It does nothing if b is nil or has no
// capacity, and panics as [Allocator.Free] does if nothing in use begins there.
func (r *Arrow) Free(b []byte) { r.allocator.Free(r.allocator.whole(b)) }

// whole returns b with the capacity of the object that begins where b does, or as
// it is if there is none: whoever gets it finds out.
func (a *Allocator) whole(b []byte) []byte {
	if cap(b) == 0 {
		return nil
	}
	if n := a.capacityAt(addrOf(b)); n >= len(b) {
		return bytesAt(addrOf(b), len(b), n)
	}
	return b
}

// capacityAt returns the capacity of the object in use at p, or 0 if there is
// none; where p is inside an object, any number.
func (a *Allocator) capacityAt(p uintptr) int {
	if w := a.watch; w.debugs() {
		w.debug.mu.Lock()
		defer w.debug.mu.Unlock()
		return w.debug.live[p].n
	}
	e, _ := a.look(p)
	switch {
	case e == 0:
		return a.large.lengthAt(p)
	case e.class() == mediumClass:
		a.pages.Lock()
		defer a.pages.Unlock()
		return int(a.spans.at(e.number()).pages) * pageSize
	}
	return int(kinds[e.class()&kindMask].size)
}
