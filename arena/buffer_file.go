package arena

import (
	"fmt"
	"io"
	"math"
)

// Seek sets where the next Read reads and the next Write writes, as with a file;
// see the table at [Buffer]. It returns the new position, which may lie beyond the
// end. An error (an unknown whence, or a position before the first byte or beyond
// what an int holds) changes nothing.
func (b *Buffer) Seek(offset int64, whence int) (int64, error) {
	base := 0
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = b.off
		if b.last == opWrite && !b.seeked {
			base = b.end()
		}
	case io.SeekEnd:
		base = b.end()
	default:
		return 0, fmt.Errorf("arena: Buffer.Seek: whence is %d", whence)
	}
	if offset < -int64(base) || offset > int64(math.MaxInt-base) {
		return 0, fmt.Errorf("arena: Buffer.Seek by %d bytes from %d: no such position", offset, base)
	}
	b.off = base + int(offset)
	b.seeked, b.soft, b.last = true, 0, opOther
	b.kept.Store(true)
	return int64(b.off), nil
}

// ReadAt reads from offset off on, whatever the position. It returns io.EOF if it
// reads less than len(p), and an error if off is negative. Any goroutine may call
// it while the owner writes, once a zero Buffer has an arena; it then sees what
// was published when it began. The owner's Reset, Truncate and Free, and writes
// that overwrite, exclude it. With a domain (Options.Domain, Options.Retire) it
// returns the error of [Arena.Pin].
func (b *Buffer) ReadAt(p []byte, off int64) (n int, err error) {
	if !b.kept.Load() { // ReadAt may run many times at once; a store is felt by all.
		b.kept.Store(true)
	}
	if off < 0 {
		return 0, fmt.Errorf("arena: Buffer.ReadAt: offset %d is negative", off)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.arena == nil {
		return 0, io.EOF
	}
	return b.arena.readAt(p, off)
}

// WriteAt writes p at offset off, whatever the position; what it leaves out
// between the end and off reads as zeros. It returns len(p), or 0 and what
// [Arena.Grow] returns, or an error if off is negative. p must not be a slice of b
// itself.
func (b *Buffer) WriteAt(p []byte, off int64) (n int, err error) {
	b.kept.Store(true)
	b.noUnread()
	if off < 0 {
		return 0, fmt.Errorf("arena: Buffer.WriteAt: offset %d is negative", off)
	}
	if off > math.MaxInt {
		return 0, fmt.Errorf("arena: Buffer.WriteAt: offset %d: %w", off, ErrFull)
	}
	return writeAt(b, p, int(off))
}

// writeAt is WriteAt, and Write at a position.
//
// Preconditions: off is not negative; kept is set.
func writeAt[T text](b *Buffer, p T, off int) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	more := math.MaxInt // More than there can be.
	if off <= math.MaxInt-len(p) {
		more = max(off+len(p)-b.end(), 0)
	}
	v, end, err := b.makeRoom(more)
	if err != nil {
		return 0, err
	}
	place(b, v, end, p, off)
	return len(p), nil
}

// place copies p to off: over bytes held, behind them, or partly so.
//
// Preconditions: v is the newest view, end the arena's length; off+len(p) is at
// most the capacity; p is not empty, and does not overlap where it goes unless it
// comes from behind.
func place[T text](b *Buffer, v *view, end int, p T, off int) {
	inside := min(max(end-off, 0), len(p))
	copy(v.Slice(off, inside), p)
	if inside < len(p) {
		b.arena.clearGap(v, end, off)
		appendText(b, v, off+inside, p[inside:])
	}
}

// clearGap makes [from, to) zero, where it may not be.
//
// Preconditions: from is the arena's length; v is the newest view and holds to.
func (a *Arena) clearGap(v *view, from, to int) {
	if to = min(to, int(a.dirty.Load())); from < to {
		clear(v.Slice(from, to-from))
	}
}
