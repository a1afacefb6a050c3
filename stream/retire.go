package stream

import (
	"context"
	"fmt"

	"github.com/growarena/growarena/epoch"
)

// leave retires the windows of f, which is shut, when all that was taken from it is
// published: see offer.
//
// Preconditions: mu is held.
func (s *sequence) leave(f *frame) {
	s.draining++
	s.left = append(s.left, f)
	for i := range f.tracks {
		s.old.windows.Add(1)
		s.old.bytes.Add(int64(f.tracks[i].window.Size()))
	}
}

// offer retires what waits for it: windows when all that was taken from them is
// published, and memory that has been dropped. What a shared domain refuses, because it is
// full or closed, goes with the last guard of today.
//
// Nothing may be locked: a domain with a limit runs what is ready on whoever retires
// more, and that is others' code. Safe for concurrent use.
func (s *sequence) offer() {
	s.mu.Lock()
	left, list := s.left, s.waiting
	s.left, s.waiting = nil, nil
	s.mu.Unlock()
	for _, f := range left {
		s.order.whenPublished(f.tail.Load()&^shutBit, func() { s.drained(f) })
	}
	var refused []epoch.Retired
	for _, r := range list {
		if s.domain.Retire(r) != nil {
			refused = append(refused, r)
		}
	}
	if len(refused) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, refused...)
	if !s.freeing {
		s.freeing = true
		go s.freeRefused()
	}
}

// freeRefused frees what the domain has refused, each when no guard is left that was pinned
// before, until nothing is left.
func (s *sequence) freeRefused() {
	for {
		s.mu.Lock()
		list := s.refused
		s.refused, s.freeing = nil, len(list) > 0
		s.mu.Unlock()
		if len(list) == 0 || s.domain.Synchronize(context.Background()) != nil { // At the last version only.
			return
		}
		for _, r := range list {
			r.Free()
		}
	}
}

// drained is called, with nothing locked, when all that was taken from f is published.
func (s *sequence) drained(f *frame) {
	s.mu.Lock()
	s.draining--
	for i := range f.tracks {
		s.waiting = append(s.waiting, s.retired(f, &f.tracks[i]))
	}
	var last []epoch.Retired
	ends := s.closed && s.draining == 0 && s.exact
	if ends {
		last, s.waiting = s.waiting, nil
	}
	s.mu.Unlock()
	if ends {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		// It does not wait: what is pinned goes with its last guard.
		_ = s.domain.Shutdown(done, last...)
		return
	}
	s.offer()
}

// retired turns a window of f into what a domain takes.
func (s *sequence) retired(f *frame, v *view) epoch.Retired {
	size := int64(v.window.Size())
	return epoch.Retired{Birth: f.birth, Bytes: size, Free: func() {
		_ = v.window.Release() // The space tries again later, if it has to.
		s.old.windows.Add(-1)
		s.old.bytes.Add(-size)
	}}
}

// Close gives everything back: appending and pinning are errors from here on, and who
// waits is woken. What an append under way is writing to, and what a guard sees, stays
// until they are done. Panics if it was called before.
func (s *sequence) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(fmt.Sprintf("stream: Close of %q, which is closed", s.name))
	}
	s.closed = true
	s.endLocked()
	f := s.frame.Load()
	ghost := &frame{s: s, dead: true, end: elementsMax}
	ghost.tail.Store(shutBit)
	if s.exact {
		// It fails at the last version only, and then guards see what is left.
		_, _ = s.domain.Publish(ghost)
	}
	s.frame.Store(ghost)
	s.leave(f)
	for i := range s.tracks {
		t := &s.tracks[i]
		t.spare.close() // What is mapped stays.
		t.parts = nil
	}
	s.mu.Unlock()
	s.thing.Remove()
	close(s.gone)
	s.offer()
	return nil
}
