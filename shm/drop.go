package shm

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// DropFront drops what is before to, in a buffer that was made [Options.Droppable]: from here on
// it is ErrDropped for those who follow. Who is just reading it reads zeros where it is gone, and
// finds out behind that, by [Guard.Check]; no follower keeps it from going. Its memory, or disk,
// goes at once, but for a little before to: an eighth of what is live, from 64 KiB to 2 MiB. On a
// disk the front is synced first. The writer must not read it any more, either.
//
// What is dropped already stays so, whatever to is. An error that wraps ErrRange, where to is
// negative or beyond what is published, os.ErrClosed, or ErrShared, where the buffer is not
// droppable, has changed nothing. Behind any other the front is to, or that of before, and what
// was not given back the next call gives back. Where the file system knows no holes nothing is.
func (w *Writer) DropFront(to int) error {
	w.dropping.Lock()
	defer w.dropping.Unlock()
	if err := w.dropFront(to); err != nil {
		return fmt.Errorf("shm: drop the front of %s up to %d: %w", w.where(), to, err)
	}
	return nil
}

// KeepLast drops all but the last n bytes: it is DropFront up to n before Published. Where there are
// no more, nothing is dropped. ErrRange is wrapped where n is negative.
func (w *Writer) KeepLast(n int) error {
	if n < 0 {
		return fmt.Errorf("shm: keep the last %d bytes of %s: %w", n, w.where(), ErrRange)
	}
	return w.DropFront(max(w.Published()-n, 0))
}

// Front returns where what is not dropped begins.
func (w *Writer) Front() int {
	w.dropping.Lock()
	defer w.dropping.Unlock()
	return w.front
}

// dropFront is DropFront with dropping held.
func (w *Writer) dropFront(to int) error {
	end := w.Published()
	switch {
	case w.closed:
		return os.ErrClosed
	case w.flags&flagDrops == 0:
		return fmt.Errorf("%w: who follows it relies on all of it: make it with Options.Droppable", ErrShared)
	case to < 0 || to > end:
		return fmt.Errorf("%w: %d bytes are published", ErrRange, end)
	}
	w.front = max(w.front, to)
	return w.l.drop(w.front, func() error {
		// Else a front from before could come back to the disk, behind which there is nothing.
		if w.flags&flagOnDisk != 0 {
			if err := w.syncControl(); err != nil {
				return err
			}
		}
		return w.giveBack(end - w.front)
	})
}

// refilledMost is how much memory followers may have taken of what was given back, by reading it,
// before it is given back once more.
const refilledMost = 2 << 20

// giveBack punches what is before the front, of a buffer of which so much is live.
func (w *Writer) giveBack(live int) error {
	to := align.Down(w.front, memfile.Granule(live))
	if to <= w.punched {
		return nil
	}
	info, err := sys.Stat(fdOf(w.data))
	if err != nil {
		return err
	}
	from := w.punched
	if info.Allocated > info.Size-int64(from)+refilledMost {
		from = 0
	}
	reached, err := memfile.PunchFrom(fdOf(w.data), int64(from), int64(to))
	if errors.Is(err, memfile.ErrNoPunch) {
		return nil
	}
	w.punched = max(w.punched, int(reached))
	return err
}
