package follow

import (
	"errors"
	"fmt"
	"io"

	"github.com/growarena/growarena/internal/mapping"
)

// Guard pins a view of a follower: what Bytes returns is valid, in place and of the same
// length until Unpin or Refresh, however the file grows meanwhile. From Close it
// protects only with Options.Retire or Options.Domain. A Guard is a small value; it may be
// kept across blocking calls and unpinned by another goroutine. It belongs to one
// goroutine at a time.
type Guard struct {
	follower *Follower
	n        int           // the follower's length, loaded before the view: no view is shorter
	held     mapping.Guard // A view.
}

// Pin returns a guard on what is readable now. It takes no lock, makes no system call and
// allocates nothing. Its only error wraps epoch.ErrClosed: after Close, which a reader
// need not know of, or after Close of the domain.
func (l *Follower) Pin() (Guard, error) {
	n := l.Len()
	if v := l.mapping.Kept(); v != nil {
		return Guard{follower: l, n: n, held: mapping.Guard{View: v}}, nil
	}
	g := Guard{follower: l, n: n}
	if err := l.mapping.Pin(&g.held); err != nil {
		return Guard{}, l.pinError(err)
	}
	return g, nil
}

// pinError says that there is nothing to pin any more.
func (l *Follower) pinError(err error) error {
	return fmt.Errorf("follow: pin %q, which has been closed or whose domain is: %w", l.name, err)
}

// Bytes returns what was readable when g was pinned or last refreshed. It must not be
// written to: a store faults. Panics (nil dereference) if g is not pinned.
func (g *Guard) Bytes() []byte { return g.held.View.Slice(0, g.n) }

// Refresh moves the guard to what is readable now; what Bytes returned before may become
// invalid. After an error, which is that of [Follower.Pin], the guard is unpinned.
func (g *Guard) Refresh() error {
	g.n = g.follower.Len()
	if err := g.follower.mapping.Refresh(&g.held); err != nil {
		return g.follower.pinError(err)
	}
	return nil
}

// Unpin ends the protection. Where windows are retired, unpinning twice, also through a
// copy, panics.
func (g *Guard) Unpin() { g.follower.mapping.Unpin(&g.held) }

// Read calls f with what is readable now, pinned for the duration of the call: the form
// of Pin that cannot be forgotten to end. It returns the error of Pin, or f's.
func (l *Follower) Read(f func(b []byte) error) error {
	g, err := l.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	return f(g.Bytes())
}

// errNegative is what ReadAt says to an offset below 0.
var errNegative = errors.New("negative offset")

var _ io.ReaderAt = (*Follower)(nil)

// ReadAt copies from off on, as io.ReaderAt has it, under a guard. Its errors are that of
// [Follower.Pin], and io.EOF at Len.
func (l *Follower) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("follow: ReadAt of %q at %d: %w", l.name, off, errNegative)
	}
	g, err := l.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin()
	return g.held.ReadAt(p, off, g.n)
}

// NewReader returns a reader, with an offset of its own, of what is readable by now.
func (l *Follower) NewReader() *io.SectionReader {
	return io.NewSectionReader(l, 0, int64(l.Len()))
}
