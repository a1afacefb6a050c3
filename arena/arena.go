package arena

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// Errors that a growth can wrap.
var (
	// ErrFull means that the arena's own limit does not allow it.
	ErrFull = errors.New("arena full")
	// ErrShrunk means that somebody has made the caller's backing file shorter.
	ErrShrunk = memfile.ErrShrunk
	// ErrInUse means that the caller's backing file is locked by somebody else.
	ErrInUse = memfile.ErrInUse
)

// reserveDefault is the length of the first window where neither Reserve nor
// Limit says otherwise. Big enough that most arenas never climb beyond the
// cheapest rung, small enough that 200,000 of them fit the address space.
const reserveDefault = 256 << 20

// HugePages says how an arena or a pool uses huge pages.
type HugePages = memfile.HugePages

// How huge pages are used.
const (
	// HugeAuto makes huge pages where that is measured to pay: ahead of a
	// cursor that moves through memory, and for committed memory.
	HugeAuto = memfile.HugeAuto
	// HugeNever leaves all pages small.
	HugeNever = memfile.HugeNever
	// HugeAlways asks the kernel for huge pages everywhere (MADV_HUGEPAGE), also
	// for memory that is touched at random. Effective where
	// /sys/kernel/mm/transparent_hugepage/shmem_enabled is advise or more.
	HugeAlways = memfile.HugeAlways
	// HugeTLB2M takes pages of 2 MiB from the system's reserved pool
	// (vm.nr_hugepages); an empty pool is an error when growing.
	HugeTLB2M = memfile.HugeTLB2M
	// HugeTLB1G takes pages of 1 GiB from the reserved pool.
	HugeTLB1G = memfile.HugeTLB1G
)

// Options say how to make an [Arena]. The zero value works.
type Options struct {
	// Name appears in errors and in /proc/self/maps. "" means "arena".
	Name string

	// Reserve is the length in bytes of the first window: address space, not
	// memory. Up to there growing is one cheap system call, beyond there the
	// arena climbs the ladder. 0 means 256 MiB, or Limit if that is smaller.
	// Where the address space is limited the arena makes do with less.
	Reserve int

	// Limit is the most the arena can hold in bytes; growing beyond fails with
	// ErrFull. 0 means no limit but the system's.
	Limit int

	// Commit makes Grow, and Alloc where it grows, take the memory at once, so that
	// running out of it is an error with everything undone, never a signal at a
	// store. The holes of a File get memory when the arena is made, what Trim gave
	// back when it is grown into again; what Decommit gave back does not. One limit
	// stays a signal: a memory cgroup's (SIGKILL by the OOM killer) where the kernel
	// has no MADV_COLLAPSE, as Linux before 6.1. Without Commit the kernel gives
	// a page when it is first touched.
	Commit bool

	// HugePages says how to use huge pages.
	HugePages HugePages

	// Headroom bounds how many bytes may be prepared ahead of a cursor that
	// moves on steadily: memory that is ready costs a fraction of a page fault.
	// 0 means 256 MiB (and never more than an eighth of the length), a negative
	// number means none.
	Headroom int

	// Rungs restricts the growth ladder: to which rungs an arena may climb that
	// has outgrown its window. 0 means all that the kernel offers. Growing within
	// the window is always allowed.
	Rungs Rungs

	// Domain makes the arena retire old windows through this domain, which may
	// be shared by very many arenas: a pointer is then valid only while a guard
	// of the domain, pinned before the pointer was obtained, is held.
	Domain *epoch.Domain

	// Retire makes the arena retire old windows through a domain of its own: a
	// slice from a [Guard] is then valid while that guard is pinned and not
	// refreshed, and a slice from Alloc or Bytes until the next growth.
	// Exclusive with Domain.
	Retire bool

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space

	// File is the backing file, instead of a memfd: a regular file on disk, in
	// /dev/shm, or opened with O_TMPFILE, readable and writable. Its content is
	// the arena's, its size the length. The caller may close his. While the
	// arena lives the file is longer than Len, with zeros behind the data, and
	// stays so after a crash; Free cuts it to Len.
	//
	// Nothing is synced by itself: os.File.Sync on any descriptor of the file, the
	// caller's own for one, writes out what was stored through the arena, too.
	//
	// Growing never makes the file shorter: what others append to it stays until
	// the arena hands out the place, cleared, and Free does not cut it off. One
	// that others have cut is ErrShrunk when growing, and a fault where touched.
	//
	// The file is locked against other arenas, in this process and in others, until
	// Free: NewArena returns ErrInUse to the second, and says who has it. It is a
	// write lock on the whole file (F_OFD_SETLK), so programs that ask for locks see
	// it, too; those that do not are not kept out. Where the file system knows no
	// such locks the file is only kept from other arenas of this process.
	File *os.File

	// NoLock leaves File unlocked, for writers that have agreed who writes where, or
	// for a caller who holds a lock on it already. Free does not cut it then, since
	// others may use what this arena has made longer.
	NoLock bool
}

