package shm

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/follow"
)

// Guard pins what a follower shows: the bytes from Front to Len, in place and of the same length
// until Unpin or Refresh, however the buffer grows meanwhile. In a buffer that is not
// droppable, Front is 0 and they never change. In one that is, the writer waits for nobody:
// [Guard.Check] tells whether what was read is what was published. A Guard is a small value; it may
// be kept across blocking calls and unpinned by another goroutine. It belongs to one goroutine at
// a time.
type Guard struct {
	f     *Follower
	front int
	held  follow.Guard
}

// Pin returns a guard on all that is published now and not dropped. Its error is that of Poll, or
// wraps os.ErrClosed after Close.
func (f *Follower) Pin() (Guard, error) {
	front, err := f.lookPast()
	if err != nil {
		return Guard{}, err
	}
	held, err := f.data.Pin()
	if err != nil {
		return Guard{}, err
	}
	return Guard{f, front, held}, nil
}

// lookPast is Poll, and returns the front that was before that.
func (f *Follower) lookPast() (front int, err error) {
	if !f.drops {
		_, err = f.Poll()
		return 0, err
	}
	s, err := f.look()
	return min(s.front, f.shown(s)), err
}

// Front returns the first byte that the guard shows: 0 where nothing can be dropped.
func (g *Guard) Front() int { return g.front }

// Len returns the end of what the guard shows, from 0 and not from Front.
func (g *Guard) Len() int { return len(g.held.Bytes()) }

// Bytes returns what was published when g was pinned or last refreshed: [Front, Len). It must
// not be written to: a store faults.
func (g *Guard) Bytes() []byte { return g.held.Bytes()[g.front:] }

// Check returns nil if nothing from off on was dropped before this call: what was read there until
// now is what was published. Else some of it may have been zeros, and what was made of it is
// to be thrown away: the error wraps ErrDropped. It makes no system call. Another error is
// that of a control page that cannot be read any more.
func (g *Guard) Check(off int) error {
	if !g.f.drops {
		return nil
	}
	return g.f.kept(off)
}

// Refresh moves the guard to what is published now; what Bytes returned before may become
// invalid. After an error, which is that of [Follower.Pin], the guard is unpinned.
func (g *Guard) Refresh() error {
	front, err := g.f.lookPast()
	if err != nil {
		g.Unpin()
		return err
	}
	g.front = front
	return g.held.Refresh()
}

// Unpin ends the protection. Where windows are retired, unpinning twice, also through a
// copy, panics.
func (g *Guard) Unpin() { g.held.Unpin() }

// Read calls f with all that is published now and not dropped, pinned for the duration of the
// call. It returns the error of Pin, or f's, or, where the buffer is not sealed, an ErrCorrupt for
// a fault. If some of it was dropped meanwhile the error wraps ErrDropped, whatever f has
// returned, and f may have read zeros.
func (f *Follower) Read(do func(b []byte) error) error {
	g, err := f.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	return g.read(g.front, do)
}

// read calls do with what g has from off on, which it has, and makes sure that it was there.
func (g *Guard) read(off int, do func(b []byte) error) error {
	f := g.f
	err := guarded(f.space, f.sealed, func() error { return do(g.held.Bytes()[off:]) })
	if dropped := g.Check(off); errors.Is(dropped, ErrDropped) {
		return dropped // A file system that is full makes a fault of a hole.
	}
	return err
}

// kept is Guard.Check where the buffer is droppable.
func (f *Follower) kept(off int) error {
	if f.closed {
		return f.wrap(os.ErrClosed)
	}
	l, err := f.attach()
	if err != nil {
		return err
	}
	defer f.detach(l)
	if f.sealed && l.kept(off) {
		return nil
	}
	err = guarded(f.space, f.sealed, func() error {
		if !l.kept(off) {
			return fmt.Errorf("%w: what begins at %d", ErrDropped, off)
		}
		return nil
	})
	if err != nil {
		return f.wrap(err)
	}
	return nil
}

// readFrom calls do with what is published from off on: nothing where there is none yet. Its
// errors are those of Read, and one that wraps ErrDropped if off is before the front.
func (f *Follower) readFrom(off int, do func(b []byte) error) error {
	g, err := f.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	switch {
	case off < g.front:
		return f.wrap(fmt.Errorf("%w: what begins at %d, and the front is %d", ErrDropped, off, g.front))
	case off >= g.Len():
		return do(nil)
	}
	return g.read(off, do)
}
