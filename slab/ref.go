package slab

import (
	"fmt"
	"reflect"
)

// Ref is a link to a T of an allocator, for use in other objects: a place in it
// and not an address, plus one, so that the zero Ref refers to nothing. It holds no
// pointer, so types with Refs may themselves be allocated here. What it refers to
// must be in use; in debug mode using a Ref to what is free panics.
//
// To slices, such as bytes of any length, there is [SliceRef].
type Ref[T any] struct {
	at1 uint64 // region from bit 40 on, and offset, plus 1
}

const refShift = 40

// RefTo returns a Ref to p, which lies in a small or medium object of a: in one of
// NewOf or of a Cache, or an element of a slice up to 1 MiB. It panics if it does
// not. Of nil it is the zero Ref.
func RefTo[T any](a *Allocator, p *T) Ref[T] {
	if p == nil {
		return Ref[T]{}
	}
	addr := addrOfValue(p)
	r, off := a.pages.RegionOf(addr)
	if e, _ := a.look(addr); e == 0 {
		panic(fmt.Sprintf("slab: RefTo of a %v at %#x that is in no small or medium object of %q", reflect.TypeFor[T](), addr, a.name))
	}
	return Ref[T]{uint64(r.Index())<<refShift | uint64(off) + 1}
}

// IsNil reports whether r refers to nothing.
func (r Ref[T]) IsNil() bool { return r.at1 == 0 }

// In returns what r refers to in a, or nil if it refers to nothing. It panics if
// there is nothing in use where that would be, as far as whole spans go.
func (r Ref[T]) In(a *Allocator) *T {
	if r.at1 == 0 {
		return nil
	}
	at := r.at1 - 1
	regions := a.pages.Regions()
	i, off := at>>refShift, uintptr(at&(1<<refShift-1))
	if i < uint64(len(regions)) {
		addr := regions[i].Address(0) + off
		if e, _ := a.look(addr); e != 0 && (a.watch == nil || a.watch.isLive(a, addr)) {
			return valueAt[T](addr)
		}
	}
	panic(fmt.Sprintf("slab: %T to offset %d of region %d: nothing is in use there in %q", r, off, i, a.name))
}
