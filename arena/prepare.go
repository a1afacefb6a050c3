package arena

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// makesHuge reports whether memory that is committed is huge pages.
func (a *Arena) makesHuge() bool {
	return a.mapping.Huge != HugeNever && !a.small.Load() && memfile.CanCollapse()
}

// paysHuge reports whether whoever asks is to make the next extent a huge page. Only then a writer
// prepares it himself: small pages are no cheaper than the page faults. ahead says that nobody
// waits.
func (a *Arena) paysHuge(ahead bool) bool {
	if a.mapping.Huge == HugeNever || a.small.Load() || !memfile.MayCollapse() {
		return false
	}
	return a.mapping.Huge != HugeAuto || memfile.Pays(ahead)
}

// prepareExtent makes the extent at off memory that is there: with pages in the
// file, mapped in v, and huge if that is wanted and the kernel can.
//
// Preconditions: off is a multiple of extentSize; the file reaches off+extentSize
// and v maps it; prep is held.
func (a *Arena) prepareExtent(v *view, off int, huge bool) error {
	if huge {
		_, err := memfile.MakeHuge(a.file.Fd(), int64(off), v.Addr(off))
		if a.file.Memfd() || !sys.IsDenied(err) {
			return err
		}
		a.small.Store(true) // The probe was of a memfd, a file on disk has no huge pages.
	}
	return sys.Advise(v.Addr(off), extentSize, sys.AdvisePopulateWrite)
}

// commits reports whether what may be handed out has memory: as asked for, or because a
// hugetlb pool that is empty answers a touch with a signal.
func (a *Arena) commits() bool { return a.commit || a.file.Page() > extentSize/2 }

// commitAgain gives what Trim has taken memory again, so that need bytes have it, and
// some more if there is a capacity for it.
//
// Preconditions: mu is held; v is the newest view; v.Ready < need <= v.Cap.
func (a *Arena) commitAgain(v *view, need int) error {
	next := *v
	next.Ready = min(a.nextCap(v.Ready, need), v.Cap)
	if err := a.commitRange(v, v.Ready, next.Ready); err != nil {
		return err
	}
	return a.mapping.Publish(&next)
}

// commitRange gives every byte of [from, to) a page, or none at all and an
// error.
//
// Preconditions: mu is held, and v maps the file over the range, in which nothing
// has been handed out.
func (a *Arena) commitRange(v *view, from, to int) error {
	unit := max(extentSize, a.file.Page())
	to, _ = align.Up(to, unit)
	// The file's size is a multiple of unit where we have made it.
	end, _ := align.Up(a.file.Size(), a.file.Page())
	to = min(to, end)
	err := a.commitExtents(v, from, to)
	if err == nil {
		return nil
	}
	err = memfile.ExplainMemory(err, a.file.Page())
	// What had a page before keeps it: only whole extents beyond the old
	// capacity, and beyond what others have written there, are given back.
	if from, _ := align.Up(max(from, a.file.Others()), unit); from < to {
		// Where nothing can be given back it stays: as zero as it was.
		perr := memfile.Punch(a.file.Fd(), int64(from), v.Addr(from), to-from)
		a.noteHole(from, to-from)
		if perr != nil && !errors.Is(perr, memfile.ErrNoPunch) {
			err = errors.Join(err, perr)
		}
	}
	return err
}

// commitExtents is commitRange without the undo.
func (a *Arena) commitExtents(v *view, from, to int) error {
	from = align.Down(from, a.file.Page())
	if a.file.Page() >= extentSize {
		return memfile.Allocate(a.file.Fd(), int64(from), v.Addr(from), to-from)
	}
	return memfile.Commit(a.file.Fd(), int64(from), v.Addr(from), to-from, a.makesHuge())
}

