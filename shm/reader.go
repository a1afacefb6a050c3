package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
)

// Reader reads what is published, from an offset on, and waits for more. One goroutine at a
// time may use it; any number of readers may follow one Follower.
type Reader struct {
	f   *Follower
	ctx context.Context
	off int
}

var (
	_ io.Reader   = (*Reader)(nil)
	_ io.WriterTo = (*Reader)(nil)
	_ io.ReaderAt = (*Reader)(nil)
)

// NewReader returns a reader from an offset on. Its Read returns io.EOF when the writer has
// closed the buffer, ErrWriterGone when all is read that a dead writer has published, ErrDropped
// where the writer has dropped what comes next (one that begins at Front goes on), and
// else the errors of Wait, with ctx's among them. Panics if off is negative.
func (f *Follower) NewReader(ctx context.Context, off int) *Reader {
	if off < 0 {
		panic(fmt.Sprintf("shm: NewReader of %q at %d", f.name, off))
	}
	return &Reader{f, ctx, off}
}

// Offset returns where in the buffer the next Read begins.
func (r *Reader) Offset() int { return r.off }

// Read copies what is published behind the offset, and waits if there is nothing.
func (r *Reader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err = r.next(func(b []byte) error {
		n = copy(p, b)
		return nil
	}); err != nil {
		return 0, err
	}
	r.off += n
	return n, nil
}

// writeMost is how much one Write of WriteTo gets: the view is pinned meanwhile.
const writeMost = 1 << 20

// copyMost is how much that is where it has to be copied first.
const copyMost = 256 << 10

// WriteTo writes what is published behind the offset to w, and what comes, until the writer
// has closed the buffer. It copies nothing itself, unless the buffer is droppable: then what is
// written has to be there still when it was read.
func (r *Reader) WriteTo(w io.Writer) (total int64, err error) {
	var copied []byte
	if r.f.drops {
		copied = make([]byte, copyMost)
	}
	for {
		n := 0
		err := r.next(func(b []byte) (err error) {
			if copied != nil {
				n = copy(copied, b)
				return nil
			}
			n, err = w.Write(b[:min(len(b), writeMost)])
			return err
		})
		switch {
		case copied == nil:
		case err != nil:
			n = 0
		default:
			n, err = w.Write(copied[:n])
		}
		r.off += n
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// next calls do with what is published behind the offset.
func (r *Reader) next(do func(b []byte) error) error {
	if r.f.Len() <= r.off {
		if err := r.f.waitBeyond(r.ctx, r.off); err != nil {
			return err
		}
	}
	return r.f.readFrom(r.off, do)
}

// ReadAt copies from an offset on what is published now: io.EOF is its end. It does not
// wait, nor move the reader.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("shm: ReadAt of %q at %d: negative offset", r.f.name, off)
	}
	err = r.f.readFrom(int(min(off, math.MaxInt)), func(b []byte) error {
		n = copy(p, b)
		return nil
	})
	switch {
	case err != nil:
		return 0, err
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}
