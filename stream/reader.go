package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Reader reads a Stream as a file: an io.Reader, io.ReaderAt, io.Seeker and io.WriterTo of
// what begins at an offset of the stream, which is the Reader's offset 0. One from
// [Stream.NewReader] ends where the stream ended when it was made; one from
// [Stream.Follow] waits there for more. It holds no guard between calls, so that it need
// not be closed, and one that is forgotten keeps nothing: what DropFront has passed
// before it was read is an error that wraps ErrDropped. Read, Seek and WriteTo belong to
// one goroutine at a time, ReadAt to anyone.
type Reader struct {
	s     *Stream
	start int64 // its offset 0
	end   int64 // of a snapshot; not used if ctx is set
	pos   int64 // of the stream
	ctx   context.Context
}

var _ interface {
	io.ReadSeeker
	io.ReaderAt
	io.WriterTo
} = (*Reader)(nil)

// NewReader returns a reader of what can be read now from off on, for http.ServeContent,
// io.Copy and whoever else reads to the end. Panics if off is negative.
func (s *Stream) NewReader(off int64) *Reader {
	s.checkStart("NewReader", off)
	return &Reader{s: s, start: off, end: s.Len(), pos: off}
}

// Follow returns a reader from off on that waits at the end for more: it ends with io.EOF
// after CloseWrite, with ErrClosed after Close, and with ctx's error, which all are wrapped
// but for io.EOF. Before WriteTo waits it calls the writer's Flush, if that is an
// http.Flusher. Panics if off is negative or ctx nil.
func (s *Stream) Follow(ctx context.Context, off int64) *Reader {
	s.checkStart("Follow", off)
	if ctx == nil {
		panic(fmt.Sprintf("stream: Follow of %q from %d without a context", s.name, off))
	}
	return &Reader{s: s, start: off, pos: off, ctx: ctx}
}

func (s *Stream) checkStart(method string, off int64) {
	if off < 0 {
		panic(fmt.Sprintf("stream: %s of %q from %d", method, s.name, off))
	}
}

// Offset returns the offset in the stream of what Read reads next.
func (r *Reader) Offset() int64 { return r.pos }

// Size returns where the reader ends, counted from its beginning; one that follows, where it
// would have to wait now.
func (r *Reader) Size() int64 { return max(r.limit()-r.start, 0) }

// limit returns the offset in the stream where the reader ends.
func (r *Reader) limit() int64 {
	if r.ctx != nil {
		return r.s.Len()
	}
	return r.end
}

// Read copies what comes next, as much as there is.
func (r *Reader) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	// A pin that was preempted while the stream moved may have nothing yet of what can be read.
	for n == 0 && err == nil {
		if err := r.await(nil); err != nil {
			return 0, err
		}
		n, err = r.readAt(p, r.pos)
	}
	r.pos += int64(n)
	return n, err
}

// await waits for something to read at pos, and returns io.EOF where nothing will be. Before
// it waits it calls flush.
func (r *Reader) await(flush func()) error {
	if r.pos < r.limit() {
		return nil
	}
	if r.ctx == nil {
		return io.EOF
	}
	if flush != nil {
		flush()
	}
	return r.s.Wait(r.ctx, r.pos)
}

// ReadAt copies from off of the reader on, as io.ReaderAt has it: less than len(p) comes with
// io.EOF, where a reader that follows would have to wait, too.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("stream: read %q at %d: %w", r.s.name, off, ErrRange)
	}
	at := r.start + off
	if at < 0 { // It overflows.
		return 0, io.EOF
	}
	n, err = r.readAt(p, at)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// readAt copies what there is from the stream's offset at on.
func (r *Reader) readAt(p []byte, at int64) (n int, err error) {
	g, err := r.s.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin() // The copy may fault.
	b, err := r.from(&g, at, len(p))
	return copy(p, b), err
}

// from returns what g has from at on, at most n bytes, as far as the reader goes.
func (r *Reader) from(g *Guard, at int64, n int) ([]byte, error) {
	end := g.Len()
	if r.ctx == nil {
		end = min(end, r.end)
	}
	if at >= end {
		return nil, nil
	}
	return g.Bytes(at, int(min(int64(n), end-at)))
}

// errSeek are the errors of Seek.
var (
	errWhence = errors.New("stream: Reader.Seek: invalid whence")
	errSeek   = errors.New("stream: Reader.Seek: negative position")
)

// Seek sets where Read and WriteTo go on; io.SeekEnd counts from Size.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		offset += r.start
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += max(r.limit(), r.start)
	default:
		return 0, errWhence
	}
	if offset < r.start {
		return 0, errSeek
	}
	r.pos = offset
	return offset - r.start, nil
}

// writeMost is how much WriteTo writes under one guard: a slow writer keeps what it sees.
const writeMost = 1 << 20

// WriteTo writes what comes next to w, in place and without a copy, until the end. A
// guard is held for as long as one Write, of at most 1 MiB, takes.
func (r *Reader) WriteTo(w io.Writer) (n int64, err error) {
	var flush func()
	if f, ok := w.(interface{ Flush() }); ok {
		flush = f.Flush
	}
	for {
		err := r.await(flush)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		m, err := r.writeOnce(w)
		r.pos += int64(m)
		n += int64(m)
		if err != nil {
			return n, err
		}
	}
}

// writeOnce writes what there is, up to writeMost.
func (r *Reader) writeOnce(w io.Writer) (n int, err error) {
	g, err := r.s.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin()
	b, err := r.from(&g, r.pos, writeMost)
	if err != nil {
		return 0, err
	}
	if n, err = w.Write(b); err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}
