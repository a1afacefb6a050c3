package slab

import (
	"errors"
	"math/bits"
	"sync/atomic"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

const (
	chunkPages = 1 << 9 // pages to a piece of the page table: 4 MiB

	// The first region is regionMin long, each other regionGrowth times as long as all
	// before together, up to regionMax: who allocates little takes few addresses, and
	// who allocates much has nearly all in one region.
	regionMin    = chunkPages * pageSize
	regionGrowth = 8
	regionMax    = 1 << (28 + bits.UintSize>>6*8) // 64 GiB; 256 MiB where addresses have 32 bits
	regionsMax   = 250                            // a span's region is a byte

	// regionShare is which part of the addresses that RLIMIT_AS has left a region
	// takes at most.
	regionShare = 8

	// growBytes is how much a region gets longer by, at least: one huge page, so
	// that the arena prepares it as one.
	growBytes = 2 << 20
)

// region is an arena that never moves: all it can hold is reserved when it is
// made.
type region struct {
	base   uintptr        // Immutable.
	bytes  atomic.Uintptr // that have been taken from the arena. Stored under pages.mu, after what is in chunks.
	chunks []*pageChunk   // as far as bytes. Written under pages.mu.
	index  uint8
	arena  *arena.Arena
	pages  int  // that have been taken from the arena. Protected by pages.mu.
	seen   int  // how many those were when giveBackIdle last looked. Protected by pages.mu.
	ahead  bool // the arena may have prepared memory for more. Protected by pages.mu.
}

// pageChunk is a piece of a region's page table.
type pageChunk struct {
	entry [chunkPages]atomic.Uint64 // see entry

	// Protected by pages.mu:
	soiled [chunkPages / 64]uint64 // pages that may have memory, of free runs
	stale  [chunkPages / 64]uint64 // those of them that may hold old bytes: all others are zero
	run    [chunkPages]uint32      // length, at the first page and the last; 0 if not free
	dirt   [chunkPages]uint32      // how many of the run's pages are soiled, at the first page
	next   [chunkPages]pageID      // in its list, at the first page
	prev   [chunkPages]pageID
}

// entry says what a page is part of, in one word, so that what is read of it
// belongs together: 0 for nothing in use.
//
//	bits 0-31   number of the first group, or of a medium object the span
//	bits 32-47  which of the span's pages it is
//	bits 48-55  class
type entry uint64

func newEntry(class, page int, number uint32) entry {
	return entry(class)<<48 | entry(page)<<32 | entry(number)
}

func (e entry) class() uint64  { return uint64(e >> 48) }
func (e entry) page() uint32   { return uint32(e>>32) & (1<<16 - 1) }
func (e entry) number() uint32 { return uint32(e) }

// noRegion holds nothing.
var noRegion = new(region)

// look returns the page table's entry for address p, and how far p is from the
// start of the span.
func (a *Allocator) look(p uintptr) (e entry, off uint32) {
	r := a.first.Load()
	at := p - r.base
	if at >= r.bytes.Load() {
		if r, at = a.regionOf(p); r == noRegion {
			return 0, 0
		}
	}
	e = entry(r.chunks[at/(chunkPages*pageSize)].entry[at/pageSize%chunkPages].Load())
	return e, e.page()*pageSize + uint32(at%pageSize)
}

// regionOf returns the region that p is in, or noRegion, and where in it.
func (a *Allocator) regionOf(p uintptr) (*region, uintptr) {
	for _, r := range *a.regions.Load() {
		if at := p - r.base; at < r.bytes.Load() {
			return r, at
		}
	}
	return noRegion, 0
}

// pageID names a page of any region; 0 is none.
type pageID uint32

const pageBits = 23 // log2 of regionMax / pageSize

func (r *region) id(page int) pageID { return pageID(r.index)<<pageBits | pageID(page) + 1 }

func (a *Allocator) pageOf(id pageID) (*region, int) {
	i := id - 1
	return (*a.regions.Load())[i>>pageBits], int(i & (1<<pageBits - 1))
}

// entry returns the page table's entry of a page.
func (r *region) entry(page int) *atomic.Uint64 {
	return &r.chunks[page/chunkPages].entry[page%chunkPages]
}

func (r *region) chunk(page int) (*pageChunk, int) {
	return r.chunks[page/chunkPages], page % chunkPages
}

// growLocked makes at least n pages free by making the last region longer, or a new
// one. Sparse ones get no memory before they are touched.
func (a *Allocator) growLocked(n int, sparse bool) error {
	bytes, _ := align.Up(n*pageSize, growBytes)
	regions := *a.regions.Load()
	if k := len(regions) - 1; k >= 0 {
		if err := a.extendLocked(regions[k], bytes, sparse); !errors.Is(err, arena.ErrFull) {
			return err
		}
	}
	r, err := a.newRegionLocked(len(regions))
	if err != nil {
		return err
	}
	return a.extendLocked(r, bytes, sparse)
}

func (a *Allocator) extendLocked(r *region, bytes int, sparse bool) error {
	alloc := r.arena.Alloc
	if sparse {
		alloc = r.arena.AllocSparse
	}
	b, err := alloc(bytes)
	if err != nil {
		return err
	}
	page, n := r.arena.Offset(b)/pageSize, bytes/pageSize
	for i := page / chunkPages; i <= (page+n-1)/chunkPages; i++ {
		if r.chunks[i] == nil {
			r.chunks[i] = new(pageChunk)
		}
	}
	r.pages, r.ahead = page+n, true
	r.bytes.Store(uintptr(r.pages) * pageSize)
	if r.pages > a.first.Load().pages {
		a.first.Store(r)
	}
	r.preparedLocked(page, n)
	a.mergeLocked(r, page, n)
	a.idle.arm() // If nothing more is taken, what is ahead goes back.
	return nil
}

// newRegionLocked adds a region, as long as it should be or as the address space gives.
func (a *Allocator) newRegionLocked(index int) (*region, error) {
	if index >= regionsMax {
		return nil, errTables
	}
	size := 0
	for _, r := range *a.regions.Load() {
		size += r.pages * pageSize
	}
	size = min(max(regionGrowth*size, regionMin), a.regionMax)
	if room := sys.AddressRoom() / regionShare; uint64(size) > room {
		size = max(align.Down(int(room), growBytes), growBytes)
	}
	ar, err := arena.NewArena(arena.Options{
		Name: a.name, Reserve: size, Limit: size, Space: a.space,
		Rungs: arena.RungInWindow, // It must stay where it is.
	})
	if err != nil {
		return nil, err
	}
	r := &region{
		index: uint8(index), base: baseOf(ar), arena: ar,
		chunks: make([]*pageChunk, (size+chunkPages*pageSize-1)/(chunkPages*pageSize)),
	}
	// A new slice: readers go through the old one meanwhile.
	regions := append(append([]*region(nil), *a.regions.Load()...), r)
	a.regions.Store(&regions)
	return r, nil
}
