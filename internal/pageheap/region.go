package pageheap

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

const (
	chunkPages = growBytes / PageSize // pages to a piece of the page table

	// RegionMin is the length of the first region in bytes; each other is regionGrowth
	// times as long as all before together, up to regionMax: who allocates little takes
	// few addresses, and who allocates much has nearly all in one region.
	RegionMin    = 4 << 20
	regionGrowth = 8
	regionMax    = 1 << (28 + bits.UintSize>>6*8) // 64 GiB; 256 MiB where addresses have 32 bits
	regionsMax   = 250                            // a number is a byte

	// regionShare is which part of the addresses that RLIMIT_AS has left a region
	// takes at most.
	regionShare = 8

	// growBytes is how much a region gets longer by, at least: one huge page, so
	// that the arena prepares it as one.
	growBytes = 2 << 20
)

// Region is an arena that never moves: all it can hold is reserved when it is
// made.
type Region struct {
	base   uintptr        // Immutable.
	bytes  atomic.Uintptr // that have been taken from the arena. Stored under mu, after what is in chunks.
	chunks []*pageChunk   // as far as bytes. Written under mu.
	index  uint8
	arena  *arena.Arena
	pages  int  // that have been taken from the arena. Protected by mu.
	seen   int  // how many those were when GiveBackIdle last looked. Protected by mu.
	ahead  bool // the arena may have prepared memory for more. Protected by mu.
}

// pageChunk is a piece of a region's page table.
type pageChunk struct {
	tag [chunkPages]atomic.Uint64 // what the owner says of a page in use, 0 of others. Stored under mu.

	// Protected by mu:
	soiled [chunkPages / 64]uint64 // pages that may have memory, of free runs
	stale  [chunkPages / 64]uint64 // those of them that may hold old bytes: all others are zero
	run    [chunkPages]uint32      // length, at the first page and the last; 0 if not free
	dirt   [chunkPages]uint32      // how many of the run's pages are soiled, at the first page
	next   [chunkPages]pageID      // in its list, at the first page
	prev   [chunkPages]pageID
}

// errRegions means that there are as many regions as can be.
var errRegions = errors.New("allocator's table of regions is full")

// noRegion holds nothing.
var noRegion = new(Region)

// Lookup returns the tag of the page that address p is on, and how far into that p is: 0
// and 0 if p is in no region.
func (h *Heap) Lookup(p uintptr) (tag uint64, off uint32) {
	r := h.first.Load()
	at := p - r.base
	if at >= r.bytes.Load() {
		if r, at = h.RegionOf(p); r == nil {
			return 0, 0
		}
	}
	tag = r.chunks[at/(chunkPages*PageSize)].tag[at/PageSize%chunkPages].Load()
	return tag, uint32(at % PageSize)
}

// RegionOf returns the region that p is in, and where in it, or nil.
func (h *Heap) RegionOf(p uintptr) (*Region, uintptr) {
	for _, r := range *h.regions.Load() {
		if at := p - r.base; at < r.bytes.Load() {
			return r, at
		}
	}
	return nil, 0
}

// Regions returns the regions in the order of their numbers, read-only.
func (h *Heap) Regions() []*Region { return *h.regions.Load() }

// Index returns the number of the region: its place in Regions.
func (r *Region) Index() uint8 { return r.index }

// Pages returns how many pages the region has.
func (r *Region) Pages() int { return int(r.bytes.Load() / PageSize) }

// Address returns the address of a page.
func (r *Region) Address(page int) uintptr { return r.base + uintptr(page)*PageSize }

// Tag returns the tag of a page, 0 if it is not in use or has none so far.
func (r *Region) Tag(page int) uint64 { return r.tag(page).Load() }

// SetTagLocked sets the tag of a page in use, which is not 0. It becomes 0 when the page
// is no longer in use.
func (r *Region) SetTagLocked(page int, tag uint64) { r.tag(page).Store(tag) }