// fillHoles gives the content of a caller's file from an offset on memory where it has none, and
// with it room on the file system.
//
// Preconditions: as of commitRange, but for the content.
func (a *Arena) fillHoles(v *view, from int) error {
	from, to := align.Down(from, a.file.Page()), align.Down(v.Cap+a.file.Page()-1, a.file.Page())
	if !a.commit || from >= to || a.file.Allocated() >= to {
		return nil
	}
	if err := memfile.Commit(a.file.Fd(), int64(from), v.Addr(from), to-from, false); err != nil {
		return fmt.Errorf("fill the holes of %d bytes: %w", v.Cap-from, err)
	}
	return nil
}

// Decommit gives the memory of [off, off+n) back to the system, for every window
// and alias at once: the bytes read as zero, and the next touch of a page takes
// memory again (also with Options.Commit). Only whole pages are given back, the
// edges are cleared. Where the system or the file system cannot punch holes (see
// [Features]) all of it is cleared, and the memory stays until Free. Panics if the range is not within [0, Cap). Nobody may
// read or write the range meanwhile.
func (a *Arena) Decommit(off, n int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	a.checkRange("Decommit", off, n, v.Cap)
	if err := a.refuseShared("decommit bytes of"); err != nil || n == 0 {
		return err
	}
	defer a.note()
	return a.punch(off, n)
}

// Trim gives the memory beyond Len back to the system: what was prepared ahead,
// and what Reset and Truncate kept. The capacity stays; with Options.Commit the next
// Grow or Alloc takes the memory again, or fails. Where the system or the file
// system cannot punch holes that is an error, and the memory stays until Free. What others
// have appended to a caller's file, or with NoLock may have put there, and was not handed
// out since, stays as well. Nothing else may write, allocate or free meanwhile; readers
// may go on.
func (a *Arena) Trim() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	if err := a.refuseShared("trim"); err != nil {
		return err
	}
	defer a.note()
	// Whoever prepares memory is kept out: it must not be given back again.
	a.prep.Lock()
	defer a.prep.Unlock()
	if err := a.file.Look(); err != nil {
		return fmt.Errorf("arena: trim %q: %w", a.name, err)
	}
	from, _ := align.Up(a.Len(), a.file.Page())
	if from >= a.file.Size() {
		return nil
	}
	if a.commits() && from < v.Ready {
		next := *v
		next.Ready = from
		if err := a.mapping.Publish(&next); err != nil {
			return fmt.Errorf("arena: trim %q to %d bytes: %w", a.name, from, err)
		}
	}
	to := a.file.Size() // No whole page at the end: others may append there at any time.
	ours, others := a.others()
	for _, r := range [][2]int{{from, min(ours, to)}, {max(from, others), to}} {
		if err := a.trimRange(v, r[0], r[1]); err != nil {
			return fmt.Errorf("arena: trim %q to %d bytes: %w", a.name, from, err)
		}
	}
	a.head.rewind(from)
	a.dirty.Store(max(min(a.dirty.Load(), int64(from)), a.lent.Load(), int64(others)))
	a.resetSoft()
	return nil
}

// others returns the pages that hold what others have put into a caller's file and that
// was not handed out since: an empty range at 0 if there are none. Without a lock they
// may use all that has never been handed out.
//
// Preconditions: mu is held.
func (a *Arena) others() (from, to int) {
	from, to = max(a.top, a.Len()), a.file.Others()
	if a.file.Shared() {
		to = max(to, a.file.Size())
	}
	if to <= from {
		return 0, 0
	}
	to, _ = align.Up(to, a.file.Page())
	return align.Down(from, a.file.Page()), to
}

// trimRange gives the memory of [from, to) back, if that is not empty.
//
// Preconditions: mu is held; from is a multiple of the page size.
func (a *Arena) trimRange(v *view, from, to int) error {
	if from >= to {
		return nil
	}
	addr := v.Addr(from)
	if to > v.Window.Mapped() { // After a growth that failed.
		addr = 0
	}
	defer a.noteHole(from, to-from)
	return memfile.Punch(a.file.Fd(), int64(from), addr, to-from)
}
