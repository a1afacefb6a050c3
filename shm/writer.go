package shm

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

// Writer grows a buffer that other processes follow. Make one with [Create], or with
// [TakeOver] where one has ended. Append, Write, DropFront, Front, Sync and Published may be called
// by any number of goroutines at once. Publish, and the arena's Alloc, are for one that uses the
// writer alone, as are Remove, Close and Abort.
type Writer struct {
	name  string
	opts  Options
	space *addrspace.Space
	flags uint32

	a       *arena.Arena
	data    *os.File
	control *os.File // has the lock
	bell    *os.File

	page     *addrspace.Window // of the control file
	bellPage *addrspace.Window
	l        *layout
	b        *bell
	guarded  bool // somebody else may make the bell shorter

	mu        sync.Mutex // of those who append; held alone
	published int        // Protected by mu, but in Publish, beside which nobody is.
	torn      error      // of an append that may have written half: it is not to be published. Protected by mu.

	dropping sync.Mutex // of those who drop; held alone
	front    int        // Protected by dropping.
	punched  int        // up to where it is given back. Protected by dropping.

	closed  bool
	removed bool
	id      [2]uint64 // of the buffer

	thing *census.Thing // nil before it is complete. Immutable until Close.
}

// Arena returns the writer's own arena: what is allocated there and written is seen by
// others when it is published. It ends with Close: do not free it.
func (w *Writer) Arena() *arena.Arena { return w.a }

// Name returns the buffer's name.
func (w *Writer) Name() string { return w.name }

// Published returns how many bytes have been published, also after Close.
func (w *Writer) Published() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.published
}

// Publish says that [0, n) of the arena is complete: followers see it from now on, and those
// that wait are woken. It panics unless n is within [what was published, Arena().Len()], and
// after Close. Where nobody waits it makes no system call.
func (w *Writer) Publish(n int) {
	if w.closed || n < w.published || n > w.a.Len() {
		panic(fmt.Sprintf("shm: Publish of %d bytes in %q: %d are published, the arena has %d (closed: %t)", n, w.name, w.published, w.a.Len(), w.closed))
	}
	if n == w.published {
		return
	}
	w.l.publish(w.a.Cap(), n) // The file is as long before Cap says so.
	w.published = n
	w.ring()
}

// ring wakes those who wait, if there are any.
func (w *Writer) ring() {
	if w.guarded {
		w.ringGuarded()
	} else if w.l.rung(w.b) {
		w.wake()
	}
}

// ringGuarded is ring where somebody else can make the bell shorter: without it all may be
// waiting.
func (w *Writer) ringGuarded() {
	waiting := true
	_ = arena.CatchFault(w.space, func() error {
		waiting = w.l.rung(w.b)
		return nil
	})
	if waiting {
		w.wake()
	}
}

// wake wakes all who wait. They look again after some time whatever it says.
func (w *Writer) wake() { _ = sys.FutexWake(seqAddr(w.page)) }

// Append appends p, as one: who follows sees all of it or nothing, and publishes it with all that
// was allocated before. It returns where p begins. A full file system is an error, as is the
// arena's limit, which bounds all that was ever appended, dropped or not: nothing has been
// published then. Where the file system was found full by a store, all later appends return that
// error, too: half of p may have been written.
func (w *Writer) Append(p []byte) (off int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		err = os.ErrClosed
	case w.torn != nil:
		err = fmt.Errorf("after an append that failed: %w", w.torn)
	default:
		if off, err = w.appendLocked(p); err == nil {
			return off, nil
		}
	}
	return -1, fmt.Errorf("shm: append %d bytes to %s: %w", len(p), w.where(), err)
}

// errUnfinished is what has become of an append whose copy has panicked.
var errUnfinished = errors.New("its copy was not finished")

// appendLocked is Append with mu held.
func (w *Writer) appendLocked(p []byte) (off int, err error) {
	b, err := w.a.Alloc(len(p))
	if err != nil {
		return -1, err
	}
	w.torn = errUnfinished // In case the copy panics.
	w.torn = caught(w.space, w.flags&flagSealed != 0, func() error {
		copy(b, p)
		return nil
	})
	if w.torn != nil {
		return -1, w.torn
	}
	end := w.a.Len()
	w.Publish(end)
	return end - len(p), nil
}

// Write is Append for an io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if _, err := w.Append(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close says that nothing more comes and ends the writer and its arena. What was published
// stays for those who follow; a name stays, too: see [Writer.Remove]. On a disk all is
// synced first. What was allocated and not published is cut off where there is a file to
// cut. The error joins what went wrong, and everything is given back all the same. Panics
// if the writer is closed.
func (w *Writer) Close() error {
	if w.closed {
		panic(fmt.Sprintf("shm: Close of %q, which is closed", w.name))
	}
	var errs []error
	if w.flags&flagOnDisk != 0 {
		errs = append(errs, w.Sync())
	}
	w.l.finish()
	w.wake()
	if w.flags&flagOnDisk != 0 && errs[0] == nil {
		errs = append(errs, w.syncControl())
	}
	w.closed = true
	errs = append(errs, w.end())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("shm: close %s: %w", w.where(), err)
	}
	return nil
}

// Abort ends the writer and its arena as if its process had been killed: followers get
// ErrWriterGone when they have what was published. Panics if the writer is closed.
func (w *Writer) Abort() {
	if w.closed {
		panic(fmt.Sprintf("shm: Abort of %q, which is closed", w.name))
	}
	w.drop()
}

// drop gives back what there is, and says nothing to anybody.
func (w *Writer) drop() {
	w.closed = true
	_ = w.end()
}

// end gives everything back, the lock last.
func (w *Writer) end() error {
	if w.thing != nil {
		w.thing.Remove() // Waits for Stats.
	}
	var errs []error
	if w.a != nil {
		long := w.a.Len() > w.published
		errs = append(errs, w.a.Free())
		if long && w.flags&flagSealed == 0 {
			errs = append(errs, sys.Truncate(fdOf(w.data), int64(w.published)))
		}
	}
	for _, p := range []*addrspace.Window{w.page, w.bellPage} {
		if p != nil {
			_ = p.Release() // The space keeps what it cannot release.
		}
	}
	w.l, w.b = nil, nil
	if w.control != nil {
		_ = sys.Unlock(fdOf(w.control)) // See letGo.
	}
	for _, f := range []*os.File{w.data, w.bell, w.control} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
