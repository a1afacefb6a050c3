package stream

import (
	"fmt"
	"math"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// reserveDefault is the length of all windows of a frame together, where Reserve does
// not say otherwise and what is live needs no more.
const reserveDefault = 256 << 20

// windowMax is longer than all windows for which there are addresses, and far from where
// sums overflow.
const windowMax = min(math.MaxInt, 1<<57) &^ (extentSize - 1)

// place is where a track is going to be: what move has made and can be undone.
type place struct {
	view view
	lo   int64 // first byte
	made *part // a file of its own for what comes; nil where the last one goes on
}

// move makes a frame with windows that have what is live and addresses up to element to,
// and as much again, and publishes it. Nothing is copied: the windows show the files that
// f shows, but for those that have been dropped as a whole, and one more, so that no
// file becomes longer than a window; one more in any case where fresh is set. What f has
// is retired when all of it is published. An error has changed nothing.
//
// Preconditions: mu is held; f is the newest frame, or nil for the first.
func (s *sequence) move(f *frame, to int64, fresh bool) (*frame, error) {
	begun := time.Now()
	next := &frame{s: s, tracks: make([]view, len(s.tracks)), end: s.most}
	places := make([]place, 0, len(s.tracks))
	undo := func() {
		for i, p := range places {
			s.tracks[i].discard(p)
		}
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		var old *view
		if f != nil {
			old = &f.tracks[i]
		}
		p, err := t.place(s, old, to*t.size, fresh)
		if err != nil {
			undo()
			return nil, err
		}
		places = append(places, p)
		next.tracks[i] = p.view
		next.end = min(next.end, (p.lo+int64(p.view.window.Size()))/t.size)
	}
	if f != nil {
		next.ready = f.ready
	}
	// Until s.frame is stored appenders go on in f, which guards of next see as well:
	// both show the same bytes.
	if err := s.announce(next); err != nil {
		undo()
		return nil, err
	}
	for i, p := range places {
		s.tracks[i].settle(p)
	}
	if f != nil {
		next.tail.Store(f.shut())
		s.moves++
		s.tell(f, next, begun)
	}
	s.frame.Store(next)
	if f != nil {
		s.leave(f)
	}
	return next, nil
}

// tell tells who watches that the sequence has gone on in new windows.
//
// Preconditions: mu is held.
func (s *sequence) tell(f, next *frame, begun time.Time) {
	if !census.Watched() {
		return
	}
	for i := range next.tracks {
		old, now := f.tracks[i].window, next.tracks[i].window
		census.Tell(census.Step{
			At: begun, Took: time.Since(begun), Name: s.name, Rung: "move",
			Bytes: now.Size(), From: old.Size(), To: now.Size(), Start: now.Range().Start,
		})
	}
}

// announce gives next to the domain, if that is our own, from which guards get it.
//
// Preconditions: mu is held.
func (s *sequence) announce(next *frame) error {
	if s.exact {
		// The domain has no limit, so this runs nobody's Free.
		version, err := s.domain.Publish(next)
		if err != nil {
			return err
		}
		next.birth = version
	}
	if !s.exact { // There all wait for all guards.
		s.births = nil
	}
	s.births = append(s.births, birth{next.end, next.birth})
	return nil
}

// place reserves a window for the track and maps in it what is live, and room up to byte
// to and beyond. What old shows comes there by moving its page tables where that works.
//
// Preconditions: s.mu is held.
func (t *track) place(s *sequence, old *view, to int64, fresh bool) (p place, err error) {
	p.lo = align.Down(s.front.Load()*t.size, extentSize)
	least := max(t.have, up(max(to, 1)), p.lo+extentSize) - p.lo
	if least > windowMax {
		return place{}, fmt.Errorf("%w: a window of %d bytes", addrspace.ErrNoSpace, least)
	}
	size := max(t.reserve, least+min(least, windowMax-least))
	w, err := s.space.Reserve(int(size), addrspace.ReserveOptions{Name: s.name, MapAll: true, Min: int(least)})
	if err != nil {
		return place{}, err
	}
	p.view = view{base: w.Base(), first: p.lo, window: w}
	defer func() {
		if err != nil {
			t.discard(p)
		}
	}()
	parts := t.parts
	if len(parts) == 0 || t.begun() && (fresh || t.last().start < p.lo) {
		// Of the last one something has been dropped: it is not to be longer for ever.
		file, err := memfile.New(s.name, 0)
		if err != nil {
			return p, err
		}
		p.made = &part{start: t.have, end: math.MaxInt64, file: file}
	}
	end := p.lo + int64(w.Size())
	for i, g := range parts {
		to := g.end
		if i == len(parts)-1 && p.made != nil {
			to = p.made.start
		}
		if to > p.lo {
			if err := t.show(s, old, &p.view, g, max(g.start, p.lo), min(to, end)); err != nil {
				return p, err
			}
		}
	}
	if p.made != nil && p.made.start < end {
		if err := t.show(s, nil, &p.view, p.made, p.made.start, end); err != nil {
			return p, err
		}
	}
	s.huge.Advise(w.Range().Start, w.Size())
	w.SetTouched(int(t.have - p.lo))
	return p, nil
}

// show maps [from, to) of the track, which is in g, in v.
func (t *track) show(s *sequence, old, v *view, g *part, from, to int64) error {
	fd := g.file.Fd()
	// The page tables of what has none need not move, nor can those of what old does not show.
	if has := min(to, t.have); old != nil && from < has && memfile.CanRehome() {
		if old.window.RehomePart(int(from-old.first), int(has-from), v.window, int(from-v.first)) == nil {
			from = has
		}
	}
	if from >= to {
		return nil
	}
	return v.window.MapFile(int(from-v.first), int(to-from), fd, from-g.start, sys.ProtRead|sys.ProtWrite)
}

// discard undoes place.
func (t *track) discard(p place) {
	if p.made != nil {
		p.made.file.Close()
	}
	// The old place takes what has moved from the file again. The space keeps what
	// it cannot release, and tries again later.
	_ = p.view.window.Release()
}

// settle makes p the place of the track. Files that have been dropped as a whole are closed:
// what guards still see of them is mapped.
func (t *track) settle(p place) {
	if p.made != nil {
		if len(t.parts) > 0 {
			t.last().end = p.made.start
		}
		t.parts = append(t.parts, p.made)
	}
	for t.parts[0].end <= p.lo {
		t.parts[0].close()
		t.parts = t.parts[1:]
	}
}
