package slab

import "github.com/growarena/growarena/internal/pageheap"

// watch is what stands between the methods of an allocator and its mechanism in
// debug mode and with a profile.
type watch struct {
	debug   *debug   // nil without. Immutable.
	profile *profile // nil without. Immutable.
}

func newWatch(opts Options) *watch {
	w := new(watch)
	if opts.Debug {
		w.debug = newDebug()
	}
	if opts.Profile > 0 {
		w.profile = newProfile(opts.Profile)
	}
	return w
}

// debugs reports whether the allocator is in debug mode. Of nil it is not.
func (w *watch) debugs() bool { return w != nil && w.debug != nil }

// alloc is Alloc of more than 0 bytes.
func (w *watch) alloc(a *Allocator, n, alignment int, zero bool) (b []byte, err error) {
	if w.debug != nil {
		b, err = w.debug.alloc(a, n, alignment, zero)
	} else {
		b, err = a.allocKind(n, alignment, zero)
	}
	if err == nil && w.profile != nil {
		w.profile.count(a.shard(), addrOf(b), cap(b), cap(b))
	}
	return b, err
}

// free is Allocator.free.
func (w *watch) free(a *Allocator, b []byte, isRetired bool) {
	if cap(b) == 0 {
		return // Whatever begins there.
	}
	if w.profile != nil && w.profile.has(addrOf(b)) {
		if !isRetired {
			a.mustBeObject("Free", b)
		}
		w.profile.forget(addrOf(b))
	}
	if w.debug != nil {
		w.debug.free(a, b, isRetired)
		return
	}
	if isRetired {
		a.releaseSlow("Free", b, true)
		return
	}
	a.release("Free", b)
}

// realloc is Realloc of something to something.
func (w *watch) realloc(a *Allocator, b []byte, n int, zero bool) (got []byte, err error) {
	p, had := addrOf(b), false
	if w.profile != nil && w.profile.has(p) {
		a.mustBeObject("Realloc", b)
		had = w.profile.forget(p) // Now, for soon the address may be another's.
	}
	e, _ := a.look(p)
	if w.debug != nil {
		got, err = w.debug.realloc(a, b, n, zero)
	} else {
		got, err = a.realloc(b, n, zero)
	}
	switch {
	case w.profile == nil:
	case err != nil:
		if had {
			w.profile.note(p, cap(b))
		}
	case e == 0 || addrOf(got) == p: // Otherwise it went through alloc.
		w.profile.recount(a.shard(), addrOf(got), cap(b), cap(got), had)
	}
	return got, err
}

// why says what is known about p that is no object in use, or "".
func (w *watch) why(p uintptr) string {
	if w.debug == nil {
		return ""
	}
	return w.debug.why(p)
}

// begun is told of a new span of small objects.
func (w *watch) begun(start uintptr, n int) {
	if w.debug != nil {
		fill(bytesAt(start, n, n), poison)
	}
}

// holdRun keeps pages that were in use from being used again for a while, if it reports true.
//
// Preconditions: pages is locked.
func (w *watch) holdRun(a *Allocator, r *pageheap.Region, page, n int) bool {
	return w.debug != nil && w.debug.holdRunLocked(a, r, page, n)
}

// drain gives back what debug mode keeps from being used again.
func (w *watch) drain(a *Allocator) {
	if w.debug != nil {
		w.debug.drain(a)
	}
}

// close returns a report of what is still in use, in debug mode.
func (w *watch) close() error {
	if w.profile != nil {
		w.profile.close()
	}
	if w.debug != nil {
		return w.debug.leaks()
	}
	return nil
}

// isLive reports whether addr is in an object in use, as far as debug mode knows.
func (w *watch) isLive(a *Allocator, addr uintptr) bool {
	if w.debug == nil {
		return true
	}
	e, off := a.look(addr)
	if e.class() < mediumClass {
		off %= max(kinds[e.class()].size, 1)
	}
	w.debug.mu.Lock()
	defer w.debug.mu.Unlock()
	_, ok := w.debug.live[addr-uintptr(off)]
	return ok
}
