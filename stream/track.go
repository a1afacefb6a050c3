package stream

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// extentSize is the unit in which files grow, are used again and are prepared: a huge page.
const extentSize = memfile.ExtentSize

// track is the bytes of one column, or of a stream: where they are in files. All of it but spare is
// protected by sequence.mu.
//
//	dropped ≤ front ≤ end ≤ have
//	│◀── a part ──▶│◀── another ──▶│
type track struct {
	size    int64  // of an element
	reserve int64  // length of a window where what is live needs no more
	parts   []part // one behind the other, from the extent that dropped is in to have
	have    int64  // end of what there is room for; a multiple of extentSize
	dropped int64  // end of what is given back, or is going to be
	spare   *spare // the files, and what is dropped of them. Has a lock of its own.

	// Of what nobody has taken yet, what is before clean is zero, and so is what is not before dirty.
	// In between there may be what was dropped. A stream has no use for clean: Append
	// does not need zeros, and AppendFunc makes them.
	clean, dirty int64

	// taken is the end of what has the memory that Options.Commit promises.
	taken int64

	// prepared is the end of what has been made ready ahead, or left to page faults,
	// and lead how far ahead: the tracks of a group take turns, else a row would
	// wait for all of them. pause is for how many extents preparing was left alone
	// when it last failed.
	prepared, lead, pause int64
	hugeByWriter          int
	recycled              int

	// breaks is how many parts were added since the stream is in its window: each is a
	// mapping that stays until it moves.
	breaks int
}

// breaksMax is how many there may be, or as many as there are parts: then the stream moves, be
// there addresses or not.
const breaksMax = 16

