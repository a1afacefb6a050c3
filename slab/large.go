package slab

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/pool"
)

// largeReserve is the address space for the first large objects: four of them.
const largeReserve = 64 << 20

// large serves what is above mediumMax from a pool of bands, made when first
// needed. The pool knows its buffers by address and would let them go by any
// slice that begins there; what was handed out, and that nobody else is busy with
// it, we know ourselves.
type large struct {
	name    string // Immutable after init, as the next ones.
	space   *addrspace.Space
	budget  *budget
	retired *retired

	mu    sync.Mutex // Also held to make the pool.
	pool  atomic.Pointer[pool.Pool]
	live  map[uintptr]int // length of each object, by address. Protected by mu.
	bytes int             // sum of those. Protected by mu.

	refused atomic.Int64 // times the system refused to take memory back that had been idle

	changes, seen int // of live so far, and when trimIdle last looked. Protected by mu.
}

func (l *large) init(name string, space *addrspace.Space, b *budget, r *retired) {
	l.name, l.space, l.budget, l.retired = name, space, b, r
}

func (l *large) open() (*pool.Pool, error) {
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	p, err := pool.New(pool.Options{Name: l.name + " large", Reserve: largeReserve, Space: l.space})
	if err != nil {
		return nil, err
	}
	census.Attribute(p, "slab", l.name)
	l.live = make(map[uintptr]int)
	l.pool.Store(p)
	return p, nil
}

func (l *large) alloc(n int) ([]byte, error) {
	if err := l.budget.charge(n); err != nil {
		return nil, err
	}
	p, err := l.open()
	var b []byte
	if err == nil {
		b, err = p.Alloc(n)
	}
	if err != nil {
		l.budget.refund(n)
		return nil, err
	}
	l.add(b)
	return b, nil
}

// add notes that b is handed out.
func (l *large) add(b []byte) {
	l.mu.Lock()
	l.live[addrOf(b)] = len(b)
	l.bytes += len(b)
	l.changes++
	l.mu.Unlock()
}

// claim takes b off the objects that are handed out, so that it is the caller's
// alone, and reports false if it is none, or not retired or not as the caller says.
func (l *large) claim(b []byte, isRetired bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.hasLocked(b) || !l.retired.claim(addrOf(b), isRetired) {
		return false
	}
	delete(l.live, addrOf(b))
	l.bytes -= cap(b)
	l.changes++
	return true
}

// retire notes that b is retired, and reports false if it is none that is handed out, or
// is retired already.
func (l *large) retire(b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hasLocked(b) && l.retired.enter(addrOf(b))
}

// inUse reports whether b is handed out and not retired.
func (l *large) inUse(b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hasLocked(b) && !l.retired.has(addrOf(b))
}

// lengthAt returns the length of the object at p, or 0 if there is none.
func (l *large) lengthAt(p uintptr) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.live[p]
}

// counts returns how many objects are handed out, and their bytes.
func (l *large) counts() (objects, bytes int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.live), l.bytes
}

// hasLocked reports whether b is handed out.
//
// Preconditions: l.mu is held.
func (l *large) hasLocked(b []byte) bool {
	n, ok := l.live[addrOf(b)]
	return ok && n == cap(b)
}

// free gives a large object back. It reports false as claim does, and has done nothing
// then.
func (l *large) free(b []byte, isRetired bool) bool {
	if !l.claim(b, isRetired) {
		return false
	}
	n := cap(b)
	l.pool.Load().Free(b)
	l.budget.refund(n)
	return true
}

// resize makes a large object, which the caller has claimed, n bytes long, and hands it
// out again; it stays large.
func (l *large) resize(b []byte, n int) ([]byte, error) {
	p, have := l.pool.Load(), cap(b)
	if n <= have {
		b = p.Shrink(b, n)
		l.budget.refund(have - n)
		l.add(b)
		return b, nil
	}
	if err := l.budget.charge(n - have); err != nil {
		l.add(b[:have])
		return nil, err
	}
	got, err := p.Grow(b, n)
	if errors.Is(err, errors.ErrUnsupported) {
		got, err = copied(p, b, n)
	}
	if err != nil {
		l.budget.refund(n - have)
		l.add(b[:have])
		return nil, err
	}
	l.add(got)
	return got, nil
}

// copied takes a buffer to one of n bytes elsewhere, for systems where nothing moves.
func copied(p *pool.Pool, b []byte, n int) ([]byte, error) {
	to, err := p.Alloc(n)
	if err != nil {
		return nil, err
	}
	copy(to, b)
	p.Free(b)
	return to, nil
}

// why says why some bytes at p, which are in no region, are no object in use.
func (l *large) why(p uintptr) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for start, n := range l.live {
		switch in := p - start; {
		case in == 0:
			return fmt.Sprintf("the object there has a capacity of %d bytes", n)
		case in < uintptr(n):
			return fmt.Sprintf("that is %d bytes inside an object of %d bytes", in, n)
		}
	}
	return fmt.Sprintf("not allocated by %q, or free already", l.name)
}

func (l *large) trim() error {
	if p := l.pool.Load(); p != nil {
		return p.Trim()
	}
	return nil
}

// trimIdle gives the memory of freed objects back if nothing has been allocated or
// freed since it was last called, and reports whether to call it again.
func (l *large) trimIdle() (again bool, err error) {
	l.mu.Lock()
	quiet := l.changes == l.seen
	l.seen = l.changes
	l.mu.Unlock()
	if !quiet {
		return true, nil
	}
	return false, l.trim()
}

// close gives back everything, in use or not.
func (l *large) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pool.Swap(nil); p != nil {
		_ = p.Close() // It counts what is in use, as we have done.
	}
	l.live, l.bytes = nil, 0
}
