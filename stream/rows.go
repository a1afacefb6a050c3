package stream

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/growarena/growarena/internal/sys"
)

// Rows are rows that have been taken at the end of a group, or of a column, to be written
// and then published, in all columns at once. They are zero at first. Rows is a small
// value and belongs to one goroutine at a time; Publish or Cancel ends it, and is not to be
// called through a copy.
type Rows struct { // Four fields: more would not be passed in registers.
	f     *frame // nil when none were taken
	at    int64
	n     int
	state rowsState
}

// rowsState says who may end rows.
type rowsState uint8

const (
	rowsOpen rowsState = iota
	rowsLent           // Append of the group ends them.
	rowsEnded
)

// Begin takes the next n rows: see [Rows]. What others take behind them can be read when
// these are published, so it should be soon. Within what is ready it is one compare-and-swap.
// An error has taken nothing; it wraps ErrFull, ErrClosed, addrspace.ErrNoSpace, or the
// errno of the system call that failed. Panics if n is not positive.
func (g *Group) Begin(n int) (Rows, error) {
	if n <= 0 {
		g.badCount("Begin", n)
	}
	f, at, err := g.take(int64(n), false)
	return Rows{f: f, at: at, n: n}, err
}

// badCount panics for a number of elements.
func (s *sequence) badCount(method string, n int) {
	panic(fmt.Sprintf("stream: %s of %d %s in %q", method, n, s.elements, s.name))
}

// First returns the number of the first of the rows.
func (r *Rows) First() int64 { return r.at }

// Len returns how many rows they are.
func (r *Rows) Len() int { return r.n }

// Publish makes the rows readable, in all columns, when all rows before them are. The
// slices of them must not be written to any more. Panics if they have been published or
// canceled already, and for those that Append of a group hands out.
func (r *Rows) Publish() {
	if r.f == nil || r.state != rowsOpen {
		r.misused("Publish")
	}
	r.state = rowsEnded
	r.f.s.order.publish(r.at, r.at+int64(r.n))
}

// Cancel takes the rows back, and reports whether it has: where others have taken rows
// behind them, or appending was ended, they are published as zeros. After Publish, Cancel or
// an error of Begin it does nothing, so it can be deferred. Panics for those that Append of a
// group hands out.
func (r *Rows) Cancel() bool {
	switch {
	case r.f == nil || r.state == rowsEnded:
		return false
	case r.state == rowsLent:
		r.misused("Cancel")
	}
	r.state = rowsEnded
	return r.f.s.abandon(r.f, r.at, int64(r.n))
}

// misused panics for rows that are not to be ended, or not any more.
func (r *Rows) misused(method string) {
	if r.f == nil {
		panic(fmt.Sprintf("stream: %s of rows that were not taken", method))
	}
	what := "which are published or canceled already"
	if r.state == rowsLent {
		what = "which Append ends: return an error from its function"
	}
	panic(fmt.Sprintf("stream: %s of %d rows at %d of %q, %s", method, r.n, r.at, r.f.s.name, what))
}

// abandon ends the taking of [at, at+n) in f, and reports whether it is taken back.
func (s *sequence) abandon(f *frame, at, n int64) bool {
	if s.order.has(at) { // Published through a copy of Rows: it is not ours.
		return false
	}
	for i, size := range s.sizes {
		s.clear(&f.tracks[i], at*size, (at+n)*size)
	}
	// Nobody has taken anything behind it if the cursor is still at its end.
	if f.tail.CompareAndSwap(at+n, at) {
		return true
	}
	s.order.publish(at, at+n)
	return false
}

// clear makes [from, to) of a track zero again. Of more than an extent the memory is given
// back where that can be, so that what nobody has touched takes none now; with Options.Commit
// it stays, because it is promised to who takes these bytes next.
func (s *sequence) clear(v *view, from, to int64) {
	page := int64(os.Getpagesize())
	first, last := (from+page-1)&^(page-1), to&^(page-1)
	if to-from <= extentSize || s.commit || sys.Advise(v.addr(first), uintptr(last-first), sys.AdviseRemove) != nil {
		first, last = to, to
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, r := range [2]span{{from, first}, {last, to}} {
		for at := r.from; at < r.to; {
			next := min(at&^(page-1)+page, r.to)
			v.clearPage(at, next)
			at = next
		}
	}
}

// clearPage clears [from, to) of the track, in a page. One that cannot be touched for want of
// memory has none, and so it is zero.
func (v *view) clearPage(from, to int64) {
	defer func() { _ = recover() }()
	clear(v.bytes(from, int(to-from)))
}

// append appends n elements that write writes to.
func (s *sequence) append(n int, write func(Rows) error) (at int64, err error) {
	f, at, err := s.take(int64(n), false)
	if err != nil {
		return -1, err
	}
	done := false
	defer func() {
		if !done { // write has panicked, or ended the goroutine.
			s.abandon(f, at, int64(n))
		}
	}()
	if dirty := f.dirty.Load(); at < dirty { // A stream, and there is what was dropped.
		clear(f.tracks[0].bytes(at, int(min(dirty-at, int64(n)))))
	}
	err = write(Rows{f, at, n, rowsLent})
	done = true
	switch {
	case err == nil:
		s.order.publish(at, at+int64(n))
	case s.abandon(f, at, int64(n)):
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
