package slab

import (
	"fmt"
	"slices"
	"sync"
)

const (
	// poison fills free objects: no valid UTF-8, no small number, and as an address
	// one that nothing can be at.
	poison = 0xdb

	// canary fills what is between the end of an object and the end of its place,
	// canaryMin bytes at least.
	canary    = 0xca
	canaryMin = 8
)

// debug is what debug mode knows: every object in use, and the last that were
// freed. It is one lock and maps; debug mode is slow.
//
// Objects have no spare capacity in debug mode, and canaries behind. A freed
// small object is poisoned and kept from being used again for a while; when that
// is over, and when it is used again, the poison must still be there. Pages of
// spans that have ended, and large objects, become inaccessible for a while.
type debug struct {
	mu    sync.Mutex
	live  map[uintptr]record   // by address. Protected by mu.
	freed map[uintptr]record   // those in queue. Protected by mu.
	queue []uintptr            // freed objects that are kept, the oldest first. Protected by mu.
	kept  int                  // bytes of those that keep memory. Protected by mu.
	moved map[uintptr][][]byte // where a large object was before it moved: it is there until it is freed. Protected by mu.
	runs  []heldRun            // pages that are kept, the oldest first. Protected by pages.
}

// record is what is known of an object.
type record struct {
	n         int // bytes asked for: the capacity the user sees
	place     int // bytes of its place; large: of the object
	kind      kindOf
	isRetired bool
	allocated stack
	released  stack // by who freed or retired it
}

// kindOf is the kind of an object: small, medium or large.
type kindOf uint8

const (
	small kindOf = iota
	medium
	huge
)

// kindFor returns the kind of an object of n bytes.
func kindFor(n int) kindOf {
	switch {
	case n <= smallMax:
		return small
	case n <= mediumMax:
		return medium
	}
	return huge
}

// The bounds of what is kept from being used again: objects and their memory; and
// runs of pages, each of which can cost two VMAs.
const (
	queueMax     = 256
	queueKeptMax = 16 << 20
	runsMax      = 64
)

func newDebug() *debug {
	return &debug{live: make(map[uintptr]record), freed: make(map[uintptr]record), moved: make(map[uintptr][][]byte)}
}

// alloc is Alloc of n > 0 bytes.
func (d *debug) alloc(a *Allocator, n, alignment int, zero bool) ([]byte, error) {
	room := n + canaryMin
	if room < n {
		room = n // No memory is that large: the error is theirs to make.
	}
	b, err := a.allocKind(room, alignment, false)
	if err != nil {
		return nil, err
	}
	whole := b[:cap(b)]
	r := record{n: n, place: len(whole), kind: kindFor(max(room, alignment)), allocated: callers()}
	if r.kind == small {
		mustBePoisoned(a, "Alloc", whole, record{})
	}
	if zero && r.kind != huge {
		clear(whole[:n])
	}
	fill(whole[n:], canary)
	d.mu.Lock()
	d.live[addrOf(b)] = r
	delete(d.freed, addrOf(b)) // A medium one, of which only the record is kept.
	d.mu.Unlock()
	return whole[:n:n], nil
}

// findLocked returns what is known of b, and panics if b is no object in use, is not
// retired or not as the caller says, or if somebody wrote behind its end.
//
// Preconditions: d.mu is held; if it panics, it is not any more.
func (d *debug) findLocked(a *Allocator, method string, b []byte, isRetired bool) record {
	p := addrOf(b)
	r, ok := d.live[p]
	switch {
	case !ok || r.n == cap(b) && r.isRetired != isRetired:
		d.mu.Unlock()
		a.misuse(method, b)
	case r.n != cap(b):
		d.mu.Unlock()
		panic(fmt.Sprintf("slab: %s of a slice of capacity %d at %#x in %q: the object there has %d bytes, allocated by%v",
			method, cap(b), p, a.name, r.n, r.allocated))
	}
	whole := bytesAt(p, r.place, r.place)
	if i := slices.IndexFunc(whole[r.n:], func(c byte) bool { return c != canary }); i >= 0 {
		d.mu.Unlock()
		by := fmt.Sprintf(", allocated by%v", r.allocated)
		if isRetired {
			by += fmt.Sprintf("\nretired by%v", r.released)
		}
		panic(fmt.Sprintf("slab: %s of %d bytes at %#x in %q: %#x was written %d bytes behind its end%s",
			method, r.n, p, a.name, whole[r.n+i], i, by))
	}
	return r
}

