package dirty

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/internal/sys"
)

// ErrUnsupported is why writes cannot be noted here.
var ErrUnsupported = fmt.Errorf("noting which pages are written: %w", errors.ErrUnsupported)

// Watcher notes writes to areas. Its methods may be called concurrently, but for Close.
type Watcher struct {
	uffd, pagemap int
	buffers       sync.Pool // of *buffer

	taking sync.WaitGroup // the goroutine that lets moves go on
	over   atomic.Bool    // it is to end
}

type buffer struct{ runs []sys.PageRun }

// Open makes a watcher of nothing. It takes two descriptors.
func Open() (*Watcher, error) {
	w, err := open(sys.Watch)
	if err == nil {
		tellsAbsent() // Now, and not in somebody's pause.
	}
	return w, err
}

// OpenMoving is Open for memory whose page tables are going to be moved: whole ones at a time. What watches them goes
// along. Until Close a goroutine lets those go on who move some.
func OpenMoving() (*Watcher, error) {
	w, err := open(sys.WatchMoving)
	if err != nil {
		return nil, err
	}
	tellsAbsent()
	w.taking.Go(func() {
		for !w.over.Load() {
			sys.TakeMove(w.uffd)
		}
	})
	return w, nil
}

func open(watch func() (int, error)) (*Watcher, error) {
	uffd, err := watch()
	if err != nil {
		return nil, explain(err)
	}
	pagemap, err := sys.Pagemap()
	if err != nil {
		_ = sys.Close(uffd)
		if errors.Is(err, sys.ENOENT) || sys.IsDenied(err) {
			err = fmt.Errorf("%w: %w: mount /proc", ErrUnsupported, err)
		}
		return nil, err
	}
	w := &Watcher{uffd: uffd, pagemap: pagemap}
	w.buffers.New = func() any { return &buffer{sys.NewPageRuns(vector)} }
	return w, nil
}

// explain says what is missing.
func explain(err error) error {
	switch {
	case errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, sys.ENOSYS), errors.Is(err, sys.EINVAL):
		return fmt.Errorf("%w: %w: it needs Linux 6.7 (userfaultfd with UFFD_FEATURE_WP_ASYNC) on amd64 or arm64", ErrUnsupported, err)
	case errors.Is(err, sys.ENOSYS), sys.IsDenied(err):
		return fmt.Errorf("%w: %w: have the system call userfaultfd allowed by the sandbox's filter, or use a kernel with CONFIG_USERFAULTFD", ErrUnsupported, err)
	}
	return err
}

// Try returns an error if the mapping that at, the start of a page, lies in is of memory of which the kernel does
// not tell all. Else the page is watched then.
func (w *Watcher) Try(at uintptr) error {
	err := w.watch(at, at+pageSize) // Of the hugetlb pool it is refused, as it is less than a page.
	if errors.Is(err, sys.EINVAL) {
		err = fmt.Errorf("%w: memory of the hugetlb pool or of a device, of which the kernel does not tell what was written: %w", errors.ErrUnsupported, err)
	}
	return err
}

// Add has [start, end), which is mapped, watched: all of it counts as written. An error has changed nothing.
func (w *Watcher) Add(start, end uintptr) (*Area, error) {
	if err := w.watch(start, end); err != nil {
		return nil, err
	}
	return &Area{start, end}, nil
}

// AddMoved is Add of memory whose page tables have come from elsewhere, with the protection that they had
// there.
func (w *Watcher) AddMoved(start, end uintptr) (*Area, error) {
	a, err := w.Add(start, end)
	if err != nil {
		return nil, err
	}
	if err := sys.ClearRange(w.uffd, start, end-start); err != nil {
		_ = w.Remove(start, end) // It would count as clean where it is not.
		return nil, fmt.Errorf("clear [%#x, %#x): %w", start, end, err)
	}
	return a, nil
}

// Extend has the area watched up to end, which is mapped: what is watched already stays as it is, and what
// is not any more, because page tables were moved away, is again. An error has changed nothing.
func (w *Watcher) Extend(a *Area, end uintptr) error {
	if err := w.watch(a.start, max(a.end, end)); err != nil {
		return err
	}
	a.end = max(a.end, end)
	return nil
}

func (w *Watcher) watch(start, end uintptr) error {
	watched.mu.Lock()
	defer watched.mu.Unlock()
	undo := w.enterLocked(start, end)
	err := sys.WatchRange(w.uffd, start, end-start)
	if err == nil {
		return nil
	}
	undo()
	if errors.Is(err, sys.EBUSY) {
		err = fmt.Errorf("%w: another userfaultfd has it: end that first", err)
	}
	return fmt.Errorf("watch [%#x, %#x): %w", start, end, err)
}

// Remove ends watching [start, end), an area, which is mapped. To end all, Close is cheaper.
func (w *Watcher) Remove(start, end uintptr) error {
	if err := sys.UnwatchRange(w.uffd, start, end-start); err != nil {
		return fmt.Errorf("unwatch [%#x, %#x): %w", start, end, err)
	}
	w.Forget(start)
	return nil
}

// Forget is told that the area that begins at start is being unmapped, which ends watching it.
func (w *Watcher) Forget(start uintptr) {
	watched.mu.Lock()
	defer watched.mu.Unlock()
	w.leaveLocked(start)
}

// Close ends watching, and clears all protection: some 10 ms for each GiB of small pages.
func (w *Watcher) Close() {
	w.over.Store(true)
	w.taking.Wait()
	for _, fd := range []int{w.uffd, w.pagemap} {
		if err := sys.Close(fd); err != nil {
			panic(fmt.Sprintf("dirty: BUG: close of descriptor %d: %v", fd, err))
		}
	}
	watched.mu.Lock()
	defer watched.mu.Unlock()
	delete(watched.by, w)
}

// IsGone reports whether err of a scan says that what was watched is so no more: it was mapped anew.
func IsGone(err error) bool { return errors.Is(err, sys.EPERM) || errors.Is(err, sys.ENOMEM) }
