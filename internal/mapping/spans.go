package mapping

import (
	"errors"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// spanSize is the unit in which a file is asked where it has data: what one page of
	// page tables of page tables covers on most systems.
	spanSize = 1 << 30

	// spansMax bounds in how many pieces page tables are moved. Each is a system call that
	// flushes the TLBs of all processors, some 20 µs: as much as moving 128 MiB.
	spansMax = 32
)

// span is a range of a part.
type span struct{ off, n int }

func (s span) end() int { return s.off + s.n }

// spans returns which ranges of the first n bytes of g may have page tables that are worth
// moving: those where the file has data, if it can be asked. What is left out takes its pages from
// the file again, as a place does that has none.
//
// Moving walks all page tables there are, in steps of 2 MiB, and once something was
// there empty ones are: a window of terabytes takes as long with nothing left in it as full.
func (l *Ladder) spans(g Part, n int) (list []span) {
	if !l.Own || n <= spanSize {
		return []span{{0, n}}
	}
	for at := 0; at < n; {
		data, err := sys.SeekData(g.Fd, g.Off+int64(at))
		switch {
		case errors.Is(err, sys.ENXIO): // None up to the end of the file.
			return list
		case err != nil:
			return join(list, span{at, n - at})
		case data >= g.Off+int64(n):
			return list
		case len(list) == spansMax:
			last := &list[len(list)-1]
			last.n = n - last.off
			return list
		}
		off := align.Down(int(data-g.Off), spanSize)
		at = off + min(spanSize, n-off)
		list = join(list, span{off, at - off})
	}
	return list
}

// join returns list with s behind its last span, which becomes longer if s goes on there.
func join(list []span, s span) []span {
	if k := len(list) - 1; k >= 0 && list[k].end() == s.off {
		list[k].n += s.n
		return list
	}
	return append(list, s)
}

// show maps g at off of to. The first n bytes of it are shown by from, too, and come with
// their page tables where that is allowed and works. Piece by piece, so that each becomes one
// VMA with the one before.
func (l *Ladder) show(from, to *Place, off int, g Part, n int, step *Step) error {
	done, moved := 0, false
	fresh := func(end int) error {
		if done >= end {
			return nil
		}
		if err := l.mapPart(to.Window, off+done, Part{g.Fd, g.Off + int64(done), end - done}); err != nil {
			return err
		}
		done = end
		return nil
	}
	var all []span
	if n > 0 {
		all = l.spans(g, n)
	}
	for _, s := range all {
		if err := fresh(s.off); err != nil {
			return err
		}
		if err := l.moveTables(from, to, off+s.off, s.n); err != nil {
			if l.Rungs&RungAlias == 0 {
				return err
			}
			step.Rung = RungAlias
			break
		}
		done, moved = s.end(), true
	}
	if moved {
		step.Moved++
	}
	return fresh(g.N)
}
