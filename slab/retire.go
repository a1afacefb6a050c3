package slab

import (
	"errors"
	"fmt"
	"sync"

	"github.com/growarena/growarena/epoch"
)

// errNoDomain is what Retire says without Options.Domain.
var errNoDomain = errors.New("slab: Retire needs Options.Domain")

// retired knows the objects that wait for guards, so that retiring one twice is
// found out by whoever does it, not by the goroutine that frees.
type retired struct {
	mu   sync.Mutex
	objs map[uintptr]struct{} // by address. Protected by mu.
}

// waiting returns how many objects wait for guards, after freeing those that do
// not.
func (r *retired) waiting(d *epoch.Domain) int {
	if d == nil {
		return 0
	}
	if r.len() > 0 {
		d.TryReclaim()
	}
	return r.len()
}

func (r *retired) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.objs)
}

// add reports false if p is there already.
func (r *retired) add(p uintptr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.objs == nil {
		r.objs = make(map[uintptr]struct{})
	}
	if _, twice := r.objs[p]; twice {
		return false
	}
	r.objs[p] = struct{}{}
	return true
}

func (r *retired) remove(p uintptr) {
	r.mu.Lock()
	delete(r.objs, p)
	r.mu.Unlock()
}

// Retire frees b when no guard that is pinned now is left: for objects that
// readers find by following links and may still be looking at after they were
// unlinked. An error is the domain's (its limit is reached, or it is closed), and
// b is still allocated. Panics without Options.Domain, and as Free does.
func (a *Allocator) Retire(b []byte) error {
	if a.domain == nil {
		panic(errNoDomain)
	}
	if cap(b) == 0 {
		return nil
	}
	p := addrOf(b)
	if a.watch != nil && a.watch.debug != nil {
		a.watch.debug.mustBeObject(a, "Retire", b)
	} else {
		a.mustBeObject("Retire", b)
	}
	if !a.retired.add(p) {
		panic(fmt.Sprintf("slab: Retire of %d bytes at %#x: retired already", cap(b), p))
	}
	err := a.domain.Retire(epoch.Retired{Bytes: int64(cap(b)), Free: func() {
		// First, for the address may be somebody else's once it is free.
		a.retired.remove(p)
		a.Free(b)
	}})
	if err != nil {
		a.retired.remove(p)
		return fmt.Errorf("slab: retire %d bytes of %q: %w", cap(b), a.name, err)
	}
	return nil
}
