package stream

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// extentSize is the unit in which files grow, begin and are prepared: a huge page.
const extentSize = memfile.ExtentSize

// track is the bytes of one column, or of a stream: where they are in files. All of it is
// protected by sequence.mu.
//
//	dropped ≤ front ≤ end ≤ have
//	│◀── a file ──▶│◀── a file, the last ──▶
type track struct {
	size    int64   // of an element
	reserve int64   // length of a window where what is live needs no more
	parts   []*part // one behind the other; the last one goes on
	have    int64   // end of what the last file has room for; a multiple of extentSize
	dropped int64   // end of what is given back, or is going to be

	// prepared is the end of what has been made ready ahead, or left to page faults,
	// and lead how far ahead: the tracks of a group take turns, else a row would
	// wait for all of them. pause is for how many extents preparing was left alone
	// when it last failed.
	prepared, lead, pause int64
	hugeByWriter          int
}

// newTrack returns the i-th of n tracks.
func newTrack(opts Options, size, row int64, i, n int) track {
	reserve := int64(opts.Reserve)
	if reserve == 0 {
		reserve = reserveDefault
		if opts.Limit > 0 && opts.Limit < reserveDefault/2 {
			reserve = 2 * int64(opts.Limit)
		}
	}
	t := track{size: size, reserve: max(up(min(reserve, windowMax)/row*size), extentSize)}
	switch {
	case opts.HugePages == memfile.HugeNever, opts.Commit:
		t.prepared = math.MaxInt64
	default:
		// A short one wastes nothing.
		t.prepared, t.lead = extentSize, extentSize*int64(i)/int64(n)
	}
	return t
}

// up returns n rounded up to whole extents.
func up(n int64) int64 { return align.Down(n+extentSize-1, extentSize) }

// part is a file of a track.
type part struct {
	start int64         // the byte of the track that its first byte is. Immutable.
	end   int64         // where the next part begins. Protected by sequence.mu.
	file  *memfile.File // Protected by sequence.mu, but for what punch does.

	holes
}

// last returns the part that goes on.
func (t *track) last() *part { return t.parts[len(t.parts)-1] }

// begun reports whether the last file has anything yet.
func (t *track) begun() bool { return t.have > t.last().start }

// partOf returns the part that byte at is in.
func (t *track) partOf(at int64) *part {
	i := len(t.parts) - 1
	for t.parts[i].start > at {
		i--
	}
	return t.parts[i]
}

// Bounds of one step by which a file becomes longer, which is a quarter.
const (
	stepMin = extentSize
	stepMax = 1 << 30
)

// extend makes the last file, which v shows, long enough for the bytes up to to, or up to
// most where that costs no more, with memory where that is asked for.
//
// Preconditions: s.mu is held; v has addresses up to most.
func (t *track) extend(s *sequence, v *view, to, most int64) error {
	if to <= t.have {
		return nil
	}
	p := t.last()
	least := up(to)
	goal := least
	if !s.commit { // It takes memory, not just numbers.
		step := min(max((t.have-p.start)/4, stepMin), stepMax)
		goal = max(least, min(up(t.have+step), most))
	}
	err := p.file.Grow(int(goal - p.start))
	if err != nil && least < goal {
		goal = least // The step was for comfort.
		err = p.file.Grow(int(goal - p.start))
	}
	if err == nil && s.commit {
		err = t.take(s, v, goal)
	}
	if err != nil {
		return fmt.Errorf("make its file longer, from %d to %d bytes: %w", t.have-p.start, goal-p.start, memfile.ExplainMemory(err, p.file.Page()))
	}
	t.have = goal
	v.window.SetTouched(int(goal - v.first))
	return nil
}

// take gives [have, to) memory, or returns an error and gives nothing.
//
// Preconditions: s.mu is held; the last file, which v shows, is so long.
func (t *track) take(s *sequence, v *view, to int64) error {
	p := t.last()
	for at := t.have; at < to; at += extentSize {
		huge, err := false, error(nil)
		if s.makesHuge() {
			huge, err = memfile.MakeHuge(p.file.Fd(), at-p.start, v.addr(at))
		}
		if !huge && !memfile.IsMemory(err) {
			err = memfile.Commit(p.file.Fd(), at-p.start, v.addr(at), extentSize)
		}
		if err == nil {
			continue
		}
		// Where nothing can be given back it stays: as zero as it was.
		n := at + extentSize - t.have
		if perr := memfile.Punch(p.file.Fd(), t.have-p.start, v.addr(t.have), int(n)); perr != nil && !errors.Is(perr, memfile.ErrNoPunch) {
			err = errors.Join(err, perr)
		}
		return err
	}
	return nil
}

// makesHuge reports whether memory that is prepared is huge pages. Only then appenders
// prepare it: small ones are no cheaper than the page faults.
func (s *sequence) makesHuge() bool { return s.huge != memfile.HugeNever && memfile.CanCollapse() }

// mark returns the element up to which nothing is to be prepared.
func (t *track) mark() int64 { return (t.prepared - t.lead) / t.size }

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
		for to > t.mark() && t.prepared+extentSize <= t.have {
			t.prepareOne(s, &f.tracks[i])
		}
	}
}

// prepareOne makes the next extent ready, or leaves it to page faults.
//
// Preconditions: s.mu is held; a file has it, and v shows it.
func (t *track) prepareOne(s *sequence, v *view) {
	at := t.prepared
	t.prepared += extentSize
	if at < v.first || !s.makesHuge() {
		return
	}
	p := t.partOf(at)
	if _, err := memfile.MakeHuge(p.file.Fd(), at-p.start, v.addr(at)); err != nil {
		t.pause = min(max(2*t.pause, 1), pauseMax)
		t.prepared += t.pause * extentSize
		return
	}
	t.pause = 0
	t.hugeByWriter++
}
