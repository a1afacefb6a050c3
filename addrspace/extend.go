package addrspace

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// Extend makes w longer by n bytes, rounded up as by [Space.Reserve],
// where it is: None → Reserved. An error, [ErrNoSpace] if something lies
// behind w, has changed nothing. It panics if n is not positive.
func (w *Window) Extend(n int) error {
	if n <= 0 {
		panic(fmt.Sprintf("addrspace: Extend of window %v by %d bytes", w, n))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkHeld("Extend")
	s := w.space
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.extendLocked(w, uintptr(n)); err != nil {
		s.stats.ExtendsRefused++
		return fmt.Errorf("addrspace: extend window %v by %d bytes: %w", w, n, err)
	}
	s.stats.Extends++
	s.checkLocked()
	return nil
}

// extendLocked makes w longer: None → Reserved behind it. Cached neighbours make
// way, if nothing but them is there. What is known of strangers is believed
// here: being wrong costs the caller a move to another window, and asking a
// system call every time.
//
// Preconditions: w.mu and s.mu are held; w is neither quarantined nor released.
func (s *Space) extendLocked(w *Window, n uintptr) error {
	p := w.place
	n, ok := align.Up(n, w.opts.alignment())
	r := Range{p.end, p.end + n}
	if !ok || int(n) < 0 || r.End < r.Start {
		return ErrNoSpace
	}
	// Not into what lies behind a zone. Windows in no zone are where the kernel
	// put them, and it says itself what is taken.
	if z := s.pl.zoneOf(p.start); z != nil && r.End > z.End {
		return fmt.Errorf("%w: the zone ends at %#x", ErrNoSpace, z.End)
	}
	// The guard behind the new end must be free too.
	near := func(q *place) bool { return q != nil && q.start < r.End+guard }
	for q := p.next; near(q); q = q.next {
		if q.kind != cached {
			return fmt.Errorf("%w: %v is taken", ErrNoSpace, q.rng())
		}
	}
	for q := p.next; near(q); q = p.next {
		s.cache.remove(q)
		if err := s.endLocked(q); err != nil {
			return fmt.Errorf("%w: %v is taken: %w", ErrNoSpace, q.rng(), err)
		}
	}
	// The new part merges with the Reserved end of w, unless w is mapped up to
	// its end: then it is a VMA more.
	vmas := w.segs.vmas(w.len()+n) - p.vmas
	if err := s.budgetLocked(vmas); err != nil {
		return err
	}
	if err := s.addressBudgetLocked(n); err != nil {
		return err
	}
	switch _, err := s.hintLocked(r.Start, n); {
	case err == nil:
	case errors.Is(err, sys.EEXIST):
		return fmt.Errorf("%w: %w: a foreign mapping lies in %v", ErrNoSpace, err, r)
	case errors.Is(err, errors.ErrUnsupported):
		return err
	default:
		return s.refusalLocked(n, err)
	}
	s.pl.extend(p, r.End)
	s.stats.ReservedBytes += uint64(n)
	s.countVMAsLocked(p, vmas)
	w.end.Store(r.End)
	if p.vmaName != "" {
		from, to := w.segs.hole(r.Start-w.start, w.len())
		s.nameLocked(p, Range{w.start + from, w.start + to}, p.vmaName)
	}
	return nil
}
