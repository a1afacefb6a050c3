package slab

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
)

// ErrLimit means that Options.Limit does not allow it.
var ErrLimit = errors.New("allocator's limit reached")

// errTables means that the tables of pages, spans and groups are full, which
// takes terabytes of small objects.
var errTables = errors.New("allocator's tables are full")

// mediumMax is the largest request that is served with a run of pages. Above it,
// growing without a copy is worth a band of its own.
const mediumMax = 1 << 20

// Options say how to make an [Allocator]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps.
	Name string

	// Limit is the most bytes that objects may take, rounded up to pages and
	// spans; an allocation beyond fails with ErrLimit. 0 means no limit.
	Limit int

	// Domain is what Retire waits for.
	Domain *epoch.Domain

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space
}

// Allocator hands out memory; see the package comment. Make one with [New]. All
// methods but Close may be called concurrently.
type Allocator struct {
	name        string           // Immutable after New.
	limit       int64            // Immutable after New; 0 for none.
	domain      *epoch.Domain    // Immutable after New; may be nil.
	space       *addrspace.Space // Immutable after New.
	regionBytes int              // Immutable after New.

	shards    []shard // Immutable after New; their content is atomic.
	shardMask uint64  // Immutable after New.

	regions atomic.Pointer[[]*region] // Replaced under pages.mu, read by anyone.
	groups  groupTable
	spans   spanTable
	classes [classCount]class
	pages   pageHeap
	large   large

	charged        atomic.Int64 // bytes of spans and large objects
	decommitted    atomic.Int64 // bytes given back to the system so far
	decommitFailed atomic.Int64
	closed         atomic.Bool
}

// shard is where goroutines whose stacks hash alike take small objects from.
type shard struct {
	current [classCount]atomic.Uint32 // owned group of each class; 0 for none. Stored under class.mu.
	_       [128]byte                 // The next shard belongs to others.
}

// shardsPerCPU keeps it unlikely that two running goroutines share a shard.
const shardsPerCPU = 4

// New makes an allocator. It takes neither memory nor addresses before the first
// allocation.
func New(opts Options) *Allocator {
	if opts.Limit < 0 {
		panic(fmt.Sprintf("slab: New: Limit is %d", opts.Limit))
	}
	a := &Allocator{
		name:        opts.Name,
		limit:       int64(opts.Limit),
		domain:      opts.Domain,
		space:       opts.Space,
		regionBytes: regionBytes,
	}
	if a.name == "" {
		a.name = "slab"
	}
	if a.space == nil {
		a.space = addrspace.Default()
	}
	n := 1
	for n < shardsPerCPU*runtime.GOMAXPROCS(0) {
		n *= 2
	}
	a.shards = make([]shard, n)
	a.shardMask = uint64(n - 1)
	a.regions.Store(new([]*region))
	return a
}

// Alloc returns n bytes, whose contents are whatever they are; see [Allocator.AllocZero].
// The capacity is what the size class has: appending within it is free. Objects
// of 8 bytes and more are aligned to 8, those whose size is a multiple of a larger
// power of two, up to a page, to that. n of 0 gives an empty slice that need not
// be freed. An error wraps ErrLimit, addrspace.ErrNoSpace or the errno of the
// system call that failed, and nothing has changed. Panics if n is negative.
func (a *Allocator) Alloc(n int) ([]byte, error) {
	if uint(n-1) < smallMax {
		c := classOf(n)
		s := &a.shards[stackHash()>>32&a.shardMask]
		if p := a.take(s, c); p != 0 {
			return bytesAt(p, n, int(classSize[c])), nil
		}
	}
	return a.allocSlow(n, 1)
}

// AllocZero is Alloc of bytes that are zero, up to the capacity.
func (a *Allocator) AllocZero(n int) ([]byte, error) {
	b, err := a.Alloc(n)
	if n <= mediumMax {
		clear(b[:cap(b)])
	} // Larger ones are zero.
	return b, err
}

// AllocAligned is Alloc at an address that is a multiple of alignment, a power of
// two of at most 4096. Panics if it is something else.
func (a *Allocator) AllocAligned(n, alignment int) ([]byte, error) {
	if !align.IsPow2(alignment) || alignment > alignmentMax {
		panic(fmt.Sprintf("slab: AllocAligned: alignment is %d, want a power of two up to %d", alignment, alignmentMax))
	}
	return a.allocSlow(n, alignment)
}

