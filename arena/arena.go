package arena

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// Errors that a growth can wrap.
var (
	// ErrFull means that the arena's own limit does not allow it.
	ErrFull = mapping.ErrFull
	// ErrShrunk means that somebody has made the caller's backing file shorter.
	ErrShrunk = memfile.ErrShrunk
	// ErrInUse means that the caller's backing file is locked by somebody else.
	ErrInUse = memfile.ErrInUse
)

// Arena is a growable buffer; see the package comment. Make one with
// [NewArena]. Its methods may be called concurrently unless they say otherwise.
type Arena struct {
	name   string // Immutable after NewArena.
	limit  int    // Immutable after NewArena.
	commit bool   // Immutable after NewArena.

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

	// shared is set by Share (atomic).
	shared atomic.Bool

	// track is what is known of writes while they are tracked; nil: they are not. Stored under mu,
	// loaded by anyone (atomic).
	track atomic.Pointer[tracking]

	opened bool // a WritableFile was. Protected by mu.

	// small is set when the caller's file turns out to have no huge pages (atomic).
	small atomic.Bool

	// mapping is where the file is mapped. View is loaded by anyone (atomic), the rest
	// protected by mu. Its locks are the last.
	mapping mapping.Mapping

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

	mu   sync.Mutex
	file *memfile.File // Protected by mu; its descriptor is immutable until Free.

	shown holders // Of a caller's file. Has its own lock.

	thing *census.Thing // Immutable after NewArena.
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
	a := &Arena{name: opts.Name, limit: opts.Limit, commit: opts.Commit}
	if a.limit == 0 {
		a.limit = align.Down(math.MaxInt, extentSize)
	}
	rungs := opts.Rungs
	if rungs == 0 {
		rungs = mapping.AllRungs
	}
	space := opts.Space
	if space == nil {
		space = addrspace.Default()
	}
	if missing := memfile.NoRehome; !memfile.InPlace && rungs&^RungInWindow == RungRehome && missing() != nil {
		return nil, fmt.Errorf("%w (%w), and there is no other way out of the first window: set Options.Rungs (%v) to have RungAlias, too", mapping.ErrNoRehome, missing(), rungs)
	}
	var err error
	if opts.File != nil {
		a.file, err = memfile.Adopt(opts.File, a.name, !opts.NoLock)
	} else {
		a.file, err = memfile.New(a.name, opts.HugePages)
	}
	if err != nil {
		return nil, err
	}
	a.mapping.Ladder = mapping.Ladder{
		Name: a.name, Space: space, Rungs: rungs, Prot: sys.ProtRead | sys.ProtWrite, Huge: opts.HugePages, Own: a.file.Memfd(), Alone: &a.prep,
		Align: a.file.Page(), Advice: slices.Clone(opts.Advice),
	}
	a.mapping.Limit, a.mapping.Page, a.mapping.Source = a.limit, a.file.Page(), mapping.WholeFile(a.file.Fd())
	a.mapping.Domain = opts.Domain
	if err := a.firstWindow(opts.Reserve, opts.Dropped); err != nil {
		err = a.file.ExplainMap(err)
		a.file.Close()
		return nil, err
	}
	if opts.Retire {
		a.mapping.RetireExactly()
	}
	a.head.init(opts.Headroom, a)
	a.length.Store(int64(a.mapping.View().Cap))
	a.resetSoft()
	a.thing = census.Add(a, "arena", a.name, a.holds)
	return a, nil
}

// firstWindow reserves and maps the first window over the file, of which what is before
// dropped may have holes.
func (a *Arena) firstWindow(reserve, dropped int) error {
	have := a.file.Size()
	if have > a.limit {
		return fmt.Errorf("%w: the file holds %d bytes, the limit is %d", ErrFull, have, a.limit)
	}
	if reserve == 0 && !memfile.InPlace {
		reserve = min(reserveDefault, a.limit)
	}
	if memfile.InPlace {
		reserve = max(reserve, min(memfile.ReserveInPlace, a.limit))
	}
	least, err := a.mapping.WindowSize(max(have, 1))
	if err != nil {
		return err
	}
	size, err := a.mapping.WindowSize(max(reserve, have, 1))
	if err != nil {
		return err
	}
	compact := size >= a.limit // It is never extended.
	return a.mapping.Open(size, least, have, compact, func(v *view) error { return a.fillHoles(v, dropped) })
}

// load returns the newest view. Panics after Free.
func (a *Arena) load() *view {
	v := a.mapping.View()
	if v.Window == nil {
		panic(fmt.Sprintf("arena: use of %q after Free", a.name))
	}
	return v
}

// Name returns the arena's name.
func (a *Arena) Name() string { return a.name }

// Len returns the bytes handed out.
func (a *Arena) Len() int { return int(a.length.Load()) }

// Cap returns the bytes that can be handed out without a system call.
func (a *Arena) Cap() int { return a.load().Cap }

// Limit returns the most the arena can hold.
func (a *Arena) Limit() int { return a.limit }

// Bytes returns what has been handed out, [0, Len). Bytes handed out by another
// goroutine a moment ago may not have been written yet. For how long the slice
// is valid the pointer rule says; with Options.Retire use [Arena.Pin].
func (a *Arena) Bytes() []byte {
	v := a.load()
	// The view may be older than the length: a growth on another goroutine
	// published in between.
	return v.Slice(0, min(int(a.length.Load()), v.Cap))
}

// Offset returns where in the arena b begins: the number by which another
// process, or another window, knows the same byte. It panics if b begins in none
// of the arena's windows.
func (a *Arena) Offset(b []byte) int {
	a.load()
	off, ok := a.mapping.Offset(addressOf(dataOf(b)))
	if !ok {
		panic(fmt.Sprintf("arena: Offset in %q of a slice that is in none of its windows", a.name))
	}
	return off
}

// Domain returns the domain through which old windows are retired, or nil where
// they are kept.
func (a *Arena) Domain() *epoch.Domain { return a.mapping.Domain }

// Free gives everything back. With a domain, windows that a guard still sees
// stay until it is unpinned; without, no pointer into the arena may be used any
// more: a touch faults, or reads what has taken the place later. A file of the
// caller's is cut to Len and unlocked, unless it is sealed, has NoLock, or others have changed its
// length; failing to is the only error, and the rest is done all the same. As long as
// an Alias or, with a domain, a guard may show bytes of it, it stays as it is: the
// last of them to go cuts it, and nobody is told of an error then; to wait for that,
// call Domain().Shutdown after Free. It ends tracking ([Arena.Track]). Panics if the arena is free already. Nothing else
// may use the arena meanwhile, but aliases and, with a domain, guards.
func (a *Arena) Free() error {
	a.endTracking()
	length := a.shut()
	a.thing.Remove()
	// Nothing is locked: what is ready runs here, which may be others' code.
	var gone func() // Ends what guards show of a caller's file.
	if a.mapping.Domain != nil && !a.file.Memfd() {
		gone = a.shown.hold()
	}
	a.mapping.LetGo(gone)
	return a.shown.last(func() error {
		err := a.file.Cut(length)
		a.file.Close()
		if err != nil {
			return fmt.Errorf("arena: cut the file of %q to %d bytes: %w", a.name, length, err)
		}
		return nil
	})
}

// shut is Free without letting go of the windows and of the file. It returns the length.
func (a *Arena) shut() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.load()
	a.head.stop()
	a.prep.Lock() // Whoever prepares memory finds the view below afterwards.
	defer a.prep.Unlock()
	a.mapping.Shut()
	a.soft.Store(0)
	return a.Len()
}
