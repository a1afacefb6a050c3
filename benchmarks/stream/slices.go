package stream

import (
	"sync"
	"sync/atomic"
)

// vectors are the columns as slices, and which rows they have.
type vectors struct {
	u     [wide][]uint64
	v     [narrow][]uint32
	front int64
}

// append appends rows, and reports whether that moved them.
func (s *vectors) append(first int64, n int) (moved bool) {
	for c := range s.u {
		fill(extend(&s.u[c], n, &moved), c, first)
	}
	for c := range s.v {
		fill(extend(&s.v[c], n, &moved), wide+c, first)
	}
	return moved
}

// extend makes s longer by n, by append, and returns what is new. It sets moved if s is
// somewhere else now.
func extend[T any](s *[]T, n int, moved *bool) []T {
	if len(*s)+n > cap(*s) {
		*s, *moved = append(*s, make([]T, n)...), true
	} else {
		*s = (*s)[:len(*s)+n]
	}
	return (*s)[len(*s)-n:]
}

// drop drops the rows before to: append copies what is left, when there is no room behind it.
func (s *vectors) drop(to int64) {
	n := to - s.front
	for c := range s.u {
		s.u[c] = s.u[c][n:]
	}
	for c := range s.v {
		s.v[c] = s.v[c][n:]
	}
	s.front = to
}

// get reads the last row before end, and the one that pick means.
func (s *vectors) get(end int64, pick uint64, last, other *row) {
	last.set(end-1, int(end-1-s.front), &s.u, &s.v)
	number := chosen(s.front, end, pick)
	other.set(number, int(number-s.front), &s.u, &s.v)
}

// locked is slices behind a lock.
type locked struct {
	mu sync.RWMutex
	s  vectors
	n  int64
}

func openLocked(int64) (table, error) { return new(locked), nil }

func (t *locked) write(first int64, n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.append(first, n)
	t.n += int64(n)
	return nil
}

func (t *locked) drop(to int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.drop(to)
	return nil
}

func (t *locked) read(pick uint64, last, other *row) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.s.get(t.n, pick, last, other)
	return nil
}

func (t *locked) committed() int { return 0 }
func (t *locked) close() error   { return nil }

// published is slices that readers find by an atomic pointer, with all their capacity, and
// how many rows there are by a counter.
type published struct {
	s    vectors // The writer's.
	view atomic.Pointer[vectors]
	end  atomic.Int64
}

func openPublished(int64) (table, error) { return new(published), nil }

// openPresized returns slices that have room for all rows from the beginning.
func openPresized(rows int64) (table, error) {
	t := new(published)
	for c := range t.s.u {
		t.s.u[c] = make([]uint64, 0, rows)
	}
	for c := range t.s.v {
		t.s.v[c] = make([]uint32, 0, rows)
	}
	t.publish()
	return t, nil
}

// publish has readers see the slices as they are now.
func (t *published) publish() {
	view := t.s
	for c, s := range view.u {
		view.u[c] = s[:cap(s)]
	}
	for c, s := range view.v {
		view.v[c] = s[:cap(s)]
	}
	t.view.Store(&view)
}

func (t *published) write(first int64, n int) error {
	if t.s.append(first, n) {
		t.publish()
	}
	t.end.Store(first + int64(n))
	return nil
}

func (t *published) drop(to int64) error {
	t.s.drop(to)
	t.publish()
	return nil
}

func (t *published) read(pick uint64, last, other *row) error {
	for {
		// The end first: the view loaded after it has all rows before it.
		end := t.end.Load()
		if view := t.view.Load(); view.front < end {
			view.get(end, pick, last, other)
			return nil
		}
	}
}

func (t *published) committed() int { return 0 }
func (t *published) close() error   { return nil }