// newTrack returns the i-th of n tracks.
func newTrack(opts Options, size, row int64, i, n int) track {
	reserve := int64(opts.Reserve)
	if reserve == 0 && !memfile.InPlace {
		reserve = reserveDefault
		if opts.Limit > 0 && opts.Limit < reserveDefault/2 {
			reserve = 2 * int64(opts.Limit)
		}
	}
	if memfile.InPlace {
		reserve = max(reserve, memfile.ReserveInPlace)
	}
	t := track{size: size, spare: new(spare), reserve: max(up(min(reserve, windowMax)/row*size), extentSize)}
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

// part is a range of the track, of whole extents, that is in one piece in a file.
type part struct {
	file       *memfile.File
	off        int64 // in the file
	start, end int64 // in the track
}

// run returns where [from, to) of the track, which is in p, is in the file.
func (p *part) run(from, to int64) run {
	return run{p.file, p.off + from - p.start, p.off + to - p.start, from}
}

// partOf returns the part that byte at is in.
func (t *track) partOf(at int64) *part {
	i := len(t.parts) - 1
	for t.parts[i].start > at {
		i--
	}
	return &t.parts[i]
}

// Bounds of one step by which a file becomes longer, which is a quarter.
const (
	stepMin = extentSize
	stepMax = 1 << 30
)

// extend makes room, which v shows, for the bytes up to to, or up to most where that costs no
// more, with memory where that is asked for: in what was dropped, or in longer files. sparse
// says that this may not be touched all over.
//
// Preconditions: s.mu is held; v has addresses up to most.
func (t *track) extend(s *sequence, v *view, to, most int64, sparse bool) error {
	for least := up(to); t.have < least; {
		r, warm := t.spare.pop(least-t.have, sparse, t.next())
		var err error
		if r.len() > 0 {
			err = t.reuse(s, v, r, warm)
		} else {
			err = t.lengthen(s, v, least, most)
		}
		if err != nil {
			return err
		}
	}
	if !s.commit || to <= t.taken {
		return nil
	}
	if err := t.take(s, v, t.have); err != nil {
		return fmt.Errorf("take memory for bytes %d to %d: %w", t.taken, t.have, memfile.ExplainMemory(err, t.spare.last().Page()))
	}
	return nil
}

// next returns what continues the last part in its file.
func (t *track) next() extent {
	if len(t.parts) == 0 {
		return extent{}
	}
	p := &t.parts[len(t.parts)-1]
	return extent{p.file, p.off + p.end - p.start}
}

// reuse puts r, which was dropped, behind what there is.
//
// Preconditions: as of extend, up to r's length further on.
func (t *track) reuse(s *sequence, v *view, r run, warm bool) error {
	if err := t.showAgain(s, v, r, warm); err != nil {
		t.spare.unpop(r, warm)
		return fmt.Errorf("use %d bytes of what was dropped again: %w", r.len(), err)
	}
	start := t.have
	t.enter(v, r)
	if !warm {
		return nil
	}
	if t.clean >= t.dirty {
		t.clean = start
	}
	t.dirty = t.have
	t.recycled += int(r.len() / extentSize)
	// It has the memory, and the huge pages, that it had before.
	if t.prepared == start {
		t.prepared = t.have
	}
	if t.taken == start {
		t.taken = t.have
	}
	return nil
}

// showAgain maps r behind what v shows: if it has page tables, where v shows it as it was, by
// moving them.
func (t *track) showAgain(s *sequence, v *view, r run, warm bool) error {
	to := int(t.have - v.first)
	if warm && r.at >= v.first && memfile.CanRehome() &&
		v.window.RehomePart(int(r.at-v.first), int(r.len()), v.window, to) == nil {
		return nil
	}
	return s.show(v, r, t.have)
}

// show maps r at byte at of the track in v.
func (s *sequence) show(v *view, r run, at int64) error {
	return v.window.MapFile(int(at-v.first), int(r.len()), r.file.Fd(), r.from, sys.ProtRead|sys.ProtWrite)
}

// enter enters r, which v shows at have.
func (t *track) enter(v *view, r run) {
	start := t.have
	t.have += r.len()
	v.window.SetTouched(int(t.have - v.first))
	if n := len(t.parts); n > 0 {
		if (extent{r.file, r.from}) == t.next() {
			t.parts[n-1].end = t.have
			return
		}
	}
	t.parts = append(t.parts, part{r.file, r.from, start, t.have})
	t.breaks++
}

// lengthen makes the last file longer, so that there is room up to least, or up to most where that
// costs no more; another file, where none may be so long (ulimit -f).
//
// Preconditions: as of extend.
func (t *track) lengthen(s *sequence, v *view, least, most int64) error {
	f := t.spare.last()
	err := t.lengthenFile(s, v, f, least, most)
	if !errors.Is(err, sys.EFBIG) || f.Size() == 0 {
		return err
	}
	if f, err = memfile.New(s.name, s.huge); err != nil {
		return err
	}
	if err = t.lengthenFile(s, v, f, least, least); err != nil && f.Size() == 0 {
		f.Close()
		return err
	}
	t.spare.add(f)
	return err
}

// lengthenFile is lengthen for file f.
func (t *track) lengthenFile(s *sequence, v *view, f *memfile.File, least, most int64) error {
	from := int64(f.Size())
	goal := least
	if !s.commit && t.dropped == 0 { // Else it takes memory, not just numbers, or what is dropped will do.
		step := min(max(from/4, stepMin), stepMax)
		goal = max(least, min(up(t.have+step), most))
	}
	err := f.Grow(int(from + goal - t.have))
	if err != nil && least < goal {
		goal = least // The step was for comfort.
		err = f.Grow(int(from + goal - t.have))
	}
	if err != nil {
		return fmt.Errorf("make its file longer, from %d to %d bytes: %w", from, from+goal-t.have, memfile.ExplainMemory(err, f.Page()))
	}
	r := run{f, from, from + goal - t.have, nowhere}
	if err := s.show(v, r, t.have); err != nil {
		t.spare.unpop(r, false)
		return err
	}
	t.enter(v, r)
	return nil
}

// take gives [taken, to) memory, or returns an error and gives nothing.
//
// Preconditions: s.mu is held; v shows that.
func (t *track) take(s *sequence, v *view, to int64) error {
	for at := t.taken; at < to; {
		p := t.partOf(at)
		end := min(p.end, to)
		r := p.run(at, end)
		if err := memfile.Commit(p.file.Fd(), r.from, v.addr(at), int(r.len()), s.makesHuge()); err != nil {
			return errors.Join(err, t.untake(v, end))
		}
		at = end
	}
	t.taken = to
	return nil
}

// untake gives the memory of [taken, to) back. Where nothing can be given back it stays: as zero
// as it was, or as it was dropped.
func (t *track) untake(v *view, to int64) error {
	for at := t.taken; at < to; {
		p := t.partOf(at)
		end := min(p.end, to)
		r := p.run(at, end)
		if err := memfile.Punch(p.file.Fd(), r.from, v.addr(at), int(r.len())); err != nil && !errors.Is(err, memfile.ErrNoPunch) {
			return err
		}
		at = end
	}
	return nil
}

// room returns the end of what has room, and the memory that is promised.
func (t *track) room(s *sequence) int64 {
	if s.commit {
		return min(t.have, t.taken)
	}
	return t.have
}
