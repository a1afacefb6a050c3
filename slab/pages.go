package slab

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
)

// Free runs of pages are kept in lists by length, eight to each doubling, with
// a bitmap of the lists that are not empty: taking a run that is long enough and
// giving one back, merged with its neighbours, are a few steps whatever there is
// (two-level segregated fit). Links and lengths are in arrays beside the page
// table, never in the pages.
const (
	binShift = 3
	binCount = (32 - binShift) << binShift

	chunkPages  = 1 << 13 // pages to a piece of the page table: 64 MiB
	regionBytes = 64 << 30
	regionMin   = 64 << 20
	regionMax   = 250 // a span's region is a byte

	// growBytes is how much a region gets longer by, at least: one huge page, so
	// that the arena prepares it as one.
	growBytes = 2 << 20
)

// region is an arena that never moves: all it can hold is reserved when it is
// made.
type region struct {
	index  uint8
	base   uintptr
	arena  *arena.Arena
	pages  int // that have been taken from the arena. Protected by pages.mu.
	limit  int // pages it can hold
	chunks []atomic.Pointer[pageChunk]
}

// pageChunk is a piece of a region's page table.
type pageChunk struct {
	span [chunkPages]atomic.Uint32 // number of the span a page is part of; 0 for none

	// For free runs, protected by pages.mu:
	run   [chunkPages]uint32 // length, at the first page and the last; 0 if not free
	next  [chunkPages]pageID // in its list, at the first page
	prev  [chunkPages]pageID
	dirty [chunkPages]bool // may have memory, at the first page
}

// pageID names a page of any region; 0 is none.
type pageID uint32

const pageBits = 23 // regionBytes / pageSize

func (r *region) id(page int) pageID { return pageID(int(r.index)<<pageBits|page) + 1 }

// entry returns the page table's entry of a page.
func (r *region) entry(page int) *atomic.Uint32 {
	return &r.chunks[page/chunkPages].Load().span[page%chunkPages]
}

func (r *region) chunk(page int) (*pageChunk, int) {
	return r.chunks[page/chunkPages].Load(), page % chunkPages
}

// pages is the heap of pages.
type pageHeap struct {
	mu     sync.Mutex
	bins   [binCount]pageID // first run of each list. Protected by mu.
	filled [binCount/64 + 1]uint64
	used   int // pages of spans. Protected by mu.
	dirty  int // free pages that may have memory. Protected by mu.
	free   int // free pages. Protected by mu.
}

// binOf returns the list that a free run of n pages is in.
func binOf(n int) int {
	if n < 1<<binShift {
		return n
	}
	e := bits.Len(uint(n)) - 1
	return (e-binShift+1)<<binShift | n>>(e-binShift)&(1<<binShift-1)
}

// binFor returns the first list all of whose runs have n pages or more.
func binFor(n int) int {
	b := binOf(n)
	if n < 2<<binShift {
		return b // Lists of one length.
	}
	e := bits.Len(uint(n)) - 1
	if n&(1<<(e-binShift)-1) != 0 {
		b++
	}
	return b
}

func (a *Allocator) pageOf(id pageID) (*region, int) {
	i := int(id - 1)
	return (*a.regions.Load())[i>>pageBits], i & (1<<pageBits - 1)
}

// linkLocked puts the free run [page, page+n) into its list.
func (a *Allocator) linkLocked(r *region, page, n int, dirty bool) {
	h, b := &a.pages, binOf(n)
	c, i := r.chunk(page)
	id := r.id(page)
	c.run[i], c.dirty[i] = uint32(n), dirty
	last, j := r.chunk(page + n - 1)
	last.run[j] = uint32(n)
	c.prev[i], c.next[i] = 0, h.bins[b]
	if c.next[i] != 0 {
		nr, np := a.pageOf(c.next[i])
		nc, k := nr.chunk(np)
		nc.prev[k] = id
	}
	h.bins[b] = id
	h.filled[b/64] |= 1 << (b % 64)
	h.free += n
	if dirty {
		h.dirty += n
	}
}

// unlinkLocked takes the free run that begins at page out of its list.
func (a *Allocator) unlinkLocked(r *region, page int) (n int, dirty bool) {
	h := &a.pages
	c, i := r.chunk(page)
	n, dirty = int(c.run[i]), c.dirty[i]
	b := binOf(n)
	if c.next[i] != 0 {
		nr, np := a.pageOf(c.next[i])
		nc, k := nr.chunk(np)
		nc.prev[k] = c.prev[i]
	}
	if c.prev[i] != 0 {
		pr, pp := a.pageOf(c.prev[i])
		pc, k := pr.chunk(pp)
		pc.next[k] = c.next[i]
	} else {
		h.bins[b] = c.next[i]
		if c.next[i] == 0 {
			h.filled[b/64] &^= 1 << (b % 64)
		}
	}
	last, j := r.chunk(page + n - 1)
	c.run[i], last.run[j] = 0, 0
	h.free -= n
	if dirty {
		h.dirty -= n
	}
	return n, dirty
}

// firstFrom returns the first list from b on that is not empty, or -1.
func (h *pageHeap) firstFrom(b int) int {
	word := h.filled[b/64] >> (b % 64) << (b % 64)
	for i := b / 64; ; word = h.filled[i] {
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
		if i++; i == len(h.filled) {
			return -1
		}
	}
}