// Arena is a growable buffer; see the package comment. Make one with
// [NewArena]. Its methods may be called concurrently unless they say otherwise.
type Arena struct {
	name   string           // Immutable after NewArena.
	limit  int              // Immutable after NewArena.
	commit bool             // Immutable after NewArena.
	huge   HugePages        // Immutable after NewArena.
	rungs  Rungs            // Immutable after NewArena.
	space  *addrspace.Space // Immutable after NewArena.
	domain *epoch.Domain    // Immutable after NewArena; nil keeps old windows.
	exact  bool             // Immutable after NewArena: domain is our own and publishes views.

	// view is the newest view. Stored under mu, loaded by anyone (atomic).
	view atomic.Pointer[view]

	// soft is the end up to which Alloc needs nothing but the cursor: the
	// capacity, or less where something is to be done on the way (see cross).
	// Stored by whoever passes it, loaded by anyone (atomic).
	soft atomic.Int64

	// dirty is the end of what may hold old bytes: what Alloc hands out below
	// it is cleared. Stored by Reset and Truncate, loaded by anyone (atomic).
	dirty atomic.Int64

	// cuts counts how often the arena was made shorter, or lent, for Locals. Moved by
	// Truncate and writable, loaded by anyone (atomic).
	cuts atomic.Uint64

	// lent is the end of what others may write to at any time. Stored under mu, loaded
	// by Locals (atomic).
	lent atomic.Int64

	// top is the end of what has been handed out before the last Truncate: bytes beyond it
	// and Len are not ours yet. Needs the arena to itself.
	top int

	// small is set when the caller's file turns out to have no huge pages (atomic).
	small atomic.Bool

	_ [128]byte // The cursor is written all the time, what stands before it is read.

	// length is the cursor: bytes handed out. Moved by anyone (atomic).
	length atomic.Int64

	_ [128]byte

	head headroom // Has its own rules.

	// prep excludes preparing memory (shared) from moving page tables and from
	// giving windows up (exclusive): kernels before 6.12 have a race between
	// MADV_COLLAPSE and mremap of the same file (CVE-2024-50066), and a helper
	// must not advise on addresses that are no longer ours.
	prep sync.RWMutex

	mu    sync.Mutex
	file  *memfile.File // Protected by mu; its descriptor is immutable until Free.
	birth uint64        // Version of domain at which the current window was published. Protected by mu.
	grown Growth        // Protected by mu.

	// waiting are old windows that a shared domain has not been offered yet, or
	// had no room for. Protected by mu.
	waiting []*addrspace.Window

	old   oldWindows // Has its own lock.
	shown holders    // Of a caller's file. Has its own lock.
}

// NewArena makes an empty arena (or one with a file's content). It panics if
// opts contradict themselves or a size is negative.
func NewArena(opts Options) (*Arena, error) {
	if opts.Name == "" {
		opts.Name = "arena"
	}
	a, err := newArena(opts)
	if err != nil {
		return nil, fmt.Errorf("arena: make %q: %w", opts.Name, err)
	}
	return a, nil
}

