package addrspace

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/sys"
)

// Quarantine makes all of w inaccessible, so that whoever still has a pointer
// into it faults: → Quarantined. The addresses are nobody's until Release. In
// failure nothing has changed. Quarantining twice is no error.
func (w *Window) Quarantine() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.check("Quarantine")
	if state(w.state.Load()) == quarantined {
		return nil
	}
	s, p := w.space, w.place
	if r := w.dirty(); r.Len() > 0 {
		w.dropPages(0, w.len())
		// One call for all parts, so that it succeeds or fails as a whole.
		if err := s.cover(r); err != nil {
			return fmt.Errorf("addrspace: quarantine window %v: %w", w, err)
		}
		w.setSegs(nil)
		w.mustSettle(w.segs)
		w.rename(0)
	}
	w.state.Store(uint32(quarantined))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Quarantined++
	s.stats.QuarantinedBytes += uint64(p.len())
	return nil
}

// dirty returns the addresses to cover for all of w to be inaccessible: those from the first mapped one to the last.
func (w *Window) dirty() Range {
	if len(w.segs) == 0 {
		return Range{}
	}
	last := w.segs[len(w.segs)-1]
	return Range{w.start + w.segs[0].off, w.start + last.end()}
}

// Release gives w back, to be handed out again by [Space.Reserve]: → None. The
// handle is dead, whatever the result: every use of it panics, a second Release
// too. An error says that the kernel did not take the addresses back; then they
// stay inaccessible and counted (Stats.Stuck), and the next Release or
// [Space.Trim] tries again. The caller need not do anything.
func (w *Window) Release() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.check("Release")
	s, p := w.space, w.place
	dropped := w.dropPages(0, w.len()) // may take long; others reserve meanwhile
	s.mu.Lock()
	defer s.mu.Unlock()
	if state(w.state.Load()) == quarantined {
		s.stats.Quarantined--
		s.stats.QuarantinedBytes -= uint64(p.len())
	}
	w.state.Store(uint32(released))
	p.w.Store(nil)
	s.stats.Windows--
	s.stats.ReservedBytes -= uint64(p.len())
	_ = s.retryLocked(retriesMax) // not this call's; Stats.Stuck tells
	dirty := w.dirty()
	if p.again && dirty.Len() > 0 && !dropped {
		s.anchorLocked(p)
	}
	w.setSegs(nil)
	err := s.letGoLocked(p, dirty)
	s.checkLocked()
	if err != nil {
		return fmt.Errorf("addrspace: release window %v: %w", w, err)
	}
	return nil
}

// retriesMax bounds how many stuck places a Release tries again, or a reservation
// that is about to be refused: what made them stuck is often over when a window can
// be released, and four calls that fail are not felt beside the one that succeeds.
const retriesMax = 4

// letGoLocked moves p, whose window is gone and which may be mapped in dirty:
// live → cached, None, or stuck. Covering the mapped part and keeping the
// window costs the same as unmapping it, and saves the next reservation.
//
// Preconditions: s.mu is held; p is live and has no window.
func (s *Space) letGoLocked(p *place, dirty Range) error {
	if !s.cache.fits(p.len()) || s.mendLocked(p) != nil {
		return s.endLocked(p)
	}
	if dirty.Len() > 0 {
		if s.cover(dirty) != nil {
			return s.endLocked(p) // unmapping all of it needs no VMA
		}
		s.countVMAsLocked(p, 1-p.vmas)
		switch {
		case dirty == p.rng():
			p.vmaName = "" // Whoever reserves it names it, or has no use for a name.
		case p.vmaName != "":
			s.nameLocked(p, p.rng(), p.vmaName)
		}
	}
	p.kind = cached
	s.cache.put(p)
	var err error
	for s.cache.over() {
		err = errors.Join(err, s.evictLocked())
	}
	return err // of others, which are stuck now
}

// endLocked unmaps p: → None, or stuck. A window is unmapped as a whole, which
// needs no VMA to spare because the guards keep it apart from other VMAs.
//
// Preconditions: s.mu is held; p is in the registry and in no other list.
func (s *Space) endLocked(p *place) error {
	err := s.mendLocked(p) // what is in a hole may be somebody else's
	if err == nil {
		err = s.weighLocked(p)
	}
	if err == nil {
		err = sys.Unmap(p.start, p.len())
	}
	if err == nil {
		s.pl.drop(p)
		s.countVMAsLocked(p, -p.vmas)
		return nil
	}
	if errors.Is(err, sys.EINVAL) {
		panic(fmt.Sprintf("addrspace: BUG: munmap %v: %v", p.rng(), err))
	}
	if p.kind == live || p.exposed {
		// At least nobody reads or writes it. This works at vm.max_map_count too,
		// since it cuts no VMA.
		p.exposed = sys.Protect(p.start, p.len(), sys.ProtNone) != nil
	}
	p.kind = stuck
	s.stuck = append(s.stuck, p)
	return err
}

// giveBackLocked unmaps a range of ours that is in no registry yet: → None. If
// the kernel does not take it, it becomes a stuck place: nothing is ever lost.
//
// Preconditions: s.mu is held.
func (s *Space) giveBackLocked(r Range) {
	if r.Len() == 0 || sys.Unmap(r.Start, r.Len()) == nil {
		return
	}
	p := &place{start: r.Start, end: r.End, kind: stuck, vmas: 1}
	s.vmas++
	s.pl.add(p)
	s.stuck = append(s.stuck, p)
}

// evictLocked ends the cached place that has waited longest: cached → None, or
// stuck.
//
// Preconditions: s.mu is held; the cache is not empty.
func (s *Space) evictLocked() error {
	p := s.cache.oldest
	s.cache.remove(p)
	s.stats.Evicted++
	return s.endLocked(p)
}

// makeRoomLocked gives back what is kept only for speed, the cached places, and
// some of what is stuck, when a limit leaves no room for more. It reports whether
// there was anything.
//
// Preconditions: s.mu is held.
func (s *Space) makeRoomLocked() bool {
	any := len(s.stuck) > 0 || s.cache.count > 0
	_ = s.retryLocked(retriesMax) // Whether it has helped shows when the caller tries again.
	_ = s.flushLocked()
	return any
}

// flushLocked ends all cached places.
//
// Preconditions: s.mu is held.
func (s *Space) flushLocked() error {
	var err error
	for s.cache.oldest != nil {
		err = errors.Join(err, s.evictLocked())
	}
	return err
}

// retryLocked tries to end up to n stuck places again, those that have waited
// longest. What still cannot be released goes to the end of the list.
//
// Preconditions: s.mu is held.
func (s *Space) retryLocked(n int) error {
	var errs error
	n = min(n, len(s.stuck))
	again := s.stuck[:n:n]
	s.stuck = s.stuck[n:]
	for _, p := range again {
		s.stats.Retried++
		errs = errors.Join(errs, s.endLocked(p))
	}
	return errs
}

// Trim gives everything back that is kept only for speed, the cached windows,
// and tries again to give back what is stuck. An error says what still is.
func (s *Space) Trim() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready {
		return nil
	}
	retried := s.retryLocked(len(s.stuck))
	err := errors.Join(retried, s.flushLocked())
	s.checkLocked()
	if err != nil {
		return fmt.Errorf("addrspace: trim: %w", err)
	}
	return nil
}
