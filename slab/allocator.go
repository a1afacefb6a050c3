package slab

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/pageheap"
)

// errTables means that the tables of pages, spans and groups are full, which
// takes terabytes of small objects.
var errTables = errors.New("allocator's tables are full")

// Options say how to make an [Allocator]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps. "" means "slab".
	Name string

	// Limit is the most bytes that objects may take, rounded up to pages and
	// spans, which are up to 1 MiB long (of objects of 32 KiB); an allocation
	// beyond fails with ErrLimit. 0 means no limit.
	Limit int

	// Domain is what Retire waits for.
	Domain *epoch.Domain

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space

	// Profile is the average number of bytes between two samples for [WriteProfile]. 0
	// means none are taken. 512 KiB is cheap and tells enough.
	Profile int

	// Debug finds uses of freed memory, writes beyond the end of an object, and
	// leaks, at the price of speed and memory; see the package comment.
	Debug bool
}

// Allocator hands out memory; see the package comment. Make one with [New]. All
// methods but Close may be called concurrently.
type Allocator struct {
	name   string           // Immutable after New.
	domain *epoch.Domain    // Immutable after New; may be nil.
	space  *addrspace.Space // Immutable after New.

	// watch is there in debug mode and with a profile, and then all goes through
	// it: one branch in Alloc and Free for both. Immutable after New.
	watch *watch

	// runUnit is what runs are a multiple of, in pages: in debug mode, which makes them
	// inaccessible, a page of the system, should that be larger than ours. Immutable
	// after New.
	runUnit int

	shards    []atomic.Pointer[shard]          // The slice is immutable after New. A shard is made when needed, but the first.
	shardMask uint32                           // Immutable after New.
	places    [placesLen]atomic.Pointer[shard] // the first shard, until two collide there
	moved     atomic.Uint32                    // counts up whenever a place is given another shard

	groups  groupTable
	spans   spanTable
	classes [classCount]atomic.Pointer[class] // A class is made when needed.
	pages   pageheap.Heap                     // Its lock protects what is said to be protected by pages.
	budget  budget
	large   large
	retired retired
	locals  locals
	idle    idle

	closed atomic.Bool
}

// New makes an allocator. It takes neither memory nor addresses before the first
// allocation.
func New(opts Options) *Allocator {
	if opts.Name == "" {
		opts.Name = "slab"
	}
	if opts.Limit < 0 || opts.Profile < 0 {
		panic(fmt.Sprintf("slab: make %q: Limit is %d, Profile %d, want 0 or more", opts.Name, opts.Limit, opts.Profile))
	}
	a := &Allocator{
		name:    opts.Name,
		budget:  budget{limit: int64(opts.Limit)},
		domain:  opts.Domain,
		space:   opts.Space,
		runUnit: 1,
	}
	if a.space == nil {
		a.space = addrspace.Default()
	}
	n := 1
	for n < shardsPerCPU*runtime.GOMAXPROCS(0) {
		n *= 2
	}
	a.shards = make([]atomic.Pointer[shard], n)
	a.shardMask = uint32(n - 1)
	first := a.makeShard(0)
	for i := range a.places {
		a.places[i].Store(first)
	}
	a.idle.init(a)
	a.pages.Init(pageheap.Options{Name: a.name, Space: a.space, Arm: a.idle.arm})
	a.large.init(a.name, a.space, &a.budget, &a.retired)
	if opts.Debug || opts.Profile > 0 {
		a.watch = newWatch(opts)
		if opts.Debug {
			a.runUnit = max(os.Getpagesize()/pageSize, 1)
		}
	}
	census.Mention(a)
	return a
}

