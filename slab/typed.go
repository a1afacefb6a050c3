package slab

import (
	"fmt"
	"math"
	"reflect"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/pointerfree"
)

// NewOf returns a zeroed T, to be given back with [Delete]. It panics if T
// contains pointers, which the garbage collector would not see there. An error is
// that of [Allocator.Alloc].
func NewOf[T any](a *Allocator) (*T, error) {
	mustBePointerFree[T]()
	return newOf[T](a)
}

func newOf[T any](a *Allocator) (*T, error) {
	n := sizeOf[T]()
	if n == 0 {
		return new(T), nil // No memory at all, here as there.
	}
	if n > fineMax { // It may be zero already.
		b, err := a.AllocZero(n)
		if err != nil {
			return nil, err
		}
		return first[T](b), nil
	}
	b, err := a.Alloc(n)
	if err != nil {
		return nil, err
	}
	p := first[T](b)
	var zero T
	*p = zero
	return p, nil
}

// Delete gives back what NewOf has returned. It panics as Free does. Of nil it
// does nothing.
func Delete[T any](a *Allocator, p *T) {
	if n := sizeOf[T](); n > 0 && p != nil {
		a.Free(objectOf(a, p, n))
	}
}

// objectOf returns the object that begins at p and was allocated with n bytes.
func objectOf[T any](a *Allocator, p *T, n int) []byte {
	addr := addrOfValue(p)
	if e, _ := a.look(addr); e == 0 {
		return bytesAt(addr, n, n) // Large, and that also when it has become shorter.
	}
	return bytesAt(addr, n, a.capacityFor(n))
}

// capacityFor returns the capacity of an object that n bytes were asked for.
func (a *Allocator) capacityFor(n int) int {
	switch {
	case a.watch.debugs(), n > mediumMax:
		return n
	case n > smallMax:
		return (n + pageSize - 1) / pageSize * pageSize
	}
	return int(classSize[classOf(n)])
}

// MakeSlice returns n zeroed T, to be given back with [FreeSlice]. The capacity is
// what there is room for. Panics if T contains pointers or n is negative. An error
// is that of [Allocator.Alloc].
func MakeSlice[T any](a *Allocator, n int) ([]T, error) {
	mustBePointerFree[T]()
	size := sizeOf[T]()
	if n < 0 {
		panic(fmt.Sprintf("slab: MakeSlice of %d %v", n, reflect.TypeFor[T]()))
	}
	if size == 0 {
		return make([]T, n), nil
	}
	if n > math.MaxInt/size {
		return nil, tooMany[T](a, n)
	}
	b, err := a.AllocZero(n * size)
	if err != nil {
		return nil, err
	}
	return valuesIn[T](b, n), nil
}

// GrowSlice returns s with length n: more T are zero, fewer are gone. It is
// [Allocator.Realloc]: a large slice is never copied, and s must not be used any
// more unless there is an error. Panics as FreeSlice does, and if n is negative.
func GrowSlice[T any](a *Allocator, s []T, n int) ([]T, error) {
	if cap(s) == 0 {
		return MakeSlice[T](a, n)
	}
	size := sizeOf[T]()
	if n < 0 {
		panic(fmt.Sprintf("slab: GrowSlice to %d %v", n, reflect.TypeFor[T]()))
	}
	if size == 0 {
		return make([]T, n), nil
	}
	if n > math.MaxInt/size {
		return nil, tooMany[T](a, n)
	}
	old := len(s)
	b, err := a.reallocSlow(objectOf(a, &s[:1][0], cap(s)*size)[:old*size], n*size, true)
	if err != nil {
		return nil, err
	}
	got := valuesIn[T](b, n)
	// What is beyond the old capacity is zero; a T may lie across its end.
	if fresh := min(n, cap(s)+1); fresh > old {
		clear(got[old:fresh])
	}
	return got, nil
}

// FreeSlice gives back what MakeSlice or GrowSlice has returned, resliced to
// whatever length. It panics as Free does. Of a slice of capacity 0 it does
// nothing.
func FreeSlice[T any](a *Allocator, s []T) {
	if n := cap(s) * sizeOf[T](); n > 0 {
		a.Free(objectOf(a, &s[:1][0], n))
	}
}

// tooMany returns the error for n T that no memory could hold.
func tooMany[T any](a *Allocator, n int) error {
	return fmt.Errorf("slab: allocate %d %v from %q: %w", n, reflect.TypeFor[T](), a.name, addrspace.ErrNoSpace)
}

func mustBePointerFree[T any]() {
	if path := pointerfree.Pointer[T](); path != "" {
		panic(fmt.Sprintf("slab: %v contains a pointer (%s): the garbage collector does not look there; store a Ref instead",
			reflect.TypeFor[T](), path))
	}
}

// Cache hands out T of an allocator, as NewOf and Delete do, but has looked at T
// once for all. It may be used concurrently, and is freed by forgetting it.
type Cache[T any] struct {
	a *Allocator // Immutable.
}

// NewCache returns a cache of T. It panics if T contains pointers.
func NewCache[T any](a *Allocator) *Cache[T] {
	mustBePointerFree[T]()
	return &Cache[T]{a}
}

// Get returns a zeroed T. An error is that of [Allocator.Alloc].
func (c *Cache[T]) Get() (*T, error) { return newOf[T](c.a) }

// Put gives back what Get has returned. It panics as Free does.
func (c *Cache[T]) Put(p *T) { Delete(c.a, p) }

// Allocator returns the allocator the T come from: what a [Ref] needs.
func (c *Cache[T]) Allocator() *Allocator { return c.a }