// claim takes b off the objects in use, so that it is the caller's alone, or panics as
// findLocked does.
func (d *debug) claim(a *Allocator, method string, b []byte, isRetired bool) record {
	d.mu.Lock()
	r := d.findLocked(a, method, b, isRetired)
	delete(d.live, addrOf(b))
	d.mu.Unlock()
	return r
}

// retire notes that b is retired, or panics as findLocked does.
func (d *debug) retire(a *Allocator, b []byte) {
	by := callers()
	d.mu.Lock()
	r := d.findLocked(a, "Retire", b, false)
	r.isRetired, r.released = true, by
	d.live[addrOf(b)] = r
	d.mu.Unlock()
}

// unretire ends that b is retired.
func (d *debug) unretire(b []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.live[addrOf(b)]
	r.isRetired, r.released = false, stack{}
	d.live[addrOf(b)] = r
}

// mustBeObject panics unless b is in use, and not retired.
func (d *debug) mustBeObject(a *Allocator, method string, b []byte) {
	d.mu.Lock()
	r, ok := d.live[addrOf(b)]
	d.mu.Unlock()
	if !ok || r.n != cap(b) || r.isRetired {
		a.misuse(method, b)
	}
}

// free is Free: the object is kept, and others that have been kept long enough
// are given back.
func (d *debug) free(a *Allocator, b []byte, isRetired bool) {
	a.mustBeOpen("Free")
	r := d.claim(a, "Free", b, isRetired)
	if !isRetired {
		r.released = callers()
	}
	d.keep(a, b, r)
}

// keep keeps an object that is freed, and gives others back.
//
// Preconditions: b is claimed; r is what is known of it.
func (d *debug) keep(a *Allocator, b []byte, r record) {
	p := addrOf(b)
	whole := bytesAt(p, r.place, r.place)
	switch r.kind {
	case small:
		fill(whole, poison)
	case medium:
		a.release("Free", whole) // Its pages are held; see holdRunLocked.
	case huge:
		if !a.large.hide(whole, d.earlier(p)) {
			a.misuse("Free", b)
		}
	}
	d.mu.Lock()
	d.freed[p] = r
	d.queue = append(d.queue, p)
	d.kept += r.kept()
	d.mu.Unlock()
	d.shorten(a, queueMax, queueKeptMax)
}

// kept returns how many bytes of memory it takes while it is in the queue.
func (r *record) kept() int {
	if r.kind == small {
		return r.place
	}
	return 0
}

// shorten gives back kept objects until there are at most so many, of at most so
// many bytes.
func (d *debug) shorten(a *Allocator, objects, bytes int) {
	for {
		d.mu.Lock()
		if len(d.queue) == 0 || len(d.queue) <= objects && d.kept <= bytes {
			d.mu.Unlock()
			return
		}
		p := d.queue[0]
		d.queue = d.queue[1:]
		r, ok := d.freed[p]
		delete(d.freed, p)
		d.kept -= r.kept()
		d.mu.Unlock()
		whole := bytesAt(p, r.place, r.place)
		switch {
		case !ok || r.kind == medium: // Only the record was kept, if at all.
		case r.kind == small:
			mustBePoisoned(a, "Free", whole, r)
			a.release("Free", whole)
		case r.kind == huge:
			a.large.show(whole, d.forget(p))
		}
	}
}

// realloc is Realloc. What is small or medium always moves, to find stale slices;
// what is large grows as ever.
func (d *debug) realloc(a *Allocator, b []byte, n int, zero bool) ([]byte, error) {
	// From here on b is ours: who frees it meanwhile panics, and its pages stay.
	r := d.claim(a, "Realloc", b, false)
	if r.kind != huge || n+canaryMin < n {
		to, err := a.allocAny(n, 1, zero)
		if err != nil {
			d.mu.Lock()
			d.live[addrOf(b)] = r
			d.mu.Unlock()
			return nil, err
		}
		copy(to, b)
		r.released = callers()
		d.keep(a, b, r)
		return to, nil
	}
	whole := bytesAt(addrOf(b), r.place, r.place)
	clear(whole[r.n:]) // What grows over it reads as zero.
	got, err := a.reallocLarge(whole, n+canaryMin)
	if err == nil {
		if addrOf(got) != addrOf(whole) {
			d.move(whole, addrOf(got))
		}
		whole = got[:len(got):len(got)]
		r.n, r.place, r.allocated = n, len(got), callers()
	}
	fill(whole[r.n:], canary)
	d.mu.Lock()
	d.live[addrOf(whole)] = r
	d.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return whole[:n:n], nil
}
