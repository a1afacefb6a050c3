package arena

import (
	"fmt"
	"io"
	"os"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// copy calls to with what is to be copied, piece by piece. A page that the arena ends in is copied, and stays to be
// copied: what comes behind is written to it without being seen, if that was written before it was protected.
func (c *checkpoint) copy(to func(off int, b []byte) error) error {
	page, length := os.Getpagesize(), c.arena.Len()
	for first, last := range c.todo.runs(c.page(length)) {
		for off, end := first*page, min(last*page, length); off < end; {
			n := min(end-off, checkpointPiece)
			copied, err := c.copyPiece(off, n, to)
			if err != nil {
				return err
			}
			// What was cut off meanwhile may be handed out again and not be written to.
			c.todo.remove(off/page, copied/page)
			off += n
		}
	}
	return nil
}

// copyPiece copies what of [off, off+n) there is, and returns up to where.
func (c *checkpoint) copyPiece(off, n int, to func(off int, b []byte) error) (end int, err error) {
	g, err := c.arena.Pin()
	if err != nil {
		return off, err
	}
	defer g.Unpin()
	end = max(off, min(off+n, g.n)) // Less after a Truncate.
	for off < end {
		data, hole := c.data(off, end)
		if data > off && !c.sparse {
			if err := c.zero(off, min(data, end), to); err != nil {
				return off, err
			}
		}
		if data < hole {
			if err := to(data, g.held.View.Slice(data, hole-data)); err != nil {
				return off, err
			}
		}
		off = max(hole, data)
	}
	return end, nil
}

// data returns the first range [from, to) of [off, end) in which the file has data: reading what has none would
// take memory for it. Of little it is not asked. An empty range at end: there is none.
func (c *checkpoint) data(off, end int) (from, to int) {
	const little = 64 << 10
	if end-off <= little {
		return off, end
	}
	data, hole, err := sys.DataIn(c.arena.file.Fd(), int64(off), int64(end))
	if err != nil {
		return off, end
	}
	return int(data), int(hole)
}

var zeros [64 << 10]byte

// zero copies zeros to [off, end).
func (c *checkpoint) zero(off, end int, to func(off int, b []byte) error) error {
	for off < end {
		n := min(end-off, len(zeros))
		if err := to(off, zeros[:n]); err != nil {
			return err
		}
		off += n
	}
	return nil
}

// write writes b to dst.
func (c *checkpoint) write(off int, b []byte) error {
	n, err := c.dst.WriteAt(b, int64(off))
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	c.done.Copied += int64(n)
	if err != nil {
		return fmt.Errorf("write %d bytes at offset %d: %w", len(b), off, err)
	}
	return nil
}

// lookAtFile finds out what dst is, and returns an error if it is a file that cannot have the bytes of Since.
func (c *checkpoint) lookAtFile() error {
	f, ok := c.dst.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	c.file, c.sparse = f, info.Size() == 0 && c.opts.Since == nil
	if s := c.opts.Since; s != nil && info.Size() < int64(s.Len) {
		return fmt.Errorf("%s has %d bytes, and CheckpointOptions.Since has %d: give it the file that has that one, or make a full one", f.Name(), info.Size(), s.Len)
	}
	return nil
}

// stage holds what was copied while the writers were stopped.
type stage struct {
	room  []byte
	parts []staged
}

type staged struct {
	off int
	b   []byte
}

// make makes room for n bytes, whose pages are there.
func (s *stage) make(n int) {
	n, _ = align.Up(n, os.Getpagesize())
	s.room = make([]byte, n)
	for i := 0; i < n; i += os.Getpagesize() {
		s.room[i] = 1
	}
	s.parts = make([]staged, 0, n/os.Getpagesize())
}

// take copies b, if there is room.
func (s *stage) take(off int, b []byte) bool {
	if len(b) > len(s.room) {
		return false
	}
	n := copy(s.room, b)
	s.parts = append(s.parts, staged{off, s.room[:n:n]})
	s.room = s.room[n:]
	return true
}
