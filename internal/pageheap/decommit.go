package pageheap

import "github.com/growarena/growarena/internal/memfile"

// KeepMin is how many bytes of free memory are always kept for what comes: two huge
// pages.
const KeepMin = 4 << 20

// keepShare is which part of what is in use is kept besides.
const keepShare = 32

// keepPages is how many free pages may keep their memory.
func (h *Heap) keepPages() int { return max(h.used/keepShare, KeepMin/PageSize) }

// armLocked calls for GiveBackIdle where more memory is free than is kept.
//
// Preconditions: the memory of more pages is free, or fewer pages are in use.
func (h *Heap) armLocked() {
	if h.dirty > h.keepPages() {
		h.options.Arm()
	}
}

// decommitLocked gives memory of free runs back to the system, the longest first,
// until at most target pages may have any. The lock is released for a while.
func (h *Heap) decommitLocked(target int) error {
	for h.dirty > target {
		b := h.lastIn(dirtyBins, 2*binCount)
		if b < 0 {
			break
		}
		r, page := h.pageOf(h.bins[b])
		n, dirt := h.unlinkLocked(r, page)
		h.low = min(h.low, h.dirty)
		h.held += n
		h.mu.Unlock()
		// Nobody else knows of the run now. Its clean pages cost nothing.
		err := r.arena.Decommit(page*PageSize, n*PageSize)
		h.mu.Lock()
		h.held -= n
		if err == nil {
			r.cleanLocked(page, n)
			h.returned.Add(int64(dirt * PageSize))
		}
		h.mergeLocked(r, page, n)
		if err != nil {
			h.refused.Add(1)
			return err // Nothing is lost: it stays dirty, and is tried again.
		}
	}
	return nil
}

// Punch gives the memory of pages back that are in use, but of which nobody needs what
// is in them: they read as zero then.
func (h *Heap) Punch(r *Region, page, n int) error {
	if err := r.arena.Decommit(page*PageSize, n*PageSize); err != nil {
		h.refused.Add(1)
		return err
	}
	h.returned.Add(int64(n * PageSize))
	return nil
}

// Trim gives the memory of all free pages back.
func (h *Heap) Trim() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	errs := []error{h.decommitLocked(0)}
	for _, r := range *h.regions.Load() {
		errs = append(errs, r.arena.Trim())
	}
	return memfile.JoinOnce(errs...)
}

// GiveBackIdle gives the memory back that was free all the time since it was last called,
// but for what is kept, and reports whether there may be more the next time.
func (h *Heap) GiveBackIdle() (again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	keep := h.keepPages()
	if low := min(h.low, h.dirty); low > keep {
		// A quarter more than must be, so as not to be back at once.
		if h.decommitLocked(h.dirty-(low-keep+keep/4)) != nil {
			return false // It is counted, and tried again when more is freed.
		}
	}
	h.low = h.dirty
	return h.dirty > keep || h.trimRegionsLocked()
}

// trimRegionsLocked gives back what arenas have prepared for more, of which nothing
// has been taken since it was last called, and reports whether to call it again.
func (h *Heap) trimRegionsLocked() (again bool) {
	for _, r := range *h.regions.Load() {
		if r.ahead && r.seen == r.pages {
			r.ahead = r.arena.Trim() != nil
		}
		r.seen = r.pages
		again = again || r.ahead
	}
	return again
}
