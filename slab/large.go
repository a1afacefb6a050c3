package slab

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/arena"
)

// large serves what is above mediumMax from a pool of bands, made when first
// needed.
type large struct {
	mu   sync.Mutex // Held to make the pool.
	pool atomic.Pointer[arena.Pool]
}

func (l *large) open(a *Allocator) (*arena.Pool, error) {
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pool.Load(); p != nil {
		return p, nil
	}
	p, err := arena.NewPool(arena.PoolOptions{Name: a.name + " large", Space: a.space})
	if err != nil {
		return nil, err
	}
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
	}
	return b, err
}

// free gives a large object back, or panics because b is nothing that is in use.
func (l *large) free(a *Allocator, b []byte) {
	p := l.pool.Load()
	if p == nil || !p.Owns(b) {
		a.foreign("Free", b)
	}
	n := p.Len(b)
	p.Free(b)
	a.charged.Add(-int64(n))
}

// realloc makes a large object n bytes long; it stays large.
func (l *large) realloc(a *Allocator, b []byte, n int) ([]byte, error) {
	p := l.pool.Load()
	if p == nil || !p.Owns(b) {
		a.foreign("Realloc", b)
	}
	have := p.Len(b)
	if n <= have {
		b = p.Shrink(b, n)
		a.charged.Add(int64(n - have))
		return b, nil
	}
	if err := a.charge(n - have); err != nil {
		return nil, err
	}
	b, err := p.Grow(b, n)
	if err != nil {
		a.charged.Add(int64(have - n))
	}
	return b, err
}

func (l *large) trim() error {
	if p := l.pool.Load(); p != nil {
		return p.Trim()
	}
	return nil
}

func (l *large) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.pool.Swap(nil); p != nil {
		return p.Close()
	}
	return nil
}

// foreign panics because b is in no object that is in use.
func (a *Allocator) foreign(method string, b []byte) {
	p := addrOf(b)
	for _, r := range *a.regions.Load() {
		if p-r.base < uintptr(r.limit*pageSize) {
			panic(fmt.Sprintf("slab: %s of %d bytes at %#x: free already", method, cap(b), p))
		}
	}
	panic(fmt.Sprintf("slab: %s of %d bytes at %#x: not allocated by %q, or free already", method, cap(b), p, a.name))
}

// charge counts n bytes of a large object against the limit.
func (a *Allocator) charge(n int) error {
	now := a.charged.Add(int64(n))
	if a.limit != 0 && now > a.limit {
		a.charged.Add(-int64(n))
		return fmt.Errorf("%w: %d of %d bytes are in use", ErrLimit, now-int64(n), a.limit)
	}
	return nil
}

// Trim gives all free memory back to the system: free pages, and spans that only
// a shard holds on to. What is in use stays where it is.
func (a *Allocator) Trim() error {
	a.mustBeOpen("Trim")
	for c := range classCount {
		a.trimClass(c)
	}
	a.pages.mu.Lock()
	a.decommitLocked(0)
	errs := []error{a.large.trim()}
	for _, r := range *a.regions.Load() {
		errs = append(errs, r.arena.Trim())
	}
	a.pages.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("slab: trim %q: %w", a.name, err)
	}
	return nil
}

// trimClass ends the spans of a class of which nothing is in use.
func (a *Allocator) trimClass(c int) {
	cl := &a.classes[c]
	cl.mu.Lock()
	defer cl.mu.Unlock()
	for i := range a.shards {
		if g := a.shards[i].current[c].Swap(0); g != 0 {
			a.leaveLocked(cl, g)
		}
	}
	// Of the list only what is true stays, once.
	list := cl.list
	cl.list = nil
	seen := make(map[uint32]bool, len(list))
	for _, g := range list {
		v := a.groups.word(g).Load()
		if v&listed == 0 || v>>classShift != uint64(c+1) || seen[g] {
			continue
		}
		seen[g] = true
		chunk, i := a.groups.at(g)
		if sp := a.find(chunk.base[i]); sp != nil && a.sweepLocked(cl, c, sp) {
			continue
		}
		cl.list = append(cl.list, g)
	}
}

// Close gives everything back, also what is in use: an error says how much that
// was, and its memory is gone all the same. The allocator must not be used any
// more. Not safe for concurrent use.
func (a *Allocator) Close() error {
	a.mustBeOpen("Close")
	s := a.Stats()
	a.closed.Store(true)
	for i := range a.shards {
		for c := range classCount {
			a.shards[i].current[c].Store(0)
		}
	}
	regions := *a.regions.Swap(new([]*region))
	var errs []error
	for _, r := range regions {
		errs = append(errs, r.arena.Free())
	}
	live := s.Objects
	if err := a.large.close(); err != nil && s.LargeObjects == 0 {
		errs = append(errs, err)
	}
	if live > 0 {
		errs = append(errs, fmt.Errorf("%d objects of %d bytes are in use", live, s.Live))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("slab: close %q: %w", a.name, err)
	}
	return nil
}
