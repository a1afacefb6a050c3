package addrspace

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// MapFile maps [fileOff, fileOff+n) of the file fd at off: Reserved → Mapped.
// A tail that continues the file of the part before it becomes one VMA with it.
// The mapping is left out of core dumps, which would read, and so allocate, all
// of a sparse file; see [ReserveOptions] for more advice, and for flags. fd may be closed afterwards. After an error the range is
// Reserved as before. It panics if part of the range is mapped already.
func (w *Window) MapFile(off, n int, fd int, fileOff int64, prot int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkHeld("MapFile")
	w.checkPart("MapFile", off, n)
	g := segment{off: uintptr(off), n: uintptr(n), fd: fd, fileOff: fileOff, prot: prot}
	if w.segs.overlap(g.off, g.n) {
		panic(fmt.Sprintf("addrspace: MapFile of %d bytes at %d of window %v: part of it is mapped", n, off, w))
	}
	fail := func(err error) error {
		return fmt.Errorf("addrspace: map %d bytes at %d of window %v: %w", n, off, w, err)
	}
	w.adviseAgain()
	err := w.put(g, func() error { return sys.MapSharedWith(w.start+g.off, g.n, fd, fileOff, prot, w.opts.MapFlags) })
	if err != nil {
		return fail(err)
	}
	w.enter(g)
	return nil
}

// put makes the Reserved range of g another mapping by call, which does so with
// MAP_FIXED or MREMAP_FIXED. After an error it is Reserved as before. Who calls enters g
// into the list.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) put(g segment, call func() error) error {
	// MAP_FIXED over a hole would take what a stranger has mapped there.
	if err := w.mend(); err != nil {
		return err
	}
	// The VMAs are counted before the call, so that the limit holds while many
	// windows are mapped at once. room keeps the list of a usual window, of one
	// segment, off the heap.
	var room [4]segment
	next := append(room[:0], w.segs...)
	if err := w.settle(segments(next).add(g)); err != nil {
		return err
	}
	if err := call(); err != nil {
		w.restore(g.off, g.n)
		w.mustSettle(w.segs)
		return err
	}
	return nil
}

// Unmap takes the mapping of [off, off+n) away: Mapped → Reserved; what of it is
// Reserved stays so. The file keeps its content. It fails, with nothing
// changed, at vm.max_map_count.
func (w *Window) Unmap(off, n int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkHeld("Unmap")
	w.checkPart("Unmap", off, n)
	from, size := uintptr(off), uintptr(n)
	if !w.segs.overlap(from, size) {
		return nil
	}
	fail := func(err error) error {
		return fmt.Errorf("addrspace: unmap %d bytes at %d of window %v: %w", n, off, w, err)
	}
	next := w.segs.cut(from, size)
	w.dropPages(from, size) // before the unmapping, and not under Space.mu
	if err := w.settle(next); err != nil {
		return fail(err)
	}
	if err := w.space.cover(Range{w.start + from, w.start + from + size}); err != nil {
		w.mustSettle(w.segs)
		return fail(err)
	}
	w.setSegs(next)
	w.rename(from)
	return nil
}

// dropMin is the least size, of what is mapped and may have been touched, whose
// page tables are dropped before it is unmapped. Unmapping holds the lock on the
// process's mappings, against every other growth and the Go heap's, for 21 µs a
// MiB when populated; MADV_DONTNEED does not. But it flushes the TLBs of all
// processors once more, which is felt when there is little to drop.
const dropMin = 4 << 20

// dropPages takes the page tables of the large mapped parts of [off, off+n) away,
// and reports whether there were any.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) dropPages(off, n uintptr) (large bool) {
	end := off + n
	if touched, ok := align.Up(w.touched.Load(), w.space.page); ok {
		end = min(end, touched)
	}
	for _, g := range w.segs {
		lo, hi := max(g.off, off), min(g.end(), end)
		if lo < hi && hi-lo >= dropMin {
			// Advice: when it is refused the unmapping does all of the work.
			_ = sys.Advise(w.start+lo, hi-lo, sys.AdviseDontNeed)
			large = true
		}
	}
	return large
}

