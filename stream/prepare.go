package stream

import (
	"math"

	"github.com/growarena/growarena/internal/memfile"
)

// makesHuge reports whether memory that is committed is huge pages.
func (s *sequence) makesHuge() bool { return s.huge != memfile.HugeNever && memfile.CanCollapse() }

// paysHuge reports whether an appender is to make the next extent a huge page. Otherwise it is left
// to page faults: small pages are no cheaper when they are made ahead.
func (s *sequence) paysHuge() bool {
	switch {
	case s.huge == memfile.HugeNever || !memfile.MayCollapse():
		return false
	case s.huge == memfile.HugeAuto:
		return memfile.Pays(false)
	}
	return true
}

// cleanStep is how much of what was dropped is made zero at once, in each track, for rows that
// come: it stays in the processor's cache until they are written.
const cleanStep = 64 << 10

// mark returns the element up to which nothing is to be prepared, nor made zero, which
// is of no use where bytes is set.
func (t *track) mark(bytes bool) int64 {
	mark := t.have
	if t.prepared <= t.have-extentSize {
		mark = t.prepared - t.lead
	}
	if !bytes && t.clean < t.dirty {
		mark = min(mark, t.clean)
	}
	return mark / t.size
}

// clean makes zero, of what is going to be rows, what they come near to.
//
// Preconditions: mu is held; the windows of f have room up to to.
func (s *sequence) clean(f *frame, to int64) {
	if s.bytes {
		return
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		if t.clean < t.dirty && to*t.size > t.clean {
			// Nobody has what is not before the cursor, nor before soft.
			end := min(max(to*t.size, t.clean+cleanStep), t.dirty)
			clear(f.tracks[i].bytes(t.clean, int(end-t.clean)))
			t.clean = end
		}
	}
}

// pauseMax bounds for how many extents preparing is left alone after it has failed: one
// of them the first time, and twice as many each time it fails again.
const pauseMax = 64

// prepare makes the extents ready that elements [from, to) come near to.
//
// Preconditions: mu is held; the files have room up to to.
func (s *sequence) prepare(f *frame, from, to int64) {
	for i := range s.tracks {
		t := &s.tracks[i]
		// Many extents at once may be for touching here and there.
		if goal := to * t.size; (to-from)*t.size > extentSize && goal > t.prepared && t.prepared != math.MaxInt64 {
			t.prepared = up(goal)
		}
		for t.prepared <= t.have-extentSize && to > (t.prepared-t.lead)/t.size {
			t.prepareOne(s, &f.tracks[i])
		}
	}
}

// prepareOne makes the next extent ready, or leaves it to page faults.
//
// Preconditions: s.mu is held; there is room, and v shows it.
func (t *track) prepareOne(s *sequence, v *view) {
	at := t.prepared
	t.prepared += extentSize
	if at < v.first || !s.paysHuge() {
		return
	}
	p := t.partOf(at)
	if _, err := memfile.MakeHuge(p.file.Fd(), p.run(at, at).from, v.addr(at)); err != nil {
		t.pause = min(max(2*t.pause, 1), pauseMax)
		t.prepared += t.pause * extentSize
		return
	}
	t.pause = 0
	t.hugeByWriter++
}
