package stream

import (
	"fmt"
	"sync/atomic"
)

// frame is a place where the elements of a sequence are: a window for each track, and the
// cursor by which appenders take what comes next in them. A sequence that has come to
// the end of its windows goes on in another frame.
//
// Who has moved the cursor of a frame may write to the windows of that frame until he
// hands the range over to be published: a frame is retired when all that was taken
// from it is published. A cursor that is shut takes nobody any more, so one who has
// loaded a frame that is gone finds out before he has an address.
//
//	current ──move, Close──▶ shut ──all published──▶ retired ──no guard left──▶ gone
type frame struct {
	// tail is the next element to be taken, with shutBit when the frame is shut.
	// Moved by anyone (atomic).
	tail atomic.Int64

	// soft is the end up to which taking needs nothing but the cursor. Stored with
	// sequence.mu held, loaded by anyone (atomic).
	soft atomic.Int64

	// dirty is the end of the elements of a Stream, of those that nobody has taken yet, in
	// whose place there may be what was dropped. Stored before soft with sequence.mu
	// held, loaded by anyone (atomic).
	dirty atomic.Int64

	_ [104]byte // What stands before is written all the time.

	s      *sequence // whose it is. Immutable.
	tracks []view    // Immutable once published.
	end    int64     // of the elements that the windows have addresses for. Immutable once published.
	dead   bool      // The sequence is closed. Immutable.

	birth uint64 // version of the domain that has it first; 0 in a shared one. Protected by sequence.mu.
	ready int64  // end of the elements that the files have room for. Protected by sequence.mu.
}

// shutBit is in the cursor of a frame that is shut, and is above every element's number.
const shutBit = 1 << 62

// elementsMax bounds the numbers of elements, and of bytes in a track.
const elementsMax = shutBit - 1

// shut takes nobody any more, and returns where the cursor has come to.
func (f *frame) shut() int64 {
	for {
		tail := f.tail.Load()
		if tail&shutBit != 0 || f.tail.CompareAndSwap(tail, tail|shutBit) {
			return tail &^ shutBit
		}
	}
}

// take takes the next n elements, to be written to in the frame returned and published.
// Within what is ready it is one compare-and-swap. fills says that all of them are going to be
// written to, and are not to be zero before.
//
// Preconditions: 0 < n.
func (s *sequence) take(n int64, fills bool) (f *frame, at int64, err error) {
	f = s.frame.Load()
	at = f.tail.Load()
	// Unsigned, so that the sum does not overflow. No soft covers a tail that is shut.
	if uint64(at)+uint64(n) <= uint64(f.soft.Load()) && f.tail.CompareAndSwap(at, at+n) {
		return f, at, nil
	}
	return s.takeSlow(n, fills)
}

// takeSlow is take where something is to be done before.
//
//go:noinline
func (s *sequence) takeSlow(n int64, fills bool) (*frame, int64, error) {
	for {
		f := s.frame.Load()
		at := f.tail.Load()
		if uint64(at)+uint64(n) <= uint64(f.soft.Load()) {
			if f.tail.CompareAndSwap(at, at+n) {
				return f, at, nil
			}
			continue
		}
		if lacks, sparse := s.lacksRoom(n, fills); lacks {
			s.reclaim(sparse)
		}
		err := s.makeRoom(n, fills)
		s.offer()
		s.note()
		if err != nil {
			return nil, 0, fmt.Errorf("stream: append %d %s to %q: %w", n, s.elements, s.name, err)
		}
	}
}

// lacksRoom reports whether n elements more need room in files, and what was dropped is not at hand;
// and whether that is to be holes.
func (s *sequence) lacksRoom(n int64, fills bool) (lacks, sparse bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// In a domain of our own nobody else's Free runs when we reclaim.
	if f := s.frame.Load(); !s.exact || f.tail.Load()+n <= f.ready {
		return false, false
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		if holes := t.sparse(n, fills); t.dropped > 0 && !t.spare.has(n*t.size, holes) {
			lacks, sparse = true, sparse || holes
		}
	}
	return lacks, sparse
}

// sparse reports whether of n elements, which are all filled or not, some may not be touched.
func (t *track) sparse(n int64, fills bool) bool { return !fills && n*t.size > extentSize }

// reclaim has what is dropped at hand, though the reaper may not have run. That punches holes, where
// these are wanted; see retiredRuns.
func (s *sequence) reclaim(sparse bool) {
	if !sparse {
		s.helping.Add(1)
		defer s.helping.Add(-1)
	}
	s.domain.TryReclaim()
}

// makeRoom makes n elements more fit into the newest frame without anything to be done.
// An error has changed nothing that can be seen.
func (s *sequence) makeRoom(n int64, fills bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.frame.Load()
	if f.dead || s.over {
		return s.overError()
	}
	from := f.tail.Load()
	switch live := from - s.front.Load(); {
	case n > s.most-from:
		return fmt.Errorf("%w: no number is beyond %d", ErrFull, s.most)
	case n > s.limit-live:
		return fmt.Errorf("%w: %d %s are live, and Limit allows %d: drop more of the front, or raise it", ErrFull, live, s.elements, s.limit)
	}
	to := from + n
	if to > f.end || s.broken() && to > f.ready {
		var err error
		if f, err = s.move(f, to); err != nil {
			return err
		}
	}
	if to > f.ready {
		if err := s.extend(f, from, to, fills); err != nil {
			return err
		}
	}
	s.prepare(f, from, to)
	s.clean(f, to)
	s.resetSoft(f, to)
	return nil
}

// broken reports whether the windows have too many mappings of what was dropped.
//
// Preconditions: mu is held.
func (s *sequence) broken() bool {
	for i := range s.tracks {
		if t := &s.tracks[i]; t.breaks > max(breaksMax, len(t.parts)) {
			return true
		}
	}
	return false
}

// resetSoft stores the end up to which the next ones need nothing but the cursor, which
// is at least least.
//
// Preconditions: mu is held; least elements have room, memory and are allowed.
func (s *sequence) resetSoft(f *frame, least int64) {
	soft := min(f.ready, s.front.Load()+s.limit)
	for i := range s.tracks {
		soft = min(soft, s.tracks[i].mark(s.bytes))
	}
	f.soft.Store(max(soft, least))
}

// extend makes f ready for elements up to to.
//
// Preconditions: mu is held; to <= f.end.
func (s *sequence) extend(f *frame, from, to int64, fills bool) error {
	ready := f.end
	for i := range s.tracks {
		t := &s.tracks[i]
		if err := t.extend(s, &f.tracks[i], to*t.size, up(f.end*t.size), t.sparse(to-from, fills)); err != nil {
			return err
		}
		ready = min(ready, t.room(s)/t.size)
	}
	f.ready = ready
	if s.bytes {
		f.dirty.Store(s.tracks[0].dirty)
	}
	return nil
}
