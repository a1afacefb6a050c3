package shm

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

// TakeOver makes the caller the writer of a buffer whose writer has ended, well or not: it
// goes on behind what was published, and what was written beyond is cleared. Followers see
// another generation; the bytes that they have stay. The error wraps ErrInUse if the buffer
// has a writer, fs.ErrNotExist if there is none of the name, and ErrCorrupt where it is not
// what a writer leaves.
//
// After the system has been started anew, only what had been synced counts as published: see
// [Writer.Sync].
//
// Preconditions of options: Dir and Name are set; Perm, Unsealed and Droppable are not.
func TakeOver(opts Options) (*Writer, error) {
	checkTakeOver(&opts)
	w := newWriter(opts)
	if err := w.takeOver(); err != nil {
		w.drop()
		return nil, fmt.Errorf("shm: take over %s: %w", w.where(), err)
	}
	w.thing = census.Enter(w, "shm writer", w.name)
	return w, nil
}

// checkTakeOver panics where options say what only a new buffer can be told.
func checkTakeOver(opts *Options) {
	opts.check()
	if opts.Dir == "" || opts.Perm != 0 || opts.Unsealed || opts.Droppable {
		panic(fmt.Sprintf("shm: TakeOver of %q: Dir is %q, Perm %v, Unsealed %t, Droppable %t: want a Dir alone", opts.Name, opts.Dir, opts.Perm, opts.Unsealed, opts.Droppable))
	}
}

func (w *Writer) takeOver() error {
	s, err := w.lockLeft()
	if err != nil {
		return err
	}
	return w.goOn(s)
}

// lockLeft makes w the only one that can go on, and returns what the last writer has left.
func (w *Writer) lockLeft() (s snapshot, err error) {
	n, err := namesOf(w.opts.Dir, w.name)
	if err != nil {
		return s, err
	}
	if w.control, err = openName(n.control); err != nil {
		return s, err
	}
	if err := lockControl(fdOf(w.control), n.control); err != nil {
		return s, err
	}
	if w.data, err = openName(n.data); err != nil {
		return s, err
	}
	if w.bell, err = w.openBell(n.bell); err != nil {
		return s, err
	}
	info, err := sys.Stat(fdOf(w.control))
	if err != nil {
		return s, err
	}
	if info.Size < headerSize {
		return s, corrupt("the control file has %d bytes, want %d", info.Size, headerSize)
	}
	if err := w.mapPages(); err != nil {
		return s, err
	}
	// Nobody else writes to the page, but who is allowed to could make it shorter.
	err = guarded(w.space, false, func() (err error) {
		org, err := w.l.origin()
		if err != nil {
			return err
		}
		w.flags, w.id = org.flags, org.id
		if org.flags&flagSealed != 0 {
			return corrupt("it is said to be sealed, and has a name")
		}
		s, err = w.left()
		return err
	})
	return s, err
}

// left returns what the last writer has left that counts, also one that was killed while it
// took over.
func (w *Writer) left() (snapshot, error) {
	s, err := w.l.numbers(snapshot{state: StateLive, generation: w.l.generation.Load()}, snapshot{})
	if err != nil {
		return s, err
	}
	info, err := sys.Stat(fdOf(w.data))
	switch {
	case err != nil:
		return s, err
	case s.generation == math.MaxUint64:
		return s, corrupt("its generation is %d, the last there can be", s.generation)
	case w.l.ofThisBoot() && w.l.inode.Load() != info.ID.Inode:
		return s, corrupt("the data is not the file that its writer had")
	case info.Size < int64(s.length):
		return s, corrupt("%d bytes are published, and the data has %d", s.length, info.Size)
	}
	return s, nil
}

// goOn begins a generation behind s.
func (w *Writer) goOn(s snapshot) error {
	info, err := sys.Stat(fdOf(w.data))
	if err != nil {
		return err
	}
	// Followers touch nothing beyond the length. What was there is gone: it reads as zero.
	if info.Size > int64(s.length) {
		if err := sys.Truncate(fdOf(w.data), int64(s.length)); err != nil {
			return err
		}
	}
	if err := w.open(s.front); err != nil {
		return err
	}
	// Nothing fails from here on but the disk: a buffer that nobody can take over is as it was.
	closed := State(w.l.state.Load()) == StateClosed
	w.l.suspend()
	raise(&w.l.capacity, uint64(s.length)) // More than before only in a group.
	w.l.length.Store(uint64(s.length))     // Less only where no follower can be.
	w.l.front.Store(uint64(s.front))
	w.live(s.generation+1, info)
	w.wake()
	if w.flags&flagOnDisk == 0 {
		return nil
	}
	err = w.syncControl()
	if err != nil && closed {
		w.l.finish()
		w.wake()
	}
	return err
}

// openName opens a file of the buffer to be written.
func openName(path string) (*os.File, error) {
	fd, err := sys.OpenName(path, true)
	if err != nil {
		return nil, explain(err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openBell opens the bell, or makes a new one where somebody has made it shorter or taken it
// away: followers that have the old one look by themselves.
func (w *Writer) openBell(path string) (*os.File, error) {
	info, err := sys.Stat(fdOf(w.control))
	if err != nil {
		return nil, err
	}
	bell, err := openName(path)
	if err == nil {
		w.guarded = info.Perm&0o077 != 0
		return bell, sys.Extend(fdOf(bell), int64(os.Getpagesize()))
	}
	if !errors.Is(err, sys.ENOENT) {
		return nil, err
	}
	perm := info.Perm
	w.guarded = perm&0o077 != 0
	made, err := sys.Create(w.opts.Dir, perm|perm&0o444>>1)
	if err != nil {
		return nil, explain(err)
	}
	bell = os.NewFile(uintptr(made.Fd), path)
	err = sys.Extend(made.Fd, int64(os.Getpagesize()))
	if err == nil {
		err = made.Link(path)
	}
	if err != nil {
		made.Forget()
		_ = bell.Close()
		return nil, explain(err)
	}
	return bell, nil
}

// Sync returns when what is published is on the disk: first the data, then the length that
// says so. After a loss of power [TakeOver] finds at least that, and no byte of it is another.
// Where the buffer is memory there is nothing to do. It may be called beside Append and Write,
// of which it syncs what is published when it begins.
func (w *Writer) Sync() error {
	if w.closed || w.flags&flagOnDisk == 0 {
		return nil
	}
	n := w.Published()
	err := sys.Sync(fdOf(w.data))
	if err == nil {
		raise(&w.l.synced, uint64(n)) // Another Sync may have begun later, and be done.
		err = w.syncControl()
	}
	if err != nil {
		return fmt.Errorf("shm: sync %d bytes of %s: %w", n, w.where(), err)
	}
	return nil
}

// syncControl brings the control page to the disk.
func (w *Writer) syncControl() error { return sys.Sync(fdOf(w.control)) }
