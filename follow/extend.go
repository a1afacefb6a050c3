package follow

import (
	"fmt"
	"os"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
)

// Extend makes [0, n) readable, once whoever writes the file has said that so much is
// there; a follower that is that long already stays as it is. Within Cap it takes no
// lock and makes no system call; else it asks how long the file is, and goes to a bigger
// window if it has to, which copies nothing. Panics if n is negative.
//
// An error has changed neither length nor capacity. It wraps ErrBeyond if the file is not so long,
// ErrShrunk if it has become shorter than it was (but see Options.MayShrink), ErrFull, addrspace.ErrNoSpace, the
// errno of the system call that failed, or, after Close, epoch.ErrClosed. What others
// cut off within Cap nobody notices here: touching it is a fault, which
// [arena.CatchFault] makes an error.
func (l *Follower) Extend(n int) error {
	if n < 0 {
		panic(fmt.Sprintf("follow: Extend of %q to %d bytes", l.name, n))
	}
	if v := l.mapping.View(); n > v.Cap || v.Window == nil {
		err := l.reach(n)
		l.mapping.OfferWaiting()
		if err != nil {
			return fmt.Errorf("follow: extend %q to %d bytes: %w", l.name, n, err)
		}
	}
	for {
		old := l.length.Load()
		if int64(n) <= old || l.length.CompareAndSwap(old, int64(n)) {
			return nil
		}
	}
}

// Reserve makes sure that the window holds n bytes, whether the file has them yet or not: up
// to there Extend finds all of it mapped, and the bytes stay where they are. It changes neither
// length nor capacity. Panics if n is negative. An error wraps what one of [Follower.Extend]
// does, but for ErrBeyond and ErrShrunk.
func (l *Follower) Reserve(n int) error {
	if n < 0 {
		panic(fmt.Sprintf("follow: Reserve of %q for %d bytes", l.name, n))
	}
	err := l.reserve(n)
	l.mapping.OfferWaiting()
	if err != nil {
		return fmt.Errorf("follow: reserve %d bytes for %q: %w", n, l.name, err)
	}
	return nil
}

// reserve is Reserve without offering old windows to a shared domain.
func (l *Follower) reserve(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.mapping.View()
	switch {
	case old.Window == nil:
		return errClosed
	case n <= old.Window.Size():
		return nil
	case n > l.limit:
		return l.full()
	}
	return l.mapping.Grow(n, func(v *mapping.View) error {
		v.Cap, v.Ready = old.Cap, old.Ready // The file has no more than before.
		return nil
	})
}

// errClosed is why nothing can be done after Close.
var errClosed = fmt.Errorf("it has been closed: %w", epoch.ErrClosed)

// full says that the limit is met.
func (l *Follower) full() error { return fmt.Errorf("%w: the limit is %d bytes", ErrFull, l.limit) }

// reach makes the capacity at least n.
func (l *Follower) reach(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.mapping.View()
	switch {
	case v.Window == nil:
		return errClosed
	case n <= v.Cap:
		return nil
	case n > l.limit:
		return l.full()
	case l.file.Fd() < 0:
		return l.reachByTouch(n)
	}
	size, err := l.file.Look()
	if err != nil {
		return err
	}
	if size < n {
		return fmt.Errorf("%w: it has %d", ErrBeyond, size)
	}
	goal := min(size, l.limit)
	if window := v.Window.Size(); n <= window {
		goal = min(goal, window) // What is beyond is not asked for yet.
	}
	err = l.mapping.Grow(goal, nil)
	if err != nil && n < goal {
		err = l.mapping.Grow(n, nil) // There may be room for so much.
	}
	return err
}

// reachByTouch is reach without a descriptor: as far as the page of the last byte.
//
// Preconditions: mu is held; capacity < n <= limit.
func (l *Follower) reachByTouch(n int) error {
	goal, ok := align.Up(n, os.Getpagesize())
	if !ok || goal > l.limit {
		goal = n
	}
	return l.mapping.Grow(goal, func(v *mapping.View) error {
		if _, err := mapping.Touch(v.Slice(0, n)); err != nil {
			return fmt.Errorf("%w: touching byte %d is a fault", ErrBeyond, n-1)
		}
		return nil
	})
}