// allocRunLocked takes n free pages, from a region made longer if need be.
func (a *Allocator) allocRunLocked(n int) (*region, int, error) {
	h := &a.pages
	if err := a.charge(n * pageSize); err != nil {
		return nil, 0, err
	}
	b := h.firstFrom(binFor(n))
	if b < 0 {
		if err := a.growLocked(n); err != nil {
			a.charged.Add(-int64(n * pageSize))
			return nil, 0, err
		}
		b = h.firstFrom(binFor(n))
	}
	r, page := a.pageOf(h.bins[b])
	have, dirty := a.unlinkLocked(r, page)
	if have > n {
		a.linkLocked(r, page+n, have-n, dirty)
	}
	return r, page, nil
}

// freeRunLocked gives pages back, merged with free neighbours. A run that is
// dirty in part counts as dirty.
func (a *Allocator) freeRunLocked(r *region, page, n int, dirty bool) {
	a.charged.Add(-int64(n * pageSize))
	a.mergeLocked(r, page, n, dirty)
}

func (a *Allocator) mergeLocked(r *region, page, n int, dirty bool) {
	if page > 0 {
		if c, i := r.chunk(page - 1); c.run[i] != 0 {
			before := int(c.run[i])
			_, d := a.unlinkLocked(r, page-before)
			page, n, dirty = page-before, n+before, dirty || d
		}
	}
	if page+n < r.pages {
		if c, i := r.chunk(page + n); c.run[i] != 0 {
			behind, d := a.unlinkLocked(r, page+n)
			n, dirty = n+behind, dirty || d
		}
	}
	a.linkLocked(r, page, n, dirty)
}

// growLocked makes at least n pages free by making a region longer, or a new
// one.
func (a *Allocator) growLocked(n int) error {
	bytes, _ := align.Up(n*pageSize, growBytes)
	regions := *a.regions.Load()
	if k := len(regions) - 1; k >= 0 {
		if r := regions[k]; r.pages+bytes/pageSize <= r.limit {
			return a.extendLocked(r, bytes)
		}
	}
	r, err := a.newRegionLocked(len(regions))
	if err != nil {
		return err
	}
	return a.extendLocked(r, bytes)
}

func (a *Allocator) extendLocked(r *region, bytes int) error {
	b, err := r.arena.Alloc(bytes)
	if err != nil {
		return err
	}
	page, n := r.arena.Offset(b)/pageSize, bytes/pageSize
	for i := page / chunkPages; i <= (page+n-1)/chunkPages; i++ {
		if r.chunks[i].Load() == nil {
			r.chunks[i].Store(new(pageChunk))
		}
	}
	r.pages = page + n
	a.mergeLocked(r, page, n, true)
	return nil
}

// newRegionLocked adds a region, as large as the address space gives.
func (a *Allocator) newRegionLocked(index int) (*region, error) {
	if index >= regionMax {
		return nil, errTables
	}
	var ar *arena.Arena
	var err error
	size := a.regionBytes
	for ; size >= regionMin; size /= 2 {
		ar, err = arena.NewArena(arena.Options{
			Name: a.name, Reserve: size, Limit: size, Space: a.space,
			Rungs: arena.RungInWindow, // It must stay where it is.
		})
		if err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	r := &region{
		index: uint8(index), base: baseOf(ar), arena: ar, limit: size / pageSize,
		chunks: make([]atomic.Pointer[pageChunk], (size/pageSize+chunkPages-1)/chunkPages),
	}
	// A new slice: readers go through the old one meanwhile.
	regions := append(append([]*region(nil), *a.regions.Load()...), r)
	a.regions.Store(&regions)
	return r, nil
}

// find returns the span that address p is in, or nil.
func (a *Allocator) find(p uintptr) *span {
	for _, r := range *a.regions.Load() {
		off := p - r.base
		page := int(off / pageSize)
		if page >= r.limit {
			continue
		}
		c := r.chunks[page/chunkPages].Load()
		if c == nil {
			return nil
		}
		if number := c.span[page%chunkPages].Load(); number != 0 {
			return a.spans.at(number)
		}
		return nil
	}
	return nil
}

// keepPages is how many free pages may keep their memory.
func (a *Allocator) keepPages() int { return max(a.pages.used/keepShare, keepMin/pageSize) }

const (
	// keepShare and keepMin say how much free memory is kept for what comes: an
	// eighth of what is in use, and enough that a small program never asks twice.
	keepShare = 8
	keepMin   = 16 << 20
)

// decommitLocked gives memory of free runs back to the system, the longest first,
// until at most keep pages may have any.
func (a *Allocator) decommitLocked(keep int) {
	h := &a.pages
	for b := binCount - 1; b >= 0 && h.dirty > keep; b-- {
		if h.filled[b/64]&(1<<(b%64)) == 0 {
			continue
		}
		for id := h.bins[b]; id != 0 && h.dirty > keep; {
			r, page := a.pageOf(id)
			c, i := r.chunk(page)
			id = c.next[i]
			if !c.dirty[i] {
				continue
			}
			n := int(c.run[i])
			if r.arena.Decommit(page*pageSize, n*pageSize) != nil {
				a.decommitFailed.Add(1)
				return // Nothing is lost: it stays dirty, and is tried again.
			}
			c.dirty[i] = false
			h.dirty -= n
			a.decommitted.Add(int64(n * pageSize))
		}
	}
}
