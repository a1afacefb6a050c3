package fuzz

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/stream"
)

// streamOp is an operation.
type streamOp struct {
	name string
	do   func(r *streamRun) error
}

// streamOps are the operations, with 0 the one that makes things. One of them plays others.
var streamOps []streamOp

func init() {
	streamOps = []streamOp{
		{"append", (*streamRun).append},
		{"appendFunc", (*streamRun).appendFunc},
		{"begin", (*streamRun).begin},
		{"end", (*streamRun).endOne},
		{"drop", (*streamRun).drop},
		{"pin", (*streamRun).pin},
		{"refresh", (*streamRun).refresh},
		{"unpin", (*streamRun).unpin},
		{"bytes", (*streamRun).bytes},
		{"read", (*streamRun).read},
		{"wait", (*streamRun).wait},
		{"barrier", (*streamRun).barrier},
		{"closeWrite", (*streamRun).closeWrite},
		{"close", (*streamRun).close},
	}
}

// count reads how many elements to append.
func (r *streamRun) count() int64 {
	most := 3 << 20
	if r.g != nil {
		most /= 12
	}
	n := int64(1 + r.in.size(most))
	if r.in.below(2) == 0 {
		n = int64(1 + r.in.below(most))
	}
	r.trace.args(int(n))
	return n
}

// append appends values that are there already.
func (r *streamRun) append() error {
	n := r.count()
	var at int64
	var err error
	if r.s != nil {
		b := make([]byte, n)
		eachPart(r.tail, len(b), func(i int, part []byte) { copy(b[i:], part) })
		at, err = r.s.Append(b)
	} else {
		at, err = r.g.Append(int(n), func(rows stream.Rows) error { return r.fill(rows, r.tail) })
	}
	if err != nil {
		return r.refusal(n, err)
	}
	x, err := r.take(at, n)
	if err == nil {
		r.done(x)
	}
	return err
}

// errStream is what appends fail with here.
var errStream = errors.New("failed")

// appendFunc appends by a function, in which the program goes on for a while, and which
// may fail or panic then.
func (r *streamRun) appendFunc() error {
	if r.depth == 3 {
		return nil
	}
	n, how := r.count(), r.in.below(6)
	var x *streamRange
	write := func(fill func(from int64) error) error {
		x, r.failed = r.take(r.tail, n)
		if r.failed == nil {
			r.failed = fill(x.from)
		}
		if r.failed == nil && how%2 == 1 {
			r.depth++
			r.failed = r.play()
			r.depth--
		}
		switch how / 2 {
		case 1:
			return errStream
		case 2:
			panic(errStream)
		}
		return nil
	}
	at, err, panicked := int64(-1), error(nil), false
	func() {
		defer func() {
			if p := recover(); p == errStream {
				panicked = true
			} else if p != nil {
				panic(p)
			}
		}()
		if r.s != nil {
			at, err = r.s.AppendFunc(int(n), func(b []byte) error {
				return write(func(from int64) error { return r.fillBytes(b, from) })
			})
		} else {
			at, err = r.g.Append(int(n), func(rows stream.Rows) error {
				return write(func(from int64) error { return r.fill(rows, from) })
			})
		}
	}()
	switch {
	case r.failed != nil:
		return r.failed
	case x == nil:
		return r.refusal(n, err)
	case panicked: // Whether it was taken back is seen by what comes next.
		return r.canceled(x, x.to == r.tail && !r.over && x.moves == r.Stats().Moves)
	case how/2 == 1:
		if !errors.Is(err, errStream) || (at == -1) == errors.Is(err, stream.ErrZeroed) || at != -1 && at != x.from {
			return fmt.Errorf("%d, %w for a function that fails at %d", at, err, x.from)
		}
		return r.canceled(x, at == -1)
	case err != nil || at != x.from:
		return fmt.Errorf("%d, %v, want %d", at, err, x.from)
	}
	r.done(x)
	return nil
}

// begin takes rows of a group and leaves them open.
func (r *streamRun) begin() error {
	if r.g == nil || len(r.taken) > streamOpenMax {
		return nil
	}
	n := r.count()
	rows, err := r.g.Begin(int(n))
	if err != nil {
		return r.refusal(n, err)
	}
	x, err := r.take(rows.First(), n)
	if err != nil {
		return err
	}
	x.rows = rows
	return r.fill(rows, x.from)
}

// endOne publishes or cancels some rows that are open.
func (r *streamRun) endOne() error {
	var open []*streamRange
	for _, x := range r.taken {
		if !x.done && x.rows.Len() > 0 {
			open = append(open, x)
		}
	}
	if len(open) == 0 {
		return nil
	}
	x := open[r.in.below(len(open))]
	if r.in.below(4) == 0 {
		return r.canceled(x, x.rows.Cancel())
	}
	x.rows.Publish()
	r.done(x)
	return nil
}

// drop drops some of the front, or what cannot be.
func (r *streamRun) drop() error {
	end := r.end()
	to := r.front + int64(r.in.size(int(end-r.front)))
	switch r.in.below(8) {
	case 0:
		to = end + 1 - int64(r.in.below(2))
	case 1:
		to = -1
	case 2, 3, 4:
		to = r.front + int64(r.in.below(int(end-r.front)+1))
	}
	r.trace.args(int(to))
	err := r.DropFront(to)
	switch {
	case to < 0 || to > end:
		if !errors.Is(err, stream.ErrRange) {
			return fmt.Errorf("drop up to %d of %d: %v", to, end, err)
		}
		return nil
	case r.closed:
		if !errors.Is(err, stream.ErrClosed) {
			return fmt.Errorf("drop of what is closed: %v", err)
		}
		return nil
	}
	r.front = max(r.front, to)
	return err
}

// wait waits with a context that has ended.
func (r *streamRun) wait() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	off := r.front + int64(r.in.size(int(r.tail-r.front)+2))
	r.trace.args(int(off))
	err := r.Wait(ctx, off)
	never := r.over && off >= r.tail
	switch {
	case off < r.end():
		return err
	case errors.Is(err, context.Canceled):
	case never && err == io.EOF:
	case r.closed && errors.Is(err, stream.ErrClosed):
	default:
		return fmt.Errorf("wait for %d of [%d, %d): %v", off, r.front, r.end(), err)
	}
	return nil
}

// barrier waits for what is retired, if no guard keeps it.
func (r *streamRun) barrier() error {
	if len(r.guards) > 0 {
		return nil
	}
	return r.Domain().Barrier(context.Background())
}

// closeWrite ends appending.
func (r *streamRun) closeWrite() error {
	if r.in.below(32) == 0 {
		r.CloseWrite()
		r.over = true
	}
	return nil
}

// close ends it all, with what is under way.
func (r *streamRun) close() error {
	if r.closed || r.in.below(32) != 0 {
		return nil
	}
	r.over, r.closed = true, true
	return r.Close()
}

// pinError returns an error if err is not what a pin may return.
func (r *streamRun) pinError(err error) error {
	if r.closed && errors.Is(err, stream.ErrClosed) {
		return nil
	}
	if r.closed && err == nil || errors.Is(err, epoch.ErrClosed) {
		return fmt.Errorf("pin, closed: %v: %v", r.closed, err)
	}
	return err
}
