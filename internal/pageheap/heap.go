package pageheap

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
)

// PageSize is the length of a page in bytes.
const PageSize = 8 << 10

// Options say how to make a heap.
type Options struct {
	Name  string           // of the regions, in errors and in /proc/self/maps
	Space *addrspace.Space // holds them

	// Arm is called, with the lock held, when memory is free that GiveBackIdle may
	// give back.
	Arm func()
}

// Heap is a heap of pages. Make one with Init.
//
// Invariants, checked by CheckLocked:
//
//	P1: every page that was taken from an arena is in use, in a free run, or held.
//	P2: used, free and dirty count the pages in use, those of free runs, and those of
//	    them that may have memory.
//	P3: of two free runs none begins where another ends.
type Heap struct {
	first   atomic.Pointer[Region]    // the region with the most pages, or noRegion. Stored under mu.
	regions atomic.Pointer[[]*Region] // Replaced under mu, read by anyone.
	options Options                   // Immutable after Init.

	// RegionMax is the length of the longest region in bytes. Immutable once a page was
	// taken.
	RegionMax int

	bins   [2 * binCount]pageID // first run of each list; clean ones, then dirty ones. Protected by mu.
	filled [2*binCount/64 + 1]uint64

	// What stands above is read by everybody all the time, what stands below is not.
	mu    sync.Mutex
	used  int // pages in use. Protected by mu.
	free  int // free pages. Protected by mu.
	dirty int // free pages that may have memory. Protected by mu.
	held  int // pages that are held. Protected by mu.
	low   int // the fewest dirty pages there were since GiveBackIdle last looked. Protected by mu.

	returned atomic.Int64 // bytes given back to the system so far
	refused  atomic.Int64 // times the system refused that
}

// Init makes an empty heap. It takes neither memory nor addresses before the first page.
func (h *Heap) Init(o Options) {
	h.options, h.RegionMax = o, regionMax
	h.regions.Store(new([]*Region))
	h.first.Store(noRegion)
}

// Lock takes the heap's lock.
func (h *Heap) Lock() { h.mu.Lock() }

// Unlock gives up the heap's lock.
func (h *Heap) Unlock() { h.mu.Unlock() }

// TakeLocked takes n pages into use, from a region made longer if need be; no memory is
// prepared for sparse ones. If n is at most SetMax, it returns which of them may hold old
// bytes. An error is an arena's, or that there are no more regions.
func (h *Heap) TakeLocked(n int, sparse bool) (r *Region, page int, stale PageSet, err error) {
	id := h.findRunLocked(n)
	if id == 0 {
		if err := h.growLocked(n, sparse); err != nil {
			return nil, 0, stale, err
		}
		id = h.findRunLocked(n)
	}
	r, page = h.pageOf(id)
	if n <= SetMax {
		stale = r.staleLocked(page, 0, n)
	}
	h.takeLocked(r, page, n)
	return r, page, stale, nil
}

// RoomBehindLocked reports whether n pages behind [page, page+have), which are in use,
// are free.
func (h *Heap) RoomBehindLocked(r *Region, page, have, n int) bool {
	behind := page + have
	if behind >= r.pages {
		return false
	}
	c, i := r.chunk(behind)
	return int(c.run[i]) >= n
}

// LengthenLocked takes the pages behind [page, page+have), up to page+want, into use, and
// returns which of them may hold old bytes, counted from page.
//
// Preconditions: RoomBehindLocked; want is at most SetMax.
func (h *Heap) LengthenLocked(r *Region, page, have, want int) (stale PageSet) {
	stale = r.staleLocked(page, have, want)
	h.takeLocked(r, page+have, want-have)
	return stale
}

// takeLocked takes the first n pages of the free run that begins at page into use.
func (h *Heap) takeLocked(r *Region, page, n int) {
	have, dirt := h.unlinkLocked(r, page)
	dirt -= r.cleanLocked(page, n)
	if have > n {
		h.linkLocked(r, page+n, have-n, dirt)
	}
	h.used += n
	h.low = min(h.low, h.dirty)
}

// PutLocked makes pages in use free.
func (h *Heap) PutLocked(r *Region, page, n int) {
	h.endLocked(r, page, n)
	h.mergeLocked(r, page, n)
	h.armLocked() // Fewer are kept, too.
}

// HoldLocked makes pages in use held.
func (h *Heap) HoldLocked(r *Region, page, n int) {
	h.endLocked(r, page, n)
	h.held += n
	h.armLocked() // Fewer are kept.
}

// ReleaseLocked makes pages held free.
func (h *Heap) ReleaseLocked(r *Region, page, n int) {
	h.held -= n
	h.mergeLocked(r, page, n)
	h.armLocked()
}

// endLocked ends that pages are in use: whatever they were used for, they have memory now.
func (h *Heap) endLocked(r *Region, page, n int) {
	for i := range n {
		r.tag(page + i).Store(0)
	}
	r.soilLocked(page, n)
	h.used -= n
}

// Counts is what a heap holds, in pages, and what it has given back so far.
type Counts struct {
	Used  int // in use
	Free  int
	Dirty int // free, and may have memory
	Held  int // held, or just being given back
}

// CountsLocked returns what the heap holds.
func (h *Heap) CountsLocked() Counts {
	return Counts{Used: h.used, Free: h.free, Dirty: h.dirty, Held: h.held}
}

// Returned returns how many bytes were given back to the system so far, and how often it
// has refused to take any.
func (h *Heap) Returned() (bytes, refused int) {
	return int(h.returned.Load()), int(h.refused.Load())
}

// Committed returns the bytes of memory that the regions have.
func (h *Heap) Committed() (n int) {
	for _, r := range *h.regions.Load() {
		n += r.arena.Stats().Committed
	}
	return n
}

// Close gives everything back, in use or not. The heap is empty then.
func (h *Heap) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.first.Store(noRegion)
	var errs []error
	for _, r := range *h.regions.Swap(new([]*Region)) {
		errs = append(errs, r.arena.Free())
	}
	return errors.Join(errs...)
}
