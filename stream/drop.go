package stream

import (
	"fmt"
	"math"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// DropFront drops what is before to: Front is to from here on. Its memory goes when no guard
// is left that was pinned before, and its addresses when the next window is needed; a
// little of the front stays until more is dropped: an eighth of what is live, at least 64 KiB, and
// 2 MiB from 2 MiB on. From then on memory of up to an eighth of what is live does not go but
// is used again for what is appended; where no hole can be made in a file all of it is.
// What is dropped already stays so, whatever to is.
// ErrRange is wrapped where to is negative or beyond Len, ErrClosed after Close.
func (s *sequence) DropFront(to int64) error {
	if err := s.drop(to); err != nil {
		return fmt.Errorf("stream: drop the front of %q up to %d: %w", s.name, to, err)
	}
	s.offer()
	return nil
}

// KeepLast drops all but the last n: it is DropFront up to n before Len. Where there are no more,
// nothing is dropped. ErrRange is wrapped where n is negative.
func (s *sequence) KeepLast(n int64) error {
	if n < 0 {
		return fmt.Errorf("stream: keep the last %d %s of %q: %w", n, s.elements, s.name, ErrRange)
	}
	return s.DropFront(max(s.Len()-n, 0))
}

// drop is DropFront without telling the domain.
func (s *sequence) drop(to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end := s.Len(); to < 0 || to > end {
		return fmt.Errorf("%w: the end is %d", ErrRange, end)
	}
	if s.closed {
		return ErrClosed
	}
	if to <= s.front.Load() {
		return nil
	}
	// First unlinked, then retired: a guard that is pinned after the retiring sees the
	// new front (Pin).
	s.front.Store(to)
	for _, d := range s.dropLocked(to) {
		s.waiting = append(s.waiting, s.retiredRuns(d))
	}
	return nil
}

// dropping is what of a track can be given back when no guard is left that has seen it since a version.
type dropping struct {
	t     *track
	birth uint64
	list  []run
}

// dropLocked returns what can be given back when the front is to.
func (s *sequence) dropLocked(to int64) (all []dropping) {
	low := to
	for i := range s.tracks {
		t := &s.tracks[i]
		low = min(low, t.dropped/t.size)
		list := t.drop(to*t.size, s.Len()*t.size)
		// In pieces by the first version whose guards can see them: an old guard keeps nothing of windows
		// that are newer than its own.
		for k, b := range s.births {
			end := int64(math.MaxInt64)
			if k < len(s.births)-1 {
				end = b.end * t.size
			}
			var now []run
			if now, list = before(list, end); len(now) > 0 {
				all = append(all, dropping{t, b.version, now})
			}
		}
	}
	// What guards can see nothing of that is not retired is forgotten.
	for len(s.births) > 1 && s.births[0].end <= low {
		s.births = s.births[1:]
	}
	return all
}

// before splits a list of runs at byte end of the track.
func before(list []run, end int64) (now, later []run) {
	for _, r := range list {
		head, tail := r.cut(min(max(end-r.at, 0), r.len()))
		if head.len() > 0 {
			now = append(now, head)
		}
		if tail.len() > 0 {
			later = append(later, tail)
		}
	}
	return now, later
}

// retiredRuns is what a domain takes for d. An appender who runs its Free takes what is to be used
// again, and leaves the rest, which may take long, to the reaper.
func (s *sequence) retiredRuns(d dropping) epoch.Retired {
	n := int64(0)
	for _, r := range d.list {
		n += r.len()
	}
	return epoch.Retired{Birth: d.birth, Bytes: n, Free: func() {
		keep := keeps((s.Len() - s.Front()) * d.t.size)
		if s.helping.Load() > 0 {
			if d.list = d.t.spare.warmUp(d.list, keep); len(d.list) > 0 {
				s.mu.Lock()
				s.waiting = append(s.waiting, s.retiredRuns(d))
				s.mu.Unlock()
			}
			return
		}
		d.t.spare.put(d.list, keep)
		s.note()
	}}
}

// wholeMin is from how many live bytes on whole extents are dropped, which are used again.
const wholeMin = extentSize

// granule returns in what units of bytes the front goes when so many are live.
func granule(live int64) int64 {
	if live >= wholeMin {
		return extentSize
	}
	return int64(memfile.Granule(int(live)))
}

// keeps returns how many bytes of memory are kept for what comes when so many are live.
func keeps(live int64) int64 {
	if live < wholeMin || memfile.InPlace {
		return 0
	}
	return max(align.Down(live/8, extentSize), extentSize)
}

// drop returns what of the track can be given back when it is live from from to end.
func (t *track) drop(from, end int64) (list []run) {
	to := align.Down(from, granule(end-from))
	if to <= t.dropped {
		return nil
	}
	for i := range t.parts {
		p := &t.parts[i]
		if lo, hi := max(t.dropped, p.start), min(to, p.end); lo < hi {
			list = append(list, p.run(lo, hi))
		}
	}
	t.dropped = to
	// The extent that it is in is still here.
	for start := align.Down(to, extentSize); len(t.parts) > 0 && t.parts[0].end <= start; {
		t.parts = t.parts[1:]
	}
	return list
}
