package addrspace

import (
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// cacheWindowsDefault bounds the cached windows, one VMA each: a half of a
	// percent of the default vm.max_map_count.
	cacheWindowsDefault = 256

	// cacheShareDefault bounds the cached bytes to a part of the zones, and
	// cacheBytesDefault absolutely: address space that RLIMIT_AS counts.
	cacheShareDefault = 64
	cacheBytesDefault = 256 << 30
)

// cacheKey says for which requests a cached window is right.
type cacheKey struct {
	n       uintptr
	compact bool
}

// cache holds released windows, PROT_NONE, to be handed out again without a
// system call. Of one size the latest goes first, its page tables being the
// warmest; over the bounds the oldest goes. Its fields are protected by
// Space.mu.
type cache struct {
	tops           map[cacheKey]*place // the latest of each size; below it the others
	oldest, newest *place              // ends of the list of all, by when they came
	count          int                 // windows
	bytes          uint64              // their lengths
	countMax       int                 // Immutable after init.
	bytesMax       uint64              // Immutable after init.
}

// init sets the bounds from the options for zones of total bytes.
func (c *cache) init(o Options, total uint64) {
	c.countMax, c.bytesMax = cacheWindowsDefault, cacheBytesDefault
	if total > 0 {
		c.bytesMax = min(c.bytesMax, total/cacheShareDefault)
	}
	if sys.HeapBacked {
		c.countMax = 0 // What is in the cache would stay in memory.
	}
	if o.CacheWindows != 0 {
		c.countMax = max(o.CacheWindows, 0)
	}
	if o.CacheBytes != 0 {
		c.bytesMax = uint64(max(o.CacheBytes, 0))
	}
	c.tops = make(map[cacheKey]*place)
}

// fits reports whether a window of n bytes may be cached at all.
func (c *cache) fits(n uintptr) bool { return c.countMax > 0 && uint64(n) <= c.bytesMax }

// over reports whether the cache is beyond its bounds.
func (c *cache) over() bool { return c.count > c.countMax || c.bytes > c.bytesMax }

// put adds p on top of its size. It may bring the cache over its bounds; the
// caller evicts.
func (c *cache) put(p *place) {
	k := cacheKey{p.len(), p.compact}
	if p.below = c.tops[k]; p.below != nil {
		p.below.above = p
	}
	c.tops[k] = p
	if p.older = c.newest; p.older != nil {
		p.older.newer = p
	} else {
		c.oldest = p
	}
	c.newest = p
	c.count++
	c.bytes += uint64(p.len())
}

// take removes and returns the latest window of exactly n bytes that is aligned, or
// nil. A longer one would do, but what was asked for roomy would be held by small windows.
func (c *cache) take(n, to uintptr, compact bool) *place {
	p := c.tops[cacheKey{n, compact}]
	for p != nil && !align.Is(p.start, to) {
		p = p.below
	}
	if p != nil {
		c.remove(p)
	}
	return p
}

// remove takes p out of both lists.
//
// Preconditions: p is in the cache.
func (c *cache) remove(p *place) {
	k := cacheKey{p.len(), p.compact}
	switch {
	case p.above != nil:
		p.above.below = p.below
	case p.below != nil:
		c.tops[k] = p.below
	default:
		delete(c.tops, k)
	}
	if p.below != nil {
		p.below.above = p.above
	}
	if p.newer != nil {
		p.newer.older = p.older
	} else {
		c.newest = p.older
	}
	if p.older != nil {
		p.older.newer = p.newer
	} else {
		c.oldest = p.newer
	}
	p.above, p.below, p.older, p.newer = nil, nil, nil, nil
	c.count--
	c.bytes -= uint64(p.len())
}
