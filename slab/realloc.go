package slab

import "fmt"

// Realloc makes b n bytes long and returns it; b must not be used any more,
// unless there is an error, and then it is as it was. What was in b[:min(len(b),
// n)] is in the result. A small object stays where it is when its class has room
// and is not twice too large; a medium one when it becomes shorter but not small,
// or longer and the pages behind it are free; a large one stays large and is never
// copied: it grows in its band, and beyond that page tables move. Realloc of nil is
// Alloc, Realloc to 0 is Free. Panics as Free does.
func (a *Allocator) Realloc(b []byte, n int) ([]byte, error) { return a.reallocSlow(b, n, false) }

// reallocSlow is Realloc that makes what is beyond the old capacity zero, if so asked.
func (a *Allocator) reallocSlow(b []byte, n int, zero bool) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("slab: Realloc to %d bytes", n))
	}
	a.mustBeOpen("Realloc")
	if cap(b) == 0 {
		return a.allocSlow(n, 1, zero)
	}
	if n == 0 {
		a.Free(b)
		return []byte{}, nil
	}
	var got []byte
	var err error
	if a.watch != nil {
		got, err = a.watch.realloc(a, b, n, zero)
	} else {
		got, err = a.realloc(b, n, zero)
	}
	if err != nil {
		return nil, fmt.Errorf("slab: reallocate %d bytes to %d from %q: %w", len(b), n, a.name, err)
	}
	return got, nil
}

func (a *Allocator) realloc(b []byte, n int, zero bool) ([]byte, error) {
	e, _ := a.look(addrOf(b))
	if e == 0 {
		return a.reallocLarge(b, n)
	}
	a.mustBeObject("Realloc", b)
	switch {
	case n <= cap(b) && (n > cap(b)/2 || cap(b) <= smallest):
		return b[:n], nil
	case e.class() == mediumClass && n > smallMax && n <= mediumMax:
		if got := a.resize(b, n, zero); got != nil {
			return got, nil
		}
	}
	return a.reallocCopy(b, n, zero)
}

// reallocLarge makes a large object n bytes long, or panics because b is none in use.
func (a *Allocator) reallocLarge(b []byte, n int) ([]byte, error) {
	if !a.large.claim(b, false) {
		a.misuse("Realloc", b)
	}
	return a.large.resize(b, n)
}

// smallest is the capacity from which an object that is twice too large is not
// worth moving.
const smallest = 64

// reallocCopy moves b to an object of n bytes.
func (a *Allocator) reallocCopy(b []byte, n int, zero bool) ([]byte, error) {
	to, err := a.allocAny(n, 1, zero)
	if err != nil {
		return nil, err
	}
	done := false
	defer func() {
		if !done { // Somebody has freed b meanwhile.
			a.Free(to)
		}
	}()
	copy(to, b)
	if a.watch != nil {
		a.watch.free(a, b, false)
	} else {
		a.release("Realloc", b)
	}
	done = true
	return to, nil
}