const alignmentMax = 4096

// allocSlow allocates what the caller's shard does not have at hand.
func (a *Allocator) allocSlow(n, alignment int) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("slab: Alloc of %d bytes", n))
	}
	a.mustBeOpen("Alloc")
	b, err := a.allocKind(n, alignment)
	if err != nil {
		return nil, fmt.Errorf("slab: allocate %d bytes from %q: %w", n, a.name, err)
	}
	return b, nil
}

func (a *Allocator) allocKind(n, alignment int) ([]byte, error) {
	if n == 0 {
		return []byte{}, nil
	}
	// Objects lie at multiples of their size from the start of a page.
	size := max(n, alignment)
	if size <= smallMax {
		c := classOf(size)
		for int(classSize[c])&(alignment-1) != 0 {
			c++ // Ends: the largest classes are multiples of a page.
		}
		s := &a.shards[stackHash()>>32&a.shardMask]
		p, err := a.takeSlow(s, c)
		if err != nil {
			return nil, err
		}
		return bytesAt(p, n, int(classSize[c])), nil
	}
	if size <= mediumMax {
		pages := (size + pageSize - 1) / pageSize
		sp, err := a.beginSpan(pages, mediumClass)
		if err != nil {
			return nil, err
		}
		return bytesAt(sp.start, n, pages*pageSize), nil
	}
	return a.large.alloc(a, n)
}

// Free gives b back, which Alloc, AllocAligned or Realloc has returned; what
// counts is where it begins and its capacity, so it may have been resliced to
// another length. Freeing an empty slice of capacity 0, or nil, does nothing.
// Panics, with nothing damaged, if b is free already, is the inside of an object,
// has another capacity, or is not of this allocator.
func (a *Allocator) Free(b []byte) {
	p := addrOf(b)
	sp := a.find(p)
	if sp == nil || sp.class >= classCount {
		a.freeSlow(b, sp)
		return
	}
	off := uint32(p - sp.start)
	idx := uint32(uint64(off) * uint64(sp.magic) >> 32)
	if idx*sp.size != off || cap(b) != int(sp.size) || idx >= sp.objects {
		a.misuse("Free", b, sp)
	}
	if !a.put(sp, int(idx)) {
		panic(fmt.Sprintf("slab: Free of %d bytes at %#x: free already", cap(b), p))
	}
}

// freeSlow frees what is not small.
func (a *Allocator) freeSlow(b []byte, sp *span) {
	a.mustBeOpen("Free")
	switch {
	case cap(b) == 0:
	case sp == nil:
		a.large.free(a, b)
	case sp.class == mediumClass:
		a.freeMedium(b, sp)
	default:
		a.misuse("Free", b, sp)
	}
}

// freeMedium frees a run of pages. Of two goroutines that free the same one, the
// lock tells who was first.
func (a *Allocator) freeMedium(b []byte, sp *span) {
	a.pages.mu.Lock()
	ok := sp.class == mediumClass && addrOf(b) == sp.start && cap(b) == int(sp.size)
	if ok {
		a.endSpanLocked(sp)
	}
	a.pages.mu.Unlock()
	if !ok {
		a.misuse("Free", b, sp)
	}
}

// misuse panics because b is not what was allocated in sp.
func (a *Allocator) misuse(method string, b []byte, sp *span) {
	p := addrOf(b)
	off := p - sp.start
	if sp.class > mediumClass {
		panic(fmt.Sprintf("slab: %s of %d bytes at %#x: free already", method, cap(b), p))
	}
	if in := off % uintptr(sp.size); in != 0 {
		panic(fmt.Sprintf("slab: %s of %d bytes at %#x: that is %d bytes inside an object of %d bytes", method, cap(b), p, in, sp.size))
	}
	if off/uintptr(sp.size) >= uintptr(sp.objects) {
		panic(fmt.Sprintf("slab: %s of %d bytes at %#x: that is no object", method, cap(b), p))
	}
	panic(fmt.Sprintf("slab: %s of a slice of capacity %d at %#x: the object there has %d bytes", method, cap(b), p, sp.size))
}

func (a *Allocator) mustBeOpen(method string) {
	if a.closed.Load() {
		panic(fmt.Sprintf("slab: %s on %q after Close", method, a.name))
	}
}
