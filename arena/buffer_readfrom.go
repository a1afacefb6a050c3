package arena

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// readStart is how much ReadFrom asks for first. It doubles with each read that
// is filled, up to an extent: a short stream is lent little memory to scribble on,
// a long one is read with few system calls.
const readStart = 64 << 10

// emptyReadsMax is how many reads in a row may return nothing and no error before
// ReadFrom gives up: as many as bufio bears with.
const emptyReadsMax = 100

// ReadFrom reads from r until EOF, straight into the arena, and publishes each
// read as a write. It returns the number of bytes, and any error but io.EOF: r's;
// io.ErrNoProgress after 100 reads of nothing; or what [Arena.Grow] returns when
// the Buffer is full, even if r is at its end, for that takes a byte of room to
// find out. Panics if r returns a count that is negative or above what was asked
// for.
func (b *Buffer) ReadFrom(r io.Reader) (n int64, err error) {
	size, empty := readStart, 0
	for {
		v, at, room, err := b.readRoom(size)
		b.last = opWrite // Only now: making room may have dropped what was read.
		if err != nil {
			return n, err
		}
		got, err := r.Read(room)
		if got < 0 || got > len(room) {
			panic(fmt.Sprintf("arena: Buffer.ReadFrom: Read of %d bytes returned a count of %d", len(room), got))
		}
		if got > 0 {
			b.take(v, at, room[:got])
			n += int64(got)
		}
		if got == len(room) {
			size = min(2*size, extentSize)
		}
		switch {
		case err == io.EOF:
			return n, nil
		case errors.Is(err, sys.EFAULT):
			return n, b.arena.faulted(v, at, err)
		case err != nil:
			return n, err
		case got > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				return n, io.ErrNoProgress
			}
		}
	}
}

// faulted says why the kernel could not store to the room at off, which it calls a bad
// address: as a store of ours would fault, the file has no memory there and gets none.
func (a *Arena) faulted(v *view, off int, err error) error {
	page := os.Getpagesize()
	at := align.Down(off, page)
	if memErr := memfile.Allocate(a.file.Fd(), int64(at), v.Addr(at), page); memErr != nil {
		err = fmt.Errorf("%w: there is no memory for the page: %w", err, memfile.ExplainMemory(memErr, a.file.Page()))
	}
	return fmt.Errorf("arena: read into %q at %d: %w", a.name, off, err)
}

// readRoom returns room for a read of up to size bytes, at least bytes.MinRead
// unless the arena is too full: where the next write goes, or behind all bytes
// held, so that a reader that uses more of the room than it fills harms nothing.
func (b *Buffer) readRoom(size int) (v *view, at int, room []byte, err error) {
	gap := min(b.gap(), math.MaxInt-bytes.MinRead)
	v, end, err := b.makeRoom(gap + bytes.MinRead)
	if err != nil {
		if v, end, err = b.lastRoom(gap, err); err != nil {
			return nil, 0, nil, err
		}
	}
	at = end + gap
	b.arena.clearGap(v, end, at)
	to := at + min(size, v.Ready-at)
	// From the second read on begin with an extent, as preparing does.
	if edge := align.Down(to, extentSize); edge-at >= bytes.MinRead {
		to = edge
	}
	b.arena.cross(v, at, to)
	b.arena.lend(to)
	return v, at, v.Slice(at, to-at), nil
}

// lastRoom is makeRoom for gap and for less than bytes.MinRead bytes behind it,
// where that failed with full: for what the limit leaves or, where the system
// refuses that too, the capacity. It returns full if that is nothing.
func (b *Buffer) lastRoom(gap int, full error) (v *view, end int, err error) {
	if b.arena == nil {
		return nil, 0, full
	}
	held := b.end()
	if !b.kept.Load() {
		held = b.Len()
	}
	for _, top := range [...]int{b.arena.limit, b.arena.load().Ready} {
		if left := top - held - gap; 0 < left && left < bytes.MinRead {
			if v, end, err = b.makeRoom(gap + left); err == nil {
				return v, end, nil
			}
		}
	}
	return nil, 0, full
}

// take makes p, which has been read into the room at offset at, part of the
// content.
//
// Preconditions: v, at and p are from readRoom, and nothing has happened since.
func (b *Buffer) take(v *view, at int, p []byte) {
	switch {
	case !b.seeked:
		b.publish(v, at+len(p))
	case b.off < at:
		place(b, v, at, p, b.off)
		b.off += len(p)
	default:
		b.publish(v, at+len(p))
		b.off += len(p)
	}
	b.last = opWrite
}
