package addrspace

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/google/btree"
)

// noLimit is the limit of the last place.
const noLimit = ^uintptr(0)

// kind is what a place is taken by.
type kind uint8

const (
	live    kind = iota // a window somebody holds: Reserved, Mapped or Quarantined
	cached              // a released window, inaccessible, waiting to be handed out again
	stuck               // a released window the kernel did not take back yet
	foreign             // a mapping of somebody else, learned from the kernel
)

// ours reports whether the addresses of such a place are held by the Space.
func (k kind) ours() bool { return k != foreign }

// place is a taken range of addresses: the unit of the registry. It outlives
// the windows that stand on it one after the other.
type place struct {
	// start is the first address. Immutable.
	start uintptr
	// end is the address behind the last. Protected by registry.mu and Space.mu,
	// as are prev and next: changed with both held, read with either.
	end        uintptr
	prev, next *place  // neighbours in order of address
	limit      uintptr // next.start, or no limit: a gap is known from one cache line

	// w is the window that stands here, nil unless kind is live. Written with
	// Space.mu held, read by anyone (atomic).
	w atomic.Pointer[Window]

	// The rest is protected by Space.mu.

	kind    kind
	compact bool   // was placed in a band
	banded  bool   // its size counts in the band's fill
	vmas    int    // VMAs the kernel keeps for it; 0 for foreign ones
	vmaName string // what its Reserved parts are called in /proc/self/maps
	exposed bool   // stuck, and not even made inaccessible
	again   bool   // was in the cache and handed out from there
	anchor  anchor // what keeps its page tables
	hole    Range  // may belong to nobody, after two failed calls in a row

	// Links of the recycling cache, nil unless kind is cached.
	older, newer *place // all cached places by the time they came
	below, above *place // those of the same size, the latest on top
}

func (p *place) rng() Range   { return Range{p.start, p.end} }
func (p *place) len() uintptr { return p.end - p.start }

// String returns the range and the kind of p.
func (p *place) String() string {
	if p == nil {
		return "no place"
	}
	return fmt.Sprintf("%s %v", [...]string{"live", "cached", "stuck", "foreign"}[p.kind], p.rng())
}

// entry is what the tree holds: the key beside the pointer, so that a search
// does not touch the places it passes.
type entry struct {
	start uintptr
	p     *place
}

// treeDegree of the B-tree: nodes of up to 63 entries of 16 bytes. 16 to 64
// were equally fast with 60,000 places; 8 was a fifth slower.
const treeDegree = 32

// registry knows every taken place: our windows, the cached and stuck ones, and
// the foreign ranges we ran into. It makes no system calls.
//
// The places are in a B-tree by start and, in the same order, in a linked list:
// one search finds a place and both of its neighbours, and with them the gap.
type registry struct {
	// mu protects the structure for readers that do not hold Space.mu (Lookup,
	// All). Writers hold both.
	mu   sync.RWMutex
	tree *btree.BTreeG[entry] // nil until the first insert; protected by mu
	head place                // sentinel before the first place; protected by mu

	// near is the place that the last search by a writer found, or nil: inserting
	// into the gap just found needs no search. Protected by Space.mu.
	near *place
}

// before returns the last place that starts at or below addr, or the sentinel.
// It allocates nothing: the iterator does not outlive the call.
//
// Preconditions: r.mu or Space.mu is held. The same goes for at and first.
func (r *registry) before(addr uintptr) *place {
	found := &r.head
	if r.tree != nil {
		r.tree.DescendLessOrEqual(entry{start: addr}, func(e entry) bool {
			found = e.p
			return false
		})
	}
	return found
}

// at returns the place that contains addr, or nil.
func (r *registry) at(addr uintptr) *place {
	if p := r.before(addr); p.end > addr {
		return p
	}
	return nil
}

// first returns the first place that ends above addr, or nil.
func (r *registry) first(addr uintptr) *place {
	if p := r.before(addr); p.end > addr {
		return p
	} else {
		return p.next
	}
}

// insert adds p.
//
// Preconditions: Space.mu is held; p overlaps no other place.
func (r *registry) insert(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tree == nil {
		r.head.limit = noLimit
		r.tree = btree.NewG(treeDegree, func(a, b entry) bool { return a.start < b.start })
	}
	prev := r.near
	if prev == nil || prev.start > p.start || prev.limit < p.start {
		prev = r.before(p.start)
	}
	p.prev, p.next, p.limit = prev, prev.next, noLimit
	if p.next != nil {
		p.next.prev, p.limit = p, p.next.start
	}
	prev.next, prev.limit = p, p.start
	r.tree.ReplaceOrInsert(entry{p.start, p})
}

// remove takes p out.
//
// Preconditions: Space.mu is held; p is in r.
func (r *registry) remove(p *place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.near = nil
	r.tree.Delete(entry{start: p.start})
	p.prev.next, p.prev.limit = p.next, p.limit
	if p.next != nil {
		p.next.prev = p.prev
	}
	p.prev, p.next = nil, nil
}

// resize moves the end of p.
//
// Preconditions: Space.mu is held; the new range overlaps no other place.
func (r *registry) resize(p *place, end uintptr) {
	r.mu.Lock()
	p.end = end
	r.mu.Unlock()
}

// len returns the number of places.
func (r *registry) len() int {
	if r.tree == nil {
		return 0
	}
	return r.tree.Len()
}