// setSegs makes l the mapped parts of w, of which l may use the memory. It does
// not count VMAs: [Window.settle] did before the call, mustSettle does after it.
//
// Preconditions: w.mu is held.
func (w *Window) setSegs(l segments) {
	w.segs = append(w.segs[:0], l...)
	n := int64(l.bytes())
	w.space.mapped.Add(n - w.mapped.Swap(n))
	w.checkInvariants()
}

// settle changes the count of VMAs to what w is with the segments next, and
// refuses if they are more and too many. It comes before the system call; a
// call that then fails is followed by mustSettle with what there still is.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) settle(next segments) error {
	s, p := w.space, w.place
	s.mu.Lock()
	defer s.mu.Unlock()
	delta := next.vmas(w.len()) - p.vmas
	if err := s.budgetLocked(delta); err != nil {
		return err
	}
	s.countVMAsLocked(p, delta)
	return nil
}

// mustSettle is settle for what has happened already: it does not refuse.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) mustSettle(now segments) {
	s, p := w.space, w.place
	s.mu.Lock()
	defer s.mu.Unlock()
	s.countVMAsLocked(p, now.vmas(w.len())-p.vmas)
}

// countVMAsLocked counts delta VMAs more, or fewer, for p.
//
// Preconditions: s.mu is held.
func (s *Space) countVMAsLocked(p *place, delta int) {
	p.vmas += delta
	s.vmas += delta
}

// cover makes r inaccessible, whatever is mapped there: → Reserved. After an
// error all is as it was. Covering needs a VMA to spare: at vm.max_map_count
// mmap answers ENOMEM before it has changed anything (mm/mmap.c do_mmap).
//
// Preconditions: all of r is ours; its window's mu, or s.mu if it has none, is held.
func (s *Space) cover(r Range) error {
	err := sys.Cover(r.Start, r.Len())
	if err == nil {
		return nil
	}
	// The kernel unmaps before it maps. If it failed in between, r is a hole,
	// which can be had; otherwise the answer is EEXIST.
	if _, e := sys.Reserve(r.Start, r.Len()); e == nil {
		return nil
	}
	return err
}

// restore closes the hole that a failed call with MAP_FIXED or MREMAP_FIXED may
// have left in the Reserved range [off, off+n): both unmap the place before they
// map to it (mremap(2), MREMAP_FIXED: a failure leaves it unmapped). EEXIST is
// the good answer, and the usual one: nothing was unmapped. A hole that cannot
// be closed now is remembered, and the window refuses to be used until it is.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) restore(off, n uintptr) {
	r := Range{w.start + off, w.start + off + n}
	if s := w.space; s.fill(r) != nil {
		s.mu.Lock()
		w.place.hole = r
		s.mu.Unlock()
		return
	}
	w.rename(off)
}

// fill reserves r unless it is mapped; on an error it is not. That a
// stranger came in between, into a place nobody gave a hint for, is not
// told from our own mapping being intact.
func (s *Space) fill(r Range) error {
	_, err := sys.Reserve(r.Start, r.Len())
	if errors.Is(err, sys.EEXIST) {
		return nil
	}
	return err
}

// mend tries again to close the hole that restore could not close.
//
// Preconditions: w.mu is held; w.space.mu is not.
func (w *Window) mend() error {
	s := w.space
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mendLocked(w.place)
}

// mendLocked closes the hole in p, if there is one, or says that it cannot.
//
// Preconditions: s.mu is held.
func (s *Space) mendLocked(p *place) error {
	if p.hole.Len() > 0 {
		if err := s.fill(p.hole); err != nil {
			return fmt.Errorf("%w: %v is not ours since a call failed there: %w", ErrNoSpace, p.hole, err)
		}
	}
	p.hole = Range{}
	return nil
}

// rename gives the Reserved range around off the name of the rest again: a
// mapping made anew has none, and does not merge with neighbours that do. Where
// the kernel refuses, the maps file shows two VMAs instead of one, uncounted.
//
// Preconditions: w.mu is held; w.space.mu is not; off is Reserved.
func (w *Window) rename(off uintptr) {
	s, p := w.space, w.place
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.vmaName == "" {
		return
	}
	from, to := w.segs.hole(off, w.len())
	s.nameLocked(p, Range{w.start + from, w.start + to}, p.vmaName)
}
