package stream

import (
	"math"
	"slices"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
)

// run is [from, to) of a file, which is, or was, at byte at of the track and further on.
type run struct {
	file     *memfile.File
	from, to int64
	at       int64
}

// nowhere is where what a file has become longer by was in the track: far before its beginning.
const nowhere = math.MinInt64 / 2

func (r run) len() int64 { return r.to - r.from }

// cut returns the first n bytes of r and the rest.
func (r run) cut(n int64) (head, tail run) {
	head, tail = r, r
	head.to = r.from + n
	tail.from, tail.at = r.from+n, r.at+n
	return head, tail
}

// split returns the whole extents of r, and what is before and behind them.
func (r run) split() (head, whole, tail run) {
	head, r = r.cut(min(up(r.from)-r.from, r.len()))
	whole, tail = r.cut(align.Down(r.len(), extentSize))
	return head, whole, tail
}

// extent is where an extent is.
type extent struct {
	file *memfile.File
	off  int64
}

// runs are runs of whole extents, the oldest first.
type runs struct {
	list  []run
	bytes int64
}

// push adds r as the newest.
func (l *runs) push(r run) {
	l.bytes += r.len()
	if n := len(l.list); n > 0 {
		if last := &l.list[n-1]; last.file == r.file && last.to == r.from && last.at+last.len() == r.at {
			last.to = r.to
			return
		}
	}
	l.list = append(l.list, r)
}

// pop takes at most n bytes: what begins at next, or of the oldest run. The length is 0 if there is
// nothing.
func (l *runs) pop(n int64, next extent) (r run) {
	if len(l.list) == 0 {
		return run{}
	}
	i := max(slices.IndexFunc(l.list, func(r run) bool { return r.file == next.file && r.from == next.off }), 0)
	r = l.list[i]
	if r.len() > n {
		r, l.list[i] = r.cut(n)
	} else {
		l.list = slices.Delete(l.list, i, i+1)
	}
	l.bytes -= r.len()
	return r
}

// drop forgets what is of file.
func (l *runs) drop(file *memfile.File) {
	l.list = slices.DeleteFunc(l.list, func(r run) bool {
		if r.file == file {
			l.bytes -= r.len()
		}
		return r.file == file
	})
}

// of returns how many bytes are of file.
func (l *runs) of(file *memfile.File) (n int64) {
	for _, r := range l.list {
		if r.file == file {
			n += r.len()
		}
	}
	return n
}

// punch gives r back, and returns how much of it, from its beginning on: nobody sees these bytes
// any more, and what cannot be given back now is tried again with what comes next.
func punch(r run) (n int64, err error) {
	reached, err := memfile.PunchFrom(r.file.Fd(), r.from, r.to)
	return reached - r.from, err
}
