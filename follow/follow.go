package follow

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// Errors that Extend can wrap.
var (
	// ErrBeyond means that the file is not as long as that (yet).
	ErrBeyond = errors.New("beyond the end of the file")
	// ErrShrunk means that the file has become shorter than it was.
	ErrShrunk = memfile.ErrShrunk
	// ErrFull means that Options.Limit does not allow it.
	ErrFull = mapping.ErrFull
)

// Follower is a read-only view of a file that others make longer; see the package
// comment. Make one with [New]. Its methods may be called concurrently unless they say
// otherwise.
type Follower struct {
	name  string // Immutable after New.
	limit int    // Immutable after New.

	// mapping is where the file is mapped. View is loaded by anyone (atomic), the rest
	// protected by mu. Its locks are the last.
	mapping mapping.Mapping

	// length is what Extend has made readable. It is never more than the capacity of the
	// newest view, and raised after that is published (atomic).
	length atomic.Int64

	mu   sync.Mutex
	file *memfile.Followed // Protected by mu; its descriptor may be closed.

	thing *census.Thing // Immutable after New.
}

// New makes a follower of f: a regular file on disk, in a tmpfs or in a hugetlbfs, or a
// memory file, such as [arena.Arena.File] opens or another process has sent. f need be
// open for reading only; the caller may close it. Its length is 0 before the first [Follower.Extend],
// however long the file is. Whatever else f is, a pipe or a file of /proc, is an error that wraps
// errors.ErrUnsupported. Panics if opts contradict themselves or a size is negative.
//
// Closing descriptors of a file, as New and Close do, ends record locks of the old kind
// (F_SETLK of fcntl(2)) that the process has on that file; those of flock(2), and of open
// files (F_OFD_SETLK), stay.
func New(f *os.File, opts Options) (*Follower, error) {
	if opts.Name == "" {
		opts.Name = "follower"
	}
	opts.check()
	l := &Follower{name: opts.Name, limit: opts.Limit}
	if err := l.open(f, opts); err != nil {
		return nil, fmt.Errorf("follow: make %q of %s: %w", l.name, nameOf(f), err)
	}
	l.thing = census.Enter(l, "follower", l.name)
	return l, nil
}

// nameOf returns the name of a file, also of none.
func nameOf(f *os.File) string {
	if f == nil {
		return "no file"
	}
	return f.Name()
}

func (l *Follower) open(f *os.File, opts Options) (err error) {
	if l.limit == 0 {
		l.limit = align.Down(math.MaxInt, memfile.ExtentSize)
	}
	rungs := opts.Rungs
	if rungs == 0 {
		rungs = mapping.AllRungs
	}
	space := opts.Space
	if space == nil {
		space = addrspace.Default()
	}
	if opts.NoDescriptor {
		if err := memfile.NoDuplicate(); err != nil {
			return fmt.Errorf("%w: mremap here makes no second mapping: leave NoDescriptor out", err)
		}
	}
	if l.file, err = memfile.Follow(f); err != nil {
		return err
	}
	l.file.MayShrink = opts.MayShrink
	page := l.file.Page()
	if opts.NoDescriptor && page > os.Getpagesize() {
		l.file.Close()
		return fmt.Errorf("%w: mremap makes no second mapping of pages of the hugetlb pool: leave NoDescriptor out", errors.ErrUnsupported)
	}
	l.mapping.Ladder = mapping.Ladder{
		Name: l.name, Space: space, Rungs: rungs, Prot: sys.ProtRead, NoFile: opts.NoDescriptor,
	}
	l.mapping.Limit, l.mapping.Page, l.mapping.Source = l.limit, page, mapping.WholeFile(l.file.Fd())
	l.mapping.Domain = opts.Domain
	if err := l.firstWindow(opts.Reserve); err != nil {
		l.file.Close()
		return err
	}
	if opts.Retire {
		l.mapping.RetireExactly()
	}
	if opts.NoDescriptor {
		l.file.Close()
	}
	return nil
}

// firstWindow reserves and maps the first window over the file.
func (l *Follower) firstWindow(reserve int) error {
	have := min(l.file.Size(), l.limit)
	if reserve == 0 {
		reserve = min(reserveDefault, l.limit)
	}
	least, err := l.mapping.WindowSize(max(have, 1))
	if err != nil {
		return err
	}
	size, err := l.mapping.WindowSize(max(reserve, have, 1))
	if err != nil {
		return err
	}
	// Pages of 1 GiB need an alignment that compact windows do not have.
	compact := size >= l.limit && l.mapping.Page <= memfile.ExtentSize
	err = l.mapping.Open(size, least, have, compact, nil)
	switch {
	case errors.Is(err, sys.EACCES):
		return fmt.Errorf("%w: the file is not open for reading: open it with os.O_RDONLY", err)
	case errors.Is(err, sys.ENODEV) || errors.Is(err, sys.EIO):
		return fmt.Errorf("%w: its file system does not map files: read it into an arena", err)
	}
	return err
}

// Name returns the follower's name.
func (l *Follower) Name() string { return l.name }

// Len returns how many bytes are readable: the most that Extend was called for.
func (l *Follower) Len() int { return int(l.length.Load()) }

// Cap returns up to which length Extend makes no system call. Panics after Close.
func (l *Follower) Cap() int { return l.load().Cap }

// Domain returns the domain through which old windows are retired, or nil where they are
// kept.
func (l *Follower) Domain() *epoch.Domain { return l.mapping.Domain }

// Bytes returns what is readable, [0, Len), which must not be written to: a store
// faults. For how long the slice is valid the package comment says; with Options.Retire
// use [Follower.Pin]. Panics after Close.
func (l *Follower) Bytes() []byte {
	n := l.Len() // Before the view: no view is shorter.
	return l.load().Slice(0, n)
}

// load returns the newest view. Panics after Close.
func (l *Follower) load() *mapping.View {
	v := l.mapping.View()
	if v.Window == nil {
		panic(fmt.Sprintf("follow: use of %q after Close", l.name))
	}
	return v
}

// Stats is a snapshot of what a follower holds and has done.
type Stats struct {
	Len, Cap, Limit int // Bytes.

	Window  int // Length of the current window in bytes of address space.
	Windows int // The current window and the old ones that are still mapped.
	Kept    int // Length of the old ones in bytes of address space.

	Growth arena.Growth

	Descriptor bool // The follower has one.
}

// Stats returns a snapshot. After Close, Len and Cap are 0, as are the windows but for
// those that a guard still sees; what is counted stays.
func (l *Follower) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Stats{Limit: l.limit, Growth: arena.Growth(l.mapping.Grown()), Descriptor: l.file.Fd() >= 0}
	s.Windows, s.Kept = l.mapping.Old()
	if v := l.mapping.View(); v.Window != nil { // Not closed.
		s.Windows++
		s.Len, s.Cap, s.Window = l.Len(), v.Cap, v.Window.Size()
	}
	return s
}

var _ io.Closer = (*Follower)(nil)

// Close gives everything back; the error is nil. The file stays as it is. With a domain,
// windows that a guard still sees stay until it is unpinned; without, no slice of the follower
// may be used any more, and no reader may be at work. Extend may be called meanwhile. Panics
// if the follower is closed already.
func (l *Follower) Close() error {
	l.shut()
	l.thing.Remove()
	l.mapping.LetGo(nil) // Nothing is locked: what is ready runs here, which may be others' code.
	return nil
}

// shut is Close without letting go of the windows.
func (l *Follower) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.load()
	l.mapping.Shut()
	l.file.Close()
}
