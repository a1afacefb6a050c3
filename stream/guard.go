package stream

import (
	"fmt"

	"github.com/growarena/growarena/epoch"
)

// Guard pins a snapshot: the bytes (of a Group, the rows) from Front to Len, as they were
// when it was pinned or last refreshed. They stay in place, and as they are, until Unpin
// or Refresh, whatever is appended, dropped or closed meanwhile. A Guard is a small value; it
// may be kept across blocking calls and unpinned by another goroutine. It belongs to one
// goroutine at a time.
type Guard struct {
	s     *sequence
	frame *frame // nil when not pinned
	front int64
	end   int64
	pin   epoch.Guard
}

// Pin returns a guard on what can be read now. It takes no lock, makes no system call and
// allocates nothing. Its only error wraps ErrClosed: after Close, which a reader
// need not know of, or after Close of the domain.
func (s *sequence) Pin() (Guard, error) {
	pin, err := s.domain.Pin()
	if err != nil {
		return Guard{}, s.pinError(err)
	}
	g := Guard{s: s, pin: pin}
	if err := g.look(); err != nil {
		return Guard{}, err
	}
	return g, nil
}

// look takes the snapshot under the pin.
func (g *Guard) look() error {
	s := g.s
	f := s.frame.Load()
	if s.exact {
		f = g.pin.Value().(*frame)
	}
	if f.dead {
		g.Unpin() // It would hold what others retire in the domain, for good.
		return s.pinError(ErrClosed)
	}
	g.show(f)
	return nil
}

// show takes the snapshot, of what f has of it.
//
// Preconditions: f was the newest frame when or after g was pinned.
func (g *Guard) show(f *frame) {
	s := g.s
	// The front is loaded after the pin: what is dropped later is retired later, and waits
	// for this pin. The end is loaded after the front, so it is no less.
	g.frame = f
	g.front = s.front.Load()
	g.end = s.order.end.Load()
	if s.frame.Load() != f {
		// What was published may be where only a newer frame is: f has what was taken
		// until it was shut. It was before anything of a newer one was published, and so
		// before the end was loaded, if that counts. If f is not shut, it is the newer one.
		if tail := f.tail.Load(); tail&shutBit != 0 {
			g.end = min(g.end, tail&^shutBit)
		}
	}
	g.front = min(g.front, g.end)
}

// pinError says that there is nothing to pin any more.
func (s *sequence) pinError(err error) error {
	if err != ErrClosed {
		err = fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return fmt.Errorf("stream: pin %q: %w", s.name, err)
}

// Front returns the first byte (or row) of the snapshot.
func (g *Guard) Front() int64 { return g.front }

// Len returns the end of the snapshot, from 0 and not from Front: the first byte (or row)
// that it does not have.
func (g *Guard) Len() int64 { return g.end }

// Refresh moves the guard to what can be read now; what Bytes returned before must not be
// used any more. After an error, which is that of Pin, the guard is unpinned.
func (g *Guard) Refresh() error {
	if err := g.pin.Refresh(); err != nil {
		g.frame = nil
		return g.s.pinError(err)
	}
	return g.look()
}

// Unpin ends the protection. Unpinning twice, also through a copy, panics.
func (g *Guard) Unpin() {
	g.frame = nil
	g.pin.Unpin()
}

// Bytes returns [off, off+n) of a Stream's snapshot, in place and with no spare capacity: valid
// until Unpin or Refresh. The error wraps ErrDropped where off is before Front, ErrRange
// where the range is negative or goes beyond Len. Panics if g is of a Group, or (nil
// dereference) not pinned.
func (g *Guard) Bytes(off int64, n int) ([]byte, error) {
	f := g.frame
	if off >= g.front && uint64(n) <= uint64(g.end-off) && off <= g.end && g.s.bytes {
		return f.tracks[0].bytes(off, n), nil
	}
	return nil, g.bytesError(off, n)
}

// All returns all of a Stream's snapshot, [Front, Len): see Bytes.
func (g *Guard) All() []byte {
	b, err := g.Bytes(g.front, int(g.end-g.front))
	if err != nil {
		panic(fmt.Sprintf("stream: BUG: snapshot of %q: %v", g.s.name, err))
	}
	return b
}

// bytesError says what is wrong with [off, off+n).
func (g *Guard) bytesError(off int64, n int) error {
	if !g.s.bytes {
		panic(fmt.Sprintf("stream: Bytes of a guard of group %q: its columns have View", g.s.name))
	}
	what := ErrRange
	if off >= 0 && n >= 0 && off < g.front {
		what = ErrDropped
	}
	return fmt.Errorf("stream: %d bytes at %d of %q, whose guard has [%d, %d): %w", n, off, g.s.name, g.front, g.end, what)
}
