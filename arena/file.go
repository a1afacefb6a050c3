package arena

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"os"
	"sync"
)

// File opens the backing file for reading: for another process, for sendfile and the
// like. Offsets in it are offsets in the arena, it has an offset of its own, and it
// outlives the arena; the caller closes it. A memfd of ours is its owner's alone
// (mode 0600), so nobody else can make it a writable one; and nobody can cut or seal it (but see
// [HugeAlways]).
//
// It is longer than Len, with zeros behind: who copies from it copies so much, as
// io.CopyN(conn, f, int64(a.Len())) does, or takes [Arena.NewReader].
//
// The error is that of opening /proc/self/fd, without which there is no such
// descriptor: [Arena.WritableFile] does without.
func (a *Arena) File() (*os.File, error) { return a.openFile(false) }

// WritableFile is [Arena.File] for reading and writing. As long as there is such a
// descriptor, here or with whoever it was given to, bytes beyond Len may be written at
// any time, so what is handed out from now on is cleared then, which takes its memory.
// Where there is no /proc it shares its offset with others of its kind: use
// ReadAt and WriteAt.
func (a *Arena) WritableFile() (*os.File, error) { return a.openFile(true) }

func (a *Arena) openFile(write bool) (*os.File, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.load()
	if write {
		if err := cmp.Or(a.refuseShared("open for writing the file of"), a.refuseTracked("open for writing the file of")); err != nil {
			return nil, err
		}
	}
	fd, err := a.file.Open(write)
	if err != nil {
		return nil, fmt.Errorf("arena: open the file of %q: %w", a.name, err)
	}
	if write {
		a.opened = true
		a.writable(math.MaxInt)
	}
	return os.NewFile(uintptr(fd), a.name), nil
}

// writable notes that others may write to [0, to) from now on, and not only to what has
// been handed out.
//
// Preconditions: mu is held.
func (a *Arena) writable(to int) {
	a.lend(to)
	a.lent.Store(max(a.lent.Load(), int64(to)))
	a.cuts.Add(1) // Locals have blocks in it, which are clean no longer.
}

// NewReader returns a reader, with an offset of its own, of what has been handed out by
// now: for http.ServeContent and whoever else reads a file to its end. It reads from
// memory, each Read under a guard, and its error is that of [Arena.Pin]: a reader need not
// know of Free (with Options.Retire or Domain; else stop the readers first). What is cut
// off by Truncate meanwhile is io.EOF.
func (a *Arena) NewReader() *io.SectionReader {
	return io.NewSectionReader(reader{a}, 0, int64(a.Len()))
}

type reader struct{ a *Arena }

func (r reader) ReadAt(p []byte, off int64) (n int, err error) { return r.a.readAt(p, off) }

// readAt copies from off on, as io.ReaderAt has it.
//
// Preconditions: off is not negative.
func (a *Arena) readAt(p []byte, off int64) (n int, err error) {
	g, err := a.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin()
	return g.held.ReadAt(p, off, g.n)
}

// holders are guards and aliases that may show bytes of a caller's file, which is not to
// be cut before the last of them is gone.
type holders struct {
	mu  sync.Mutex
	n   int          // Protected by mu.
	end func() error // what the last does; nil: nothing. Protected by mu.
}

// hold counts one more, until gone is called; a second call of that does nothing.
func (h *holders) hold() (gone func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n++
	return sync.OnceFunc(func() {
		h.mu.Lock()
		h.n--
		end := h.end
		last := h.n == 0
		h.mu.Unlock()
		if last && end != nil {
			_ = end()
		}
	})
}

// last leaves end to the last holder, or does it, where there is none. No new one comes
// then.
func (h *holders) last(end func() error) error {
	h.mu.Lock()
	if h.n > 0 {
		h.end = end
		h.mu.Unlock()
		return nil
	}
	h.mu.Unlock()
	return end()
}