// pageID names a page of any region; 0 is none.
type pageID uint32

const pageBits = 23 // log2 of regionMax / PageSize

func (r *Region) id(page int) pageID { return pageID(r.index)<<pageBits | pageID(page) + 1 }

func (h *Heap) pageOf(id pageID) (*Region, int) {
	i := id - 1
	return (*h.regions.Load())[i>>pageBits], int(i & (1<<pageBits - 1))
}

func (r *Region) tag(page int) *atomic.Uint64 {
	return &r.chunks[page/chunkPages].tag[page%chunkPages]
}

func (r *Region) chunk(page int) (*pageChunk, int) {
	return r.chunks[page/chunkPages], page % chunkPages
}

// growLocked makes at least n pages free by making the last region longer, or a new
// one. Sparse ones get no memory before they are touched.
func (h *Heap) growLocked(n int, sparse bool) error {
	bytes, _ := align.Up(n*PageSize, growBytes)
	regions := *h.regions.Load()
	if k := len(regions) - 1; k >= 0 {
		if err := h.extendLocked(regions[k], bytes, sparse); !errors.Is(err, arena.ErrFull) {
			return err
		}
	}
	r, err := h.newRegionLocked(len(regions))
	if err != nil {
		return err
	}
	if err = h.extendLocked(r, bytes, sparse); errors.Is(err, arena.ErrFull) {
		return fmt.Errorf("%w: a window of %d bytes was all that could be had: RLIMIT_AS is %s (ulimit -v): raise it",
			addrspace.ErrNoSpace, r.arena.Stats().Window, limitAS())
	}
	return err
}

// limitAS is RLIMIT_AS in words.
func limitAS() string {
	if n := sys.LimitAS(); n != math.MaxUint64 {
		return fmt.Sprint(n)
	}
	return "not set"
}

func (h *Heap) extendLocked(r *Region, bytes int, sparse bool) error {
	alloc := r.arena.Alloc
	if sparse {
		alloc = r.arena.AllocSparse
	}
	b, err := alloc(bytes)
	if err != nil {
		return err
	}
	page, n := r.arena.Offset(b)/PageSize, bytes/PageSize
	for i := page / chunkPages; i <= (page+n-1)/chunkPages; i++ {
		if r.chunks[i] == nil {
			r.chunks[i] = new(pageChunk)
		}
	}
	r.pages, r.ahead = page+n, true
	r.bytes.Store(uintptr(r.pages) * PageSize)
	if r.pages > h.first.Load().pages {
		h.first.Store(r)
	}
	r.preparedLocked(page, n)
	h.mergeLocked(r, page, n)
	h.options.Arm() // If nothing more is taken, what is ahead goes back.
	return nil
}

// newRegionLocked adds a region, as long as it should be or as the address space gives.
func (h *Heap) newRegionLocked(index int) (*Region, error) {
	if index >= regionsMax {
		return nil, errRegions
	}
	size := 0
	for _, r := range *h.regions.Load() {
		size += r.pages * PageSize
	}
	size = min(max(regionGrowth*size, RegionMin), h.RegionMax)
	if room := sys.AddressRoom() / regionShare; uint64(size) > room {
		size = max(align.Down(int(room), growBytes), growBytes)
	}
	ar, err := arena.NewArena(arena.Options{
		Name: h.options.Name, Reserve: size, Limit: size, Space: h.options.Space,
		Rungs: arena.RungInWindow, // It must stay where it is.
	})
	if err != nil {
		return nil, err
	}
	census.Attribute(ar, "slab", h.options.Name)
	r := &Region{
		index: uint8(index), base: baseOf(ar), arena: ar,
		chunks: make([]*pageChunk, (size+chunkPages*PageSize-1)/(chunkPages*PageSize)),
	}
	// A new slice: readers go through the old one meanwhile.
	regions := append(append([]*Region(nil), *h.regions.Load()...), r)
	h.regions.Store(&regions)
	return r, nil
}
