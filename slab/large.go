package slab

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/pool"
)

// largeReserve is the address space for the first large objects: four of them.
const largeReserve = 64 << 20

// large serves what is above mediumMax from a pool of bands, made when first
// needed. The pool knows its buffers by address and would let them go by any
// slice that begins there; what was handed out, and that nobody else is busy with
// it, we know ourselves.
type large struct {
	mu    sync.Mutex // Also held to make the pool.
	pool  atomic.Pointer[pool.Pool]
	live  map[uintptr]int // length of each object, by address. Protected by mu.
	bytes int             // sum of those. Protected by mu.

	changes, seen int // of live so far, and when trimIdle last looked. Protected by mu.
}

func (l *large) open(a *Allocator) (*pool.Pool, error) {
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	p, err := pool.New(pool.Options{Name: a.name + " large", Reserve: largeReserve, Space: a.space})
	if err != nil {
		return nil, err
	}
	l.live = make(map[uintptr]int)
	l.pool.Store(p)
	return p, nil
}

func (l *large) alloc(a *Allocator, n int) ([]byte, error) {
	if err := a.charge(n); err != nil {
		return nil, err
	}
	p, err := l.open(a)
	var b []byte
	if err == nil {
		b, err = p.Alloc(n)
	}
	if err != nil {
		a.charged.Add(-int64(n))
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
// alone, and panics if it is none, or not retired or not as the caller says.
func (l *large) claim(a *Allocator, method string, b []byte, isRetired bool) *pool.Pool {
	l.mu.Lock()
	if !l.hasLocked(b) || !a.retired.claim(addrOf(b), isRetired) {
		l.mu.Unlock()
		a.misuse(method, b)
	}
	delete(l.live, addrOf(b))
	l.bytes -= cap(b)
	l.changes++
	l.mu.Unlock()
	return l.pool.Load()
}

// hasLocked reports whether b is handed out.
//
// Preconditions: l.mu is held.
func (l *large) hasLocked(b []byte) bool {
	n, ok := l.live[addrOf(b)]
	return ok && n == cap(b)
}

// free gives a large object back, or panics because b is nothing that is in use.
func (l *large) free(a *Allocator, method string, b []byte, isRetired bool) {
	n := cap(b)
	l.claim(a, method, b, isRetired).Free(b)
	a.charged.Add(-int64(n))
	a.idle.arm()
}

// realloc makes a large object n bytes long; it stays large.
func (l *large) realloc(a *Allocator, b []byte, n int) ([]byte, error) {
	p, have := l.claim(a, "Realloc", b, false), cap(b)
	if n <= have {
		b = p.Shrink(b, n)
		a.charged.Add(int64(n - have))
		l.add(b)
		return b, nil
	}
	if err := a.charge(n - have); err != nil {
		l.add(b[:have])
		return nil, err
	}
	got, err := p.Grow(b, n)
	if err != nil {
		a.charged.Add(int64(have - n))
		l.add(b[:have])
		return nil, err
	}
	l.add(got)
	return got, nil
}

// why says why capacity bytes at p, which are in no region, are no object in use.
func (l *large) why(a *Allocator, p uintptr, capacity int) string {
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
	return fmt.Sprintf("not allocated by %q, or free already", a.name)
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
