package shm

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/census"
)

// Follower shows what a [Writer] has published, as it grows, in this process or any other. It
// writes nothing but the bell, holds nothing up, and believes nothing that it has not
// checked. Make one with [Follow] or [Open]. Its methods may be called concurrently, but for
// Close.
type Follower struct {
	name  string
	space *addrspace.Space

	again         *again   // nil where the next three are there until Close; else see attach
	control, bell *os.File // the bell is nil where there is none, or, with again, nobody waits
	data          *follow.Follower
	sealed        bool // nobody can make the files shorter
	drops         bool // what is before the front can be gone
	max           int  // that is shown

	page *addrspace.Window // of the control file. Immutable until Close.
	l    *layout
	org  origin

	closed bool // Protected by mu.

	seen atomic.Int64 // bytes that are published and can be read. Stored under mu.

	mu   sync.Mutex
	last snapshot // Protected by mu.

	waiters waiters

	thing *census.Thing // nil before it is complete. Immutable until Close.
}

// Name returns the buffer's name.
func (f *Follower) Name() string { return f.name }

// Sealed reports whether nobody can make the buffer shorter, or write to it but its writer.
// Where it is not, touching bytes can fault: see [arena.CatchFault].
func (f *Follower) Sealed() bool { return f.sealed }

// Len returns how many bytes could be read when somebody last looked: see Poll.
func (f *Follower) Len() int { return int(f.seen.Load()) }

// Poll returns how many bytes are published now, at most Max; they can be read. It makes no system call
// while the buffer has not grown, or has where it was known to be as long. An error wraps
// ErrCorrupt, or is one of those that a bigger window can meet: what could be read before
// still can.
func (f *Follower) Poll() (int, error) {
	if f.sealed && !f.closed && f.l.length.Load() == uint64(f.seen.Load()) {
		return f.Len(), nil
	}
	s, err := f.look()
	return f.shown(s), err
}

// shown returns how many bytes of those that are published are shown.
func (f *Follower) shown(s snapshot) int { return min(s.length, f.max) }

// look reads the control page, and makes what is published readable.
func (f *Follower) look() (s snapshot, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return s, f.wrap(os.ErrClosed)
	}
	last := f.last
	l, err := f.attach()
	if err != nil {
		return last, err
	}
	defer f.detach(l)
	if s, err = f.readPage(l, last); err == nil && s.length > last.length {
		err = f.data.Extend(f.shown(s))
		if errors.Is(err, follow.ErrBeyond) || errors.Is(err, follow.ErrFull) {
			err = fmt.Errorf("%w: %d bytes are published: %w", ErrCorrupt, s.length, err)
		}
	}
	if err != nil {
		return last, f.wrap(err)
	}
	f.last = s
	f.seen.Store(int64(f.shown(s)))
	return s, nil
}

// readPage reads the control page, behind what was read of it before.
func (f *Follower) readPage(l *layout, last snapshot) (snapshot, error) {
	if f.sealed {
		return l.read(last) // Without a closure, which is an allocation.
	}
	var s snapshot
	err := guarded(f.space, false, func() (err error) {
		s, err = l.read(last)
		return err
	})
	return s, err
}

// Front returns where what can be read began when somebody last looked: see [Guard.Front] for one
// that goes with the bytes.
func (f *Follower) Front() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last.front
}

// wrap says which buffer an error is about.
func (f *Follower) wrap(err error) error { return fmt.Errorf("shm: follow %q: %w", f.name, err) }

// State returns what the writer said of itself when somebody last looked, and of which
// generation it is: how many writers there have been. Wait looks; Poll need not while the
// buffer has not grown, so who only polls does not see Close: see Alive.
func (f *Follower) State() (State, uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last.state, f.last.generation
}

// Alive reports whether the buffer has a writer that can publish more: whether the lock that
// it holds as long as it lives is held.
func (f *Follower) Alive() (bool, error) {
	alive, err := f.writerLives()
	if err != nil {
		return false, f.wrap(err)
	}
	return alive, nil
}

// Close ends following. Bytes may be used no longer; see follow.Follower. Nothing else
// may use f meanwhile but Wait, which returns os.ErrClosed. Panics if f is closed.
func (f *Follower) Close() error {
	f.endWaiting()
	f.thing.Remove()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		panic(fmt.Sprintf("shm: Close of %q, which is closed", f.name))
	}
	return f.drop()
}

// drop gives back what there is.
func (f *Follower) drop() error {
	f.closed = true
	var err error
	if f.data != nil {
		err = f.data.Close()
	}
	return errors.Join(err, f.dropBell(), f.dropControl())
}

// dropControl gives control page and file back.
func (f *Follower) dropControl() error {
	err := giveBack(f.page, f.control)
	f.page, f.l, f.control = nil, nil, nil
	return err
}

// dropBell gives the bell back.
func (f *Follower) dropBell() error {
	err := giveBack(f.waiters.page, f.bell)
	f.waiters.page, f.bell = nil, nil
	return err
}

// giveBack gives back what there is of a page and its file.
func giveBack(page *addrspace.Window, file *os.File) error {
	if page != nil {
		_ = page.Release() // The space keeps what it cannot release.
	}
	if file == nil {
		return nil
	}
	return file.Close()
}
