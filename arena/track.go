package arena

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// ErrTracked is what calls answer that would let bytes of an arena be written unseen while it is
// tracked: see [Arena.Track].
var ErrTracked = errors.New("the arena's writes are tracked")

// tracked are the arenas that are tracked, for AliasOf, which holds mu shared while it makes one
// that is writable. It comes before all locks.
var tracked struct {
	mu   sync.RWMutex
	list []*Arena // Protected by mu.
}

// Track begins to note which pages of the arena are written, so that [Arena.Checkpoint] can copy it
// while it is written to, and again only what has changed. All windows are watched, old and new; the
// first write to a page after it was copied takes 2 µs more, and nothing else costs anything. The arena may
// grow, move and be truncated. Untrack, or Free, ends it.
//
// Writes that could not be seen are refused. Track returns ErrTracked, wrapped in what is in the way, if it is
// tracked already, a writable Alias or other writable mapping of its file exists in this process, a WritableFile was ever opened, or its
// file is the caller's. While it is tracked a writable Alias, AliasOf or WritableFile is refused with ErrTracked. Other errors are
// track.ErrUnsupported where the system cannot do it (Linux 6.7 is needed), and those of limits. An error has
// changed nothing. What cannot be refused is for the caller to keep out: writes of other processes, and those of the kernel to pages that it
// holds (buffers registered with io_uring; direct I/O that is under way during a Checkpoint). Track takes two descriptors.
func (a *Arena) Track() error {
	if err := a.startTracking(); err != nil {
		return fmt.Errorf("arena: track %q: %w", a.name, err)
	}
	return nil
}

func (a *Arena) startTracking() error {
	a.load()
	w, err := dirty.Open()
	if err != nil {
		return err
	}
	t := &tracking{watcher: w, areas: map[*addrspace.Window]*dirty.Area{}}
	tracked.mu.Lock()
	defer tracked.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err = a.refuseUnseen(); err == nil {
		a.mapping.OnLeave(t.leave)
		if err = t.look(a.mapping.Windows()); err == nil {
			tracked.list = append(tracked.list, a)
			a.track.Store(t)
			return nil
		}
		a.mapping.OnLeave(nil)
	}
	t.ended = true
	w.Close()
	return err
}

// refuseUnseen returns an error if the arena can be written to in other ways than through its windows.
//
// Preconditions: mu is held.
func (a *Arena) refuseUnseen() error {
	switch {
	case a.track.Load() != nil:
		return fmt.Errorf("%w: it is tracked already", ErrTracked)
	case !a.file.Memfd():
		return fmt.Errorf("%w: its file is the caller's, who can write to it unseen: track an arena without Options.File", ErrTracked)
	case a.file.Page() > os.Getpagesize():
		return fmt.Errorf("%w: its pages are of the hugetlb pool, of which the kernel does not tell all", errors.ErrUnsupported)
	case a.opened:
		return fmt.Errorf("%w: a WritableFile was opened, through which it can be written unseen", ErrTracked)
	}
	info, err := sys.Stat(a.file.Fd())
	if err != nil {
		return err
	}
	windows := a.mapping.Windows()
	ours := func(v sys.VMA) bool {
		for _, w := range windows {
			if w.Range().Contains(v.Start) {
				return true
			}
		}
		return false
	}
	var other sys.VMA
	err = sys.Maps(func(v sys.VMA) bool {
		if v.File == info.ID && v.Perms[1] == 'w' && v.Perms[3] == 's' && !ours(v) {
			other = v
		}
		return other.End == 0
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: whether it is mapped elsewhere is seen in /proc/self/maps: mount /proc", err)
	case other.End != 0:
		return fmt.Errorf("%w: there is a writable mapping of it at %#x, an Alias perhaps: release that first, or make it ReadOnly", ErrTracked, other.Start)
	}
	return nil
}

// refuseTracked returns ErrTracked if the arena is tracked.
func (a *Arena) refuseTracked(what string) error {
	if a.track.Load() == nil {
		return nil
	}
	return fmt.Errorf("arena: %s %q: %w: end that first (Untrack)", what, a.name, ErrTracked)
}

// refuseAliasOf returns ErrTracked if [start, end) is of an arena that is tracked.
//
// Preconditions: tracked.mu is held, shared.
func refuseAliasOf(start, end uintptr) error {
	for _, a := range tracked.list {
		for _, r := range a.ranges() {
			if r.Overlaps(addrspace.Range{Start: start, End: end}) {
				return fmt.Errorf("%w: end that first (Untrack of %q), or make the alias ReadOnly", ErrTracked, a.name)
			}
		}
	}
	return nil
}

// ranges returns where the windows of an arena lie that is tracked, none if it is not.
func (a *Arena) ranges() (list []addrspace.Range) {
	t := a.track.Load()
	if t == nil {
		return nil
	}
	t.mu.RLock() // No old window is released.
	defer t.mu.RUnlock()
	a.mu.Lock() // And no new one comes, and none becomes old.
	defer a.mu.Unlock()
	if t.ended || a.mapping.View().Window == nil {
		return nil
	}
	for _, w := range a.mapping.Windows() {
		list = append(list, w.Range())
	}
	return list
}

// Untrack ends what Track began. Panics if the arena is not tracked. A Checkpoint that is under way ends
// with an error.
func (a *Arena) Untrack() {
	if !a.endTracking() {
		panic(fmt.Sprintf("arena: Untrack of %q, which is not tracked", a.name))
	}
}

// endTracking ends tracking, if there is any.
func (a *Arena) endTracking() bool {
	t := a.track.Swap(nil)
	if t == nil {
		return false
	}
	tracked.mu.Lock()
	tracked.list = slices.DeleteFunc(tracked.list, func(have *Arena) bool { return have == a })
	tracked.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	a.mapping.OnLeave(nil)
	t.ended = true
	t.watcher.Close()
	return true
}
