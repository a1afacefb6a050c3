package stream

import (
	"fmt"
	"math"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
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
}

// move makes a frame with windows that have what is live and addresses up to element to,
// and as much again, and publishes it. Nothing is copied: the windows show what f shows of what is
// live. What f has is retired when all of it is published. An error has changed nothing.
//
// Preconditions: mu is held; f is the newest frame, or nil for the first.
func (s *sequence) move(f *frame, to int64) (*frame, error) {
	begun := time.Now()
	next := &frame{s: s, tracks: make([]view, len(s.tracks)), end: s.most}
	places := make([]place, 0, len(s.tracks))
	undo := func() {
		for _, p := range places {
			p.discard()
		}
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		var old *view
		if f != nil {
			old = &f.tracks[i]
		}
		p, err := t.place(s, old, to*t.size)
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
	for i := range s.tracks {
		s.tracks[i].breaks = 0
	}
	if f != nil {
		next.dirty.Store(f.dirty.Load())
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

// place reserves a window for the track with addresses up to byte to and beyond, and maps in it
// what is live. What old shows comes there by moving its page tables where that works.
//
// Preconditions: s.mu is held.
func (t *track) place(s *sequence, old *view, to int64) (p place, err error) {
	p.lo = align.Down(s.front.Load()*t.size, extentSize)
	least := max(t.have, up(max(to, 1)), p.lo+extentSize) - p.lo
	if least > windowMax {
		return place{}, fmt.Errorf("%w: a window of %d bytes", addrspace.ErrNoSpace, least)
	}
	size := max(t.reserve, least+min(least, windowMax-least))
	w, err := s.space.Reserve(int(size), addrspace.ReserveOptions{Name: s.name, MapAll: true, Min: int(least), Advice: s.huge.Advice()})
	if err != nil {
		return place{}, err
	}
	p.view = view{base: w.Base(), first: p.lo, window: w}
	for i := range t.parts {
		if g := &t.parts[i]; g.end > p.lo {
			from := max(g.start, p.lo)
			if err := s.showLive(old, &p.view, g.run(from, g.end)); err != nil {
				p.discard()
				return p, err
			}
		}
	}
	w.SetTouched(int(max(t.have-p.lo, 0)))
	return p, nil
}

// showLive maps r, which old shows, in v.
func (s *sequence) showLive(old, v *view, r run) error {
	if memfile.CanRehome() && old.window.RehomePart(int(r.at-old.first), int(r.len()), v.window, int(r.at-v.first)) == nil {
		return nil
	}
	return s.show(v, r, r.at)
}

// discard undoes place.
func (p place) discard() {
	// The old place takes what has moved from the file again. The space keeps what
	// it cannot release, and tries again later.
	_ = p.view.window.Release()
}