func newArena(opts Options) (*Arena, error) {
	opts.check()
	a := &Arena{
		name:   opts.Name,
		limit:  opts.Limit,
		commit: opts.Commit,
		huge:   opts.HugePages,
		rungs:  opts.Rungs,
		space:  opts.Space,
		domain: opts.Domain,
	}
	if a.limit == 0 {
		a.limit = align.Down(math.MaxInt, extentSize)
	}
	if a.rungs == 0 {
		a.rungs = allRungs
	}
	if a.space == nil {
		a.space = addrspace.Default()
	}
	if missing := memfile.NoMoveKeep; a.rungs&^RungInWindow == RungRehome && missing() != nil {
		return nil, fmt.Errorf("%w (%w), and there is no other way out of the first window: set Options.Rungs (%v) to have RungAlias, too", errNoRehome, missing(), a.rungs)
	}
	var err error
	switch {
	case opts.File != nil:
		a.file, err = memfile.Adopt(opts.File, a.name, !opts.NoLock)
	case opts.HugePages == HugeTLB2M:
		a.file, err = memfile.New(a.name, 2<<20)
	case opts.HugePages == HugeTLB1G:
		a.file, err = memfile.New(a.name, 1<<30)
	default:
		a.file, err = memfile.New(a.name, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := a.firstWindow(opts.Reserve); err != nil {
		a.file.Close()
		return nil, err
	}
	if opts.Retire {
		a.domain = epoch.NewDomain(epoch.Options{Name: a.name})
		a.exact = true
		if a.birth, err = a.domain.Publish(a.view.Load()); err != nil {
			panic(fmt.Sprintf("arena: BUG: first publication of %q: %v", a.name, err))
		}
	}
	a.head.init(opts.Headroom, a)
	a.length.Store(int64(a.view.Load().cap))
	a.resetSoft()
	return a, nil
}

// check panics if the options contradict themselves.
func (o *Options) check() {
	switch {
	case o.Reserve < 0, o.Limit < 0:
		panic(fmt.Sprintf("arena: make %q: Reserve is %d, Limit %d, want 0 or more", o.Name, o.Reserve, o.Limit))
	case o.Domain != nil && o.Retire:
		panic(fmt.Sprintf("arena: make %q: both Domain and Retire are set", o.Name))
	case o.File != nil && (o.HugePages == HugeTLB2M || o.HugePages == HugeTLB1G):
		panic(fmt.Sprintf("arena: make %q: a File cannot take pages from the hugetlb pool", o.Name))
	case o.HugePages > HugeTLB1G:
		panic(fmt.Sprintf("arena: make %q: HugePages is %d", o.Name, o.HugePages))
	case o.Rungs&^allRungs != 0:
		panic(fmt.Sprintf("arena: make %q: Rungs is %#x", o.Name, uint8(o.Rungs)))
	}
}

// firstWindow reserves and maps the first window over the file.
func (a *Arena) firstWindow(reserve int) error {
	have := a.file.Size()
	if have > a.limit {
		return fmt.Errorf("%w: the file holds %d bytes, the limit is %d", ErrFull, have, a.limit)
	}
	if reserve == 0 {
		reserve = min(reserveDefault, a.limit)
	}
	least, err := a.windowSize(max(have, 1))
	if err != nil {
		return err
	}
	size, err := a.windowSize(max(reserve, have, 1))
	if err != nil {
		return err
	}
	w, err := a.space.Reserve(size, addrspace.ReserveOptions{
		Name: a.name, MapAll: true, Min: least,
		// Pages of 1 GiB need an alignment that compact windows do not have.
		Compact: size >= a.limit && a.file.Page() <= extentSize,
	})
	if err != nil {
		return err
	}
	if err := a.mapWindow(w); err != nil {
		return errors.Join(err, w.Release())
	}
	w.SetTouched(have)
	v := &view{base: w.Base(), cap: have, ready: have, window: w}
	if err := a.fillHoles(v); err != nil {
		return errors.Join(err, w.Release())
	}
	a.view.Store(v)
	return nil
}

// load returns the newest view. Panics after Free.
func (a *Arena) load() *view {
	v := a.view.Load()
	if v.window == nil {
		panic(fmt.Sprintf("arena: use of %q after Free", a.name))
	}
	return v
}

// Name returns the arena's name.
func (a *Arena) Name() string { return a.name }

// Len returns the bytes handed out.
func (a *Arena) Len() int { return int(a.length.Load()) }

// Cap returns the bytes that can be handed out without a system call.
func (a *Arena) Cap() int { return a.load().cap }

// Limit returns the most the arena can hold.
func (a *Arena) Limit() int { return a.limit }

// Bytes returns what has been handed out, [0, Len). Bytes handed out by another
// goroutine a moment ago may not have been written yet. For how long the slice
// is valid the pointer rule says; with Options.Retire use [Arena.Pin].
func (a *Arena) Bytes() []byte {
	v := a.load()
	// The view may be older than the length: a growth on another goroutine
	// published in between.
	return v.slice(0, min(int(a.length.Load()), v.cap))
}

// Offset returns where in the arena b begins: the number by which another
// process, or another window, knows the same byte. It panics if b begins in none
// of the arena's windows.
func (a *Arena) Offset(b []byte) int {
	off, ok := offsetOf(a, dataOf(b))
	if !ok {
		panic(fmt.Sprintf("arena: Offset in %q of a slice that is in none of its windows", a.name))
	}
	return off
}

// Domain returns the domain through which old windows are retired, or nil where
// they are kept.
func (a *Arena) Domain() *epoch.Domain { return a.domain }

// Free gives everything back. With a domain, windows that a guard still sees
// stay until it is unpinned; without, no pointer into the arena may be used any
// more: a touch faults, or reads what has taken the place later. A file of the
// caller's is cut to Len and unlocked, unless it is sealed, has NoLock, or others have changed its
// length; failing to is the only error, and the rest is done all the same. As long as
// an Alias or, with a domain, a guard may show bytes of it, it stays as it is: the
// last of them to go cuts it, and nobody is told of an error then. Panics if the
// arena is free already. Needs the arena to itself, but for guards and aliases.
func (a *Arena) Free() error {
	last, length := a.shut()
	// Nothing is locked: Close and Retire run what is ready, which may be others' code.
	done, cancel := context.WithCancel(context.Background())
	cancel()        // Free does not wait: what is pinned goes with its last guard.
	var gone func() // Ends what guards show of a caller's file.
	if a.domain != nil && !a.file.Memfd() {
		gone = a.shown.hold()
	}
	switch {
	case a.exact:
		drop := a.retired(a.birth, last)
		if gone != nil {
			drop = append(drop, epoch.Retired{Free: gone})
		}
		err := a.domain.Shutdown(done, drop...)
		if gone != nil && !errors.Is(err, epoch.ErrPinned) {
			gone() // Sooner than the reaper.
		}
	case a.domain != nil:
		a.offerWaiting()
		if gone != nil {
			a.whenUnpinned(gone)
		}
	default:
		a.old.releaseAll()
	}
	return a.shown.last(func() error {
		err := a.file.Cut(length)
		a.file.Close()
		if err != nil {
			return fmt.Errorf("arena: cut the file of %q to %d bytes: %w", a.name, length, err)
		}
		return nil
	})
}

// shut is Free without letting go of the windows and of the file. It returns the
// newest window, and the length.
func (a *Arena) shut() (last *addrspace.Window, length int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	a.head.stop()
	a.prep.Lock() // Whoever prepares memory finds the view below afterwards.
	a.view.Store(&view{})
	a.soft.Store(0)
	a.prep.Unlock()

	a.old.add(v.window)
	a.waiting = append(a.waiting, v.window)
	return v.window, a.Len()
}