// Alloc returns n bytes, whose contents are whatever they are; see [Allocator.AllocZero].
// The capacity is what the size class has: appending within it is free. Objects
// of 8 bytes and more are aligned to 8, those whose size is a multiple of a larger
// power of two, up to a page, to that. n of 0 gives an empty slice that need not
// be freed. An error wraps ErrLimit, addrspace.ErrNoSpace or the errno of the
// system call that failed, and nothing has changed. Panics if n is negative.
func (a *Allocator) Alloc(n int) ([]byte, error) {
	if uint(n-1) < smallMax && a.watch == nil {
		c := uint64(classOf(n)) & kindMask
		// As take, by hand and without the loop: a call less.
		if g := a.shard().current[c].Load(); g != 0 {
			gr := a.groups.at(g)
			v := gr.word.Load()
			if canTake(v, c) {
				if gr.word.CompareAndSwap(v, v&(v-1)) {
					size := kinds[c].size
					return bytesAt(gr.base.Load()+uintptr(bits.TrailingZeros64(v))*uintptr(size), n, int(size)), nil
				}
				a.collided(&gr.word, v)
			}
		}
	}
	return a.allocSlow(n, 1, false)
}

// AllocZero is Alloc of bytes that are zero, up to the capacity. What is zero already is
// not touched: of 8 KiB and more, pages never used before, or given back, take no memory
// until somebody touches them.
func (a *Allocator) AllocZero(n int) ([]byte, error) {
	if uint(n-1) < smallMax && a.watch == nil {
		c := classOf(n)
		if p, isZero := a.take(a.shard(), c); p != 0 {
			b := bytesAt(p, n, int(kinds[uint64(c)&kindMask].size))
			if !isZero {
				clear(b[:cap(b)])
			}
			return b, nil
		}
	}
	return a.allocSlow(n, 1, true)
}

// AllocAligned is Alloc at an address that is a multiple of alignment, a power of
// two of at most 4096. Panics if it is something else. Realloc does not keep the
// alignment.
func (a *Allocator) AllocAligned(n, alignment int) ([]byte, error) {
	if !align.IsPow2(alignment) || alignment > alignmentMax {
		panic(fmt.Sprintf("slab: AllocAligned: alignment is %d, want a power of two up to %d", alignment, alignmentMax))
	}
	return a.allocSlow(n, alignment, false)
}

const alignmentMax = 4096

// allocSlow allocates what the caller's shard does not have at hand, up to its capacity
// zero if so asked.
func (a *Allocator) allocSlow(n, alignment int, zero bool) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("slab: Alloc of %d bytes", n))
	}
	a.mustBeOpen("Alloc")
	if n == 0 {
		return []byte{}, nil
	}
	b, err := a.allocAny(n, alignment, zero)
	if err != nil {
		return nil, fmt.Errorf("slab: allocate %d bytes from %q: %w", n, a.name, err)
	}
	return b, nil
}

// allocAny allocates through watch or not, and once more at the limit, after
// giving back what only we hold on to.
func (a *Allocator) allocAny(n, alignment int, zero bool) (b []byte, err error) {
	for range 2 {
		if a.watch != nil {
			b, err = a.watch.alloc(a, n, alignment, zero)
		} else {
			b, err = a.allocKind(n, alignment, zero)
		}
		if !errors.Is(err, ErrLimit) {
			break
		}
		a.relent()
	}
	return b, err
}

// allocKind allocates n bytes, more than 0, of the kind that is for so many.
func (a *Allocator) allocKind(n, alignment int, zero bool) ([]byte, error) {
	size := max(n, alignment)
	if size <= smallMax {
		c := alignedClass(n, alignment)
		p, isZero, err := a.takeSlow(a.shard(), c, sparse(c, zero))
		if err != nil {
			return nil, err
		}
		b := bytesAt(p, n, int(classSize[c]))
		if zero && !isZero {
			clear(b[:cap(b)])
		}
		return b, nil
	}
	if size <= mediumMax {
		return a.allocMedium(n, a.wholeRun((size+pageSize-1)/pageSize), zero)
	}
	return a.large.alloc(n) // Zero anyway.
}

// sparse reports whether a new span of class c gets no memory before it is touched: if its
// first object shall be zero, and has pages of its own.
func sparse(c int, zero bool) bool { return zero && kinds[c].size >= punchSize }

func (a *Allocator) mustBeOpen(method string) {
	if a.closed.Load() {
		panic(fmt.Sprintf("slab: %s on %q after Close", method, a.name))
	}
}
