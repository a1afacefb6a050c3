package stream

import (
	"errors"
	"fmt"
	"sync"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// holes is what was given back of a file.
type holes struct {
	mu      sync.Mutex
	users   int    // who punch now: the last one closes the file, if it is to be closed. Protected by mu.
	closed  bool   // It is to be closed. Protected by mu.
	gone    bool   // It is closed. Protected by mu.
	refused []span // of the file: what is dropped, and the kernel has not taken back. Protected by mu.
	lacking bool   // The file system knows no holes. Protected by mu.
}

// DropFront drops what is before to: Front is to from here on. Its memory goes when no guard
// is left that was pinned before, and its addresses when the next window is needed; a
// little of the front stays until more is dropped, an eighth of what is live, from
// 64 KiB to 2 MiB. Where no hole can be made in a file the memory goes with the file,
// when the stream has left the window. What is dropped already stays so, whatever to is.
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
	holes := make([][]hole, len(s.births))
	low := to
	for i := range s.tracks {
		t := &s.tracks[i]
		low = min(low, t.dropped/t.size)
		for _, h := range t.drop(to*t.size, s.Len()*t.size) {
			s.splitLocked(t, h, holes)
		}
	}
	for i, list := range holes {
		if len(list) > 0 {
			s.waiting = append(s.waiting, s.retiredHoles(s.births[i].version, list))
		}
	}
	// What guards can see nothing of that is not retired is forgotten.
	for len(s.births) > 1 && s.births[0].end <= low {
		s.births = s.births[1:]
	}
	return nil
}

// splitLocked puts the pieces of h into holes by the first version whose guards can see them: an
// old guard keeps nothing of windows that are newer than its own.
func (s *sequence) splitLocked(t *track, h hole, holes [][]hole) {
	start := h.part.start
	for i, b := range s.births {
		end := h.to
		if i < len(s.births)-1 {
			end = max(min(end, b.end*t.size-start), h.from)
		}
		if h.from < end || h.from == h.to {
			holes[i] = append(holes[i], hole{h.part, span{h.from, end}})
			h.from = end
		}
		if h.from == h.to {
			return
		}
	}
}

// retiredHoles is what a domain takes, for holes that guards see from version birth on.
func (s *sequence) retiredHoles(birth uint64, holes []hole) epoch.Retired {
	n := int64(0)
	for _, h := range holes {
		n += h.to - h.from
	}
	return epoch.Retired{Birth: birth, Bytes: n, Free: func() {
		for _, h := range holes {
			h.part.punch(h.span)
		}
		s.note()
	}}
}

// hole is a range of a part's file.
type hole struct {
	part *part
	span
}

// drop returns what of the track can be given back when it is live from from to end.
func (t *track) drop(from, end int64) (holes []hole) {
	to := align.Down(from, int64(memfile.Granule(int(end-from))))
	for _, p := range t.parts {
		if lo, hi := max(t.dropped, p.start), min(to, p.end); lo < hi {
			holes = append(holes, hole{p, span{lo - p.start, hi - p.start}})
		}
	}
	if to > t.dropped && t.parts[0].stuck() > 0 { // It is tried again.
		holes = append(holes, hole{part: t.parts[0]})
	}
	t.dropped = max(t.dropped, to)
	return holes
}

// punch gives h of the file back, and what was refused before. Nothing is locked meanwhile: it
// may take long, and sequence.mu is held by who asks what is stuck.
func (p *part) punch(h span) {
	list, lacking := p.begin(h)
	var refused []span
	for _, h := range list {
		if !lacking {
			var err error
			h, err = p.punchOne(h)
			lacking = errors.Is(err, memfile.ErrNoPunch)
		}
		if h.from < h.to {
			refused = append(refused, h)
		}
	}
	p.done(refused, lacking)
}

// begin returns what is to be punched and whether the file system knows no holes; nothing
// if the file is closed. Until done it stays open.
func (p *part) begin(h span) (list []span, lacking bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users++
	if p.closed {
		return nil, false
	}
	list = append(p.refused, h)
	p.refused = nil
	return list, p.lacking
}

// punchOne gives h of the file back, and returns what of it was refused: nobody sees these bytes
// any more, and no number comes again, so they need not be zero, and what cannot be given back
// now is tried again with the next.
func (p *part) punchOne(h span) (span, error) {
	reached, err := memfile.PunchFrom(p.file.Fd(), h.from, h.to)
	return span{reached, h.to}, err
}

// done ends begin.
func (p *part) done(refused []span, lacking bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	p.lacking = p.lacking || lacking
	if !p.closed {
		p.refused = append(p.refused, refused...)
	}
	p.closeUnused()
}

// closeUnused closes the file if it is to be closed and nobody punches.
//
// Preconditions: mu is held.
func (p *part) closeUnused() {
	if p.closed && p.users == 0 && !p.gone {
		p.gone = true
		p.file.Close()
	}
}

// stuck returns the bytes that are dropped and could not be given back.
func (p *part) stuck() (n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.refused {
		n += h.to - h.from
	}
	return n
}

// close closes the file, when nobody punches it any more. What is mapped of it lives on.
func (p *part) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.refused = true, nil
	p.closeUnused()
}
