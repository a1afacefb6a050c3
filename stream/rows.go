package stream

import "fmt"

// Rows are rows that have been taken at the end of a group, or of a column, to be written
// and then published, in all columns at once. They are zero at first. Rows is a small
// value and belongs to one goroutine at a time; Publish or Cancel ends it.
type Rows struct {
	s  *sequence
	f  *frame
	at int64
	n  int
}

// Begin takes the next n rows: see [Rows]. What others take behind them can be read when
// these are published, so it should be soon. Within what is ready it is one compare-and-swap.
// An error has taken nothing; it wraps ErrFull, ErrClosed, addrspace.ErrNoSpace, or the
// errno of the system call that failed. Panics if n is not positive.
func (g *Group) Begin(n int) (Rows, error) {
	if n <= 0 {
		g.badCount("Begin", n)
	}
	f, at, err := g.take(int64(n))
	return Rows{s: &g.sequence, f: f, at: at, n: n}, err
}

// badCount panics for a number of elements.
func (s *sequence) badCount(method string, n int) {
	panic(fmt.Sprintf("stream: %s of %d %s in %q", method, n, s.elements, s.name))
}

// First returns the number of the first of the rows.
func (r Rows) First() int64 { return r.at }

// Len returns how many rows they are.
func (r Rows) Len() int { return r.n }

// Publish makes the rows readable, in all columns, when all rows before them are. The
// slices of them must not be written to any more. Panics if they have been already.
func (r Rows) Publish() { r.s.order.publish(r.at, r.at+int64(r.n)) }

// Cancel takes the rows back, and reports whether it could: where others have taken rows
// behind them they are published as zeros.
func (r Rows) Cancel() bool {
	for i, size := range r.s.sizes {
		r.f.tracks[i].zero(r.at*size, int64(r.n)*size)
	}
	// Nobody has taken anything behind them if the cursor is still at their end.
	if r.f.tail.CompareAndSwap(r.at+int64(r.n), r.at) {
		return true
	}
	r.Publish()
	return false
}

// append appends n elements that write writes to.
func (s *sequence) append(n int, write func(Rows) error) (at int64, err error) {
	f, at, err := s.take(int64(n))
	if err != nil {
		return -1, err
	}
	r, done := Rows{s, f, at, n}, false
	defer func() {
		if !done { // write has panicked, or ended the goroutine.
			r.Cancel()
		}
	}()
	err = write(r)
	done = true
	switch {
	case err == nil:
		r.Publish()
	case r.Cancel():
		at = -1
	default:
		err = fmt.Errorf("stream: append %d %s at %d of %q: %w; %w", n, s.elements, at, s.name, err, ErrZeroed)
	}
	return at, err
}

// appendNothing is an append of no elements.
func (s *sequence) appendNothing() (at int64, err error) {
	tail := s.frame.Load().tail.Load()
	if tail&shutBit == 0 {
		return tail, nil
	}
	// It is over, or just moving.
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return -1, fmt.Errorf("stream: append no %s to %q: %w", s.elements, s.name, s.overError())
	}
	return s.frame.Load().tail.Load(), nil
}
