package slab

import (
	"fmt"
	"reflect"
)

// SliceRef is a link to a slice of T, with its length: a handle of 16 bytes without a
// pointer, in which a map or another object can hold what Alloc or MakeSlice has returned.
// SliceRef[byte] is one to bytes, such as a key or an entry of a cache. The zero SliceRef
// refers to nothing. What it refers to must be in use, and neither freed nor reallocated
// since; in debug mode using a SliceRef to what is free panics.
type SliceRef[T any] struct {
	at1 uint64 // as in Ref; a medium object's pages from bit 48 on; or largeRef and an address
	n   int    // length
}

const (
	largeRef      = 1 << 63
	refPagesShift = 48
	refPagesMask  = 1<<8 - 1 // mediumMax has half as many pages.
	refOffMask    = 1<<refShift - 1
	refIndexMask  = 1<<(refPagesShift-refShift) - 1
)

// SliceRefTo returns a SliceRef to s, which is all of an object of a, but may have been
// resliced to a shorter length: what Alloc, MakeSlice, Realloc or GrowSlice returned. It
// panics if s is something else. Of an empty slice without capacity it is one that refers
// to nothing.
func SliceRefTo[T any](a *Allocator, s []T) SliceRef[T] {
	size := sizeOf[T]()
	if cap(s) == 0 || size == 0 {
		return SliceRef[T]{n: len(s)}
	}
	p := addrOfValue(&s[:1][0])
	debug := a.watch.debugs()
	n := a.capacityAt(p)
	if n == 0 || n/size != cap(s) || !debug && !a.inUse(bytesAt(p, n, n)) {
		a.mustBeOpen("SliceRefTo")
		panic(fmt.Sprintf("slab: SliceRefTo of %d %v at %#x in %q: %s", cap(s), reflect.TypeFor[T](), p, a.name, a.why(p, cap(s)*size)))
	}
	r, off := a.pages.RegionOf(p)
	if r == nil {
		return SliceRef[T]{largeRef | uint64(p), len(s)}
	}
	at := uint64(r.Index())<<refShift | uint64(off)
	if e, _ := a.look(p); e.class() == mediumClass && !debug {
		at |= uint64(n/pageSize) << refPagesShift
	}
	return SliceRef[T]{at + 1, len(s)}
}

// IsNil reports whether r refers to nothing.
func (r SliceRef[T]) IsNil() bool { return r.at1 == 0 }

// Len returns the length of what r refers to.
func (r SliceRef[T]) Len() int { return r.n }

// In returns the slice that r refers to in a, to be read, written and freed like the one
// that SliceRefTo was called with, or nil if it refers to nothing. It panics if nothing
// that long is in use where it would be, as far as whole spans go. For objects above 1 MiB
// it takes a lock.
func (r SliceRef[T]) In(a *Allocator) []T {
	size := sizeOf[T]()
	if r.at1 == 0 {
		if size == 0 && r.n > 0 {
			return make([]T, r.n)
		}
		return nil
	}
	p, capacity := a.resolve(r.at1)
	if capacity < max(r.n*size, 1) {
		panic(fmt.Sprintf("slab: %T of length %d to %#x: nothing that long is in use there in %q", r, r.n, r.at1-1, a.name))
	}
	return valuesAt[T](p, r.n, capacity/size)
}

// resolve returns where the object is that a SliceRef refers to, and its capacity in
// bytes, 0 if there is none.
func (a *Allocator) resolve(at1 uint64) (p uintptr, capacity int) {
	if at1&largeRef != 0 {
		p = uintptr(at1 &^ largeRef)
		if a.watch.debugs() {
			return p, a.capacityAt(p)
		}
		return p, a.large.lengthAt(p)
	}
	at, regions := at1-1, a.pages.Regions()
	i := int(at >> refShift & refIndexMask)
	if i >= len(regions) {
		return 0, 0
	}
	p = regions[i].Address(0) + uintptr(at&refOffMask)
	if a.watch.debugs() {
		return p, a.capacityAt(p)
	}
	e, off := a.look(p)
	k := &kinds[e.class()&kindMask]
	switch {
	case e == 0:
		return p, 0
	case e.class() == mediumClass:
		return p, int(at>>refPagesShift&refPagesMask) * pageSize
	case uint32(uint64(off)*uint64(k.magic)>>32)*k.size != off:
		return p, 0 // A span of another class is there now.
	}
	return p, int(k.size)
}
