package track

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// Errors of New and Dirty.
var (
	// ErrUnsupported means that this system cannot do it, or does not let us: Linux 6.7 is needed. It wraps
	// errors.ErrUnsupported, and the text says what to change.
	ErrUnsupported = dirty.ErrUnsupported
	// ErrGone means that memory that is tracked has been unmapped, or mapped anew.
	ErrGone = errors.New("tracked memory was unmapped or mapped anew")
)

// chunk is how much is scanned before what was found is yielded.
const chunk = 64 << 20

// Run is a run of pages that were written.
type Run struct {
	Range    int // number of the range, in the order given to New
	Off, Len int // within it, in bytes: whole pages
}

// Tracker notes which pages of some ranges are written. Make one with [New]. It is used by
// one goroutine at a time, but for Stats; the memory may be written by anybody at any time.
type Tracker struct {
	_ [0]sync.Mutex // go vet finds copies.

	watcher *dirty.Watcher // nil after Close
	areas   []*dirty.Area  // in the order of New
	pending []Run          // found and not yielded
	all     bool           // an error has left unknown what was found

	thing    *census.Thing
	mu       sync.Mutex   // held by Stats and Close
	reports  atomic.Int64 // times Dirty was called
	reported atomic.Int64 // bytes that were yielded
}

// New tracks ranges of memory: slices that begin and end where pages do, each mapped writable.
// All of it counts as written at first. The memory must stay mapped until Close.
//
// An error has changed nothing. It wraps ErrUnsupported, or says what is wrong with which range: that it
// is empty, not of whole pages, Go memory, not mapped, not writable, of the hugetlb pool or a device (errors.ErrUnsupported), overlaps
// another one, or is tracked already. Panics if there is no range.
func New(ranges ...[]byte) (*Tracker, error) {
	if len(ranges) == 0 {
		panic("track: New without a range")
	}
	spans, mappings := make([]dirty.Range, len(ranges)), make([][]uintptr, len(ranges))
	for i, b := range ranges {
		spans[i] = dirty.RangeOf(b)
		var err error
		if mappings[i], err = spans[i].Check(b); err != nil {
			return nil, fmt.Errorf("track: range %d, %v: %w", i, spans[i], err)
		}
	}
	if err := apart(spans); err != nil {
		return nil, fmt.Errorf("track: %w", err)
	}
	w, err := dirty.Open()
	if err != nil {
		return nil, fmt.Errorf("track: %w", err)
	}
	t := &Tracker{watcher: w}
	for i, s := range spans {
		a, err := add(w, s, mappings[i])
		if err != nil {
			w.Close()
			return nil, fmt.Errorf("track: range %d, %v: %w", i, s, err)
		}
		t.areas = append(t.areas, a)
	}
	t.thing = census.Enter(t, "tracker", "")
	return t, nil
}

// add has a range watched, which is of some mappings.
func add(w *dirty.Watcher, s dirty.Range, mappings []uintptr) (*dirty.Area, error) {
	for _, at := range mappings {
		if err := w.Try(at); err != nil {
			return nil, err
		}
	}
	return w.Add(s.Start, s.End)
}

// Dirty yields the pages that were written since they were yielded last, in runs, and tracks
// them anew: a page is protected first, and yielded then, so copying it then misses nothing. Runs of one range
// come in order of their offset mostly, and may overlap. Who stops early gets the rest the next time.
//
// An error ends it, and wraps ErrGone if memory has gone; the next call then tells all that is there.
// Panics after Close.
func (t *Tracker) Dirty() iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		if t.watcher == nil {
			panic("track: Dirty after Close")
		}
		t.reports.Add(1)
		if !t.drain(yield) {
			return
		}
		for i, a := range t.areas {
			for at := a.Start(); at < a.End(); {
				next := a.Split(at, chunk)
				if err := t.scan(i, at, next); err != nil {
					t.all = true
					yield(Run{}, fmt.Errorf("track: range %d, %v: %w", i, dirty.Range{Start: a.Start(), End: a.End()}, err))
					return
				}
				at = next
				if !t.drain(yield) {
					return
				}
			}
		}
		t.all = false
	}
}

// scan puts what was written of [from, to) of range i into pending.
func (t *Tracker) scan(i int, from, to uintptr) error {
	a := t.areas[i]
	err := t.watcher.Scan(a, from, to, func(start, end uintptr) {
		t.pending = append(t.pending, Run{Range: i, Off: int(start - a.Start()), Len: int(end - start)})
	})
	if err == nil {
		err = sys.IsMapped(from, to-from) // The scan leaves out what is not.
	}
	if t.all {
		t.pending = append(t.pending[:0], Run{Range: i, Off: int(from - a.Start()), Len: int(to - from)})
	}
	if err != nil && dirty.IsGone(err) {
		err = fmt.Errorf("%w: %w", ErrGone, err)
	}
	return err
}

// drain yields what was found.
func (t *Tracker) drain(yield func(Run, error) bool) bool {
	for i, r := range t.pending {
		t.reported.Add(int64(r.Len))
		if !yield(r, nil) {
			t.pending = slices.Delete(t.pending, 0, i+1)
			return false
		}
	}
	t.pending = t.pending[:0]
	return true
}

// Close ends tracking, and gives back what it has taken; the memory is as before. Panics if t is closed already.
func (t *Tracker) Close() {
	if t.watcher == nil {
		panic("track: Close after Close")
	}
	t.thing.Remove() // Before mu: who looks at it holds it.
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watcher.Close()
	t.watcher = nil
}

// apart returns an error if two ranges overlap.
func apart(ranges []dirty.Range) error {
	sorted := slices.Clone(ranges)
	slices.SortFunc(sorted, func(a, b dirty.Range) int { return cmp.Compare(a.Start, b.Start) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Start < sorted[i-1].End {
			return fmt.Errorf("ranges of %v and of %v overlap: give each page once", sorted[i-1], sorted[i])
		}
	}
	return nil
}
