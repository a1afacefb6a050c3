package addrspace

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// triesMax bounds the hints per reservation at which the kernel says EEXIST,
	// searchAfter is the number after which the tightest gap of the registry
	// is asked for: by then the foreign ranges around are known.
	triesMax    = 32
	searchAfter = 4

	// blindMax is how often EEXIST may be answered for addresses where the
	// kernel's own list shows nothing (kernels before 4.17 that moved the hint,
	// emulators) before the kernel is asked to choose.
	blindMax = 4
)

// Reserve takes a window of size bytes, rounded up to a multiple of
// [Alignment], or of Align: None → Reserved. Nothing can be read or written in it before
// [Window.MapFile]. An error wraps [ErrNoSpace] and says which limit was met, or
// errors.ErrUnsupported where windows do not exist. It panics if size or Min is
// not positive, Min exceeds size, Align is no power of two, or MapFlags or Advice has what
// is not accepted.
func (s *Space) Reserve(size int, o ReserveOptions) (*Window, error) {
	if size <= 0 || o.Min < 0 || o.Min > size {
		panic(fmt.Sprintf("addrspace: Reserve of %d bytes, at least %d", size, o.Min))
	}
	o.check(size)
	to := o.alignment()
	n, ok := align.Up(uintptr(size), to)
	if !ok || int(n) < 0 {
		return nil, fmt.Errorf("addrspace: reserve %d bytes: %w: no address has that many bits", size, ErrNoSpace)
	}
	least := n
	if o.Min > 0 {
		least, _ = align.Up(uintptr(o.Min), to)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.initLocked()
	// Each turn tries half of the last size, where Min allows. Not for the number
	// of mappings: a smaller window is one as well.
	for {
		p, err := s.reserveLocked(n, o)
		if err == nil {
			return s.openLocked(p, o), nil
		}
		if n == least || !errors.Is(err, ErrNoSpace) || errors.Is(err, errTooMany) {
			s.stats.Refused++
			return nil, fmt.Errorf("addrspace: reserve %d bytes: %w", size, err)
		}
		n = max(align.Down(n/2, to), least)
	}
}

// openLocked puts a window on p, which was just taken or recycled. The handle is
// always a new one, so that old ones of the same place stay dead.
//
// Preconditions: s.mu is held; p is live and all of it is Reserved.
func (s *Space) openLocked(p *place, o ReserveOptions) *Window {
	if p.vmaName != o.Name && !o.MapAll {
		s.nameLocked(p, p.rng(), o.Name)
	}
	w := newWindow(s, p, o)
	s.stats.Windows++
	s.stats.ReservedBytes += uint64(p.len())
	p.w.Store(w)
	s.checkLocked()
	return w
}

// nameLocked names the Reserved part r of p in /proc/self/maps. Names are advice:
// a failure is counted and otherwise ignored.
//
// Preconditions: s.mu is held.
func (s *Space) nameLocked(p *place, r Range, name string) {
	if s.nameless {
		return
	}
	if err := sys.Name(r.Start, r.Len(), vmaPrefix+name); err != nil {
		// Only the maps file loses by it. EINVAL: a kernel without names.
		s.nameless = errors.Is(err, sys.EINVAL)
		s.stats.AdviceIgnored++
		return
	}
	p.vmaName = name
}

// vmaPrefix is before the names of windows in /proc/self/maps.
const vmaPrefix = "growarena: "

// reserveLocked finds a place for n bytes and takes it: cached → live, or
// None → live. It asks, in this order:
//
//  1. the cache, which costs nothing;
//  2. the placer for a hint, and the kernel whether it agrees. EEXIST is
//     a stranger, who is learned and avoided next time. After some of
//     these the placer looks at all gaps instead of guessing;
//  3. where no gap is left: the same after giving the cached windows back, and
//     after learning the strangers anew, of whom some may have gone;
//  4. the kernel for any place at all.
//
// Preconditions: s.mu is held; n is a multiple of Alignment.
func (s *Space) reserveLocked(n uintptr, o ReserveOptions) (*place, error) {
	if p := s.recycleLocked(n, o); p != nil {
		return p, nil
	}
	if err := s.budgetLocked(1); err != nil {
		return nil, err
	}
	if err := s.addressBudgetLocked(n); err != nil {
		return nil, err
	}
	if len(s.pl.zones) == 0 {
		return s.reserveAnywhereLocked(n, o)
	}
	var flushed, relearned bool
	for try, blind := 0, 0; try < triesMax && blind < blindMax; try++ {
		addr, ok := s.pl.place(n, o.alignment(), o.Compact, try >= searchAfter)
		if !ok {
			switch {
			case !flushed:
				flushed = true
				s.makeRoomLocked()
			case !relearned:
				relearned = true
				s.relearnLocked()
			default:
				return s.reserveAnywhereLocked(n, o)
			}
			continue
		}
		learned, err := s.hintLocked(addr, n)
		switch {
		case err == nil:
			return s.takeLocked(addr, n, o.Compact), nil
		case errors.Is(err, sys.EEXIST):
			if !learned {
				blind++
			}
		case errors.Is(err, errors.ErrUnsupported):
			return nil, err
		default:
			return s.reserveAnywhereLocked(n, o)
		}
	}
	return s.reserveAnywhereLocked(n, o)
}

// hintLocked takes a place that the registry says is free: it asks the kernel for [addr, addr+n), once more without the cached
// windows if a limit refuses it, and learns who is there if somebody is.
func (s *Space) hintLocked(addr, n uintptr) (learned bool, err error) {
	s.stats.Hints++
	_, err = sys.Reserve(addr, n)
	if sys.IsLimit(err) && s.makeRoomLocked() {
		_, err = sys.Reserve(addr, n)
	}
	if errors.Is(err, sys.EEXIST) {
		s.stats.KernelCollisions++
		learned = s.learnLocked(Range{addr, addr + n})
	}
	return learned, err
}

// reserveAnywhereLocked lets the kernel choose: the last resort, and the way on
// systems without zones. The kernel aligns to pages and packs, from the top
// down, so more is taken and its ends given back, which leaves the guards. Both
// ends are ends of a VMA that nothing else is part of, and unmapping the end of
// a VMA needs none to spare.
//
// Preconditions: s.mu is held; n is a multiple of what o aligns to.
func (s *Space) reserveAnywhereLocked(n uintptr, o ReserveOptions) (*place, error) {
	to := o.alignment()
	more := n + 2*guard + to // Both are positive as an int: no overflow.
	got, err := sys.Reserve(0, more)
	if sys.IsLimit(err) && s.makeRoomLocked() {
		got, err = sys.Reserve(0, more)
	}
	if err != nil {
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, err
		}
		return nil, s.refusalLocked(n, err)
	}
	start, _ := align.Up(got+guard, to)
	all := Range{got, got + more}
	if start < s.floor {
		// So large that it reaches down to where the Go heap grows and the race
		// detector maps its shadow over everything.
		s.giveBackLocked(all)
		return nil, fmt.Errorf("%w: the longest free range reaches down to %#x", ErrNoSpace, got)
	}
	for _, end := range []Range{{got, start}, {start + n, all.End}} {
		if err := sys.Unmap(end.Start, end.Len()); err != nil {
			s.giveBackLocked(all) // a window must not be a part of a longer VMA
			return nil, s.refusalLocked(n, err)
		}
		if end.Start == got {
			all.Start = start
		}
	}
	s.stats.KernelPlaced++
	return s.takeLocked(start, n, o.Compact), nil
}

// takeLocked registers [addr, addr+n), which was just reserved, as live. It gets
// its window in openLocked.
//
// Preconditions: s.mu is held; the range is ours and in no registry.
func (s *Space) takeLocked(addr, n uintptr, compact bool) *place {
	p := &place{start: addr, end: addr + n, kind: live, compact: compact, vmas: 1}
	s.pl.add(p)
	s.vmas++
	s.stats.Reserves++
	return p
}

// recycleLocked takes a window of exactly n bytes out of the cache: cached → live.
// It makes no system call unless a name has to go. nil means there is none.
//
// Preconditions: s.mu is held.
func (s *Space) recycleLocked(n uintptr, o ReserveOptions) *place {
	p := s.cache.take(n, o.alignment(), o.Compact)
	if p == nil {
		return nil
	}
	if p.vmaName != "" && o.Name == "" && !o.MapAll {
		// A fresh mapping has no name; PR_SET_VMA could only set an empty one.
		if err := s.cover(p.rng()); err != nil {
			s.cache.put(p)
			return nil
		}
		p.vmaName = ""
	}
	p.kind = live
	p.again = true
	s.stats.Reserves++
	s.stats.Recycled++
	return p
}
