package arena

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// AdoptOptions say how [Arena.Adopt] stops those who use the memory.
type AdoptOptions struct {
	// Quiesce is called once little is left to copy, and returns when nobody reads or writes the memory any
	// more, until Resume is called. Its error ends it, and Resume is not called then. nil means that nobody does while Adopt runs.
	Quiesce func() error

	// Resume lets them go on. It is called before Adopt returns, also with an error. nil: they go on when Adopt returns.
	Resume func()
}

// Adoption is what [Arena.Adopt] has done.
type Adoption struct {
	Copied int64         // bytes, those that were written meanwhile again
	Rounds int           // how often was copied what was written meanwhile, the last time included
	Pause  time.Duration // from Quiesce's return until Resume was called
}

// Adopt moves private memory, b, into the arena, which is empty: memory that C, another allocator or another package has
// mapped, and that is in use. It is copied while it is written to, and what was written meanwhile again, until little
// is left; then, with everybody stopped by Quiesce, the arena's pages take the place of the private ones. So b, and each pointer
// into it, stays good and shows the arena's first bytes, which from then on can grow in the arena, be aliased, and be shared with other
// processes. Nothing is unmapped for a moment, nor reads as anything else to who was stopped.
//
// b must be all or a part of one anonymous mapping, private, readable and writable, and of whole pages. Go memory
// is refused, and so are the brk heap and stacks, whose owners count on their being private: malloc places what is large in
// mappings of its own. The owner unmaps it as before; that takes nothing from the arena, nor does Free take b from its owner. What
// the owner must know: MADV_DONTNEED does not clear it any more, a child of fork shares it, core dumps leave it out, and what
// mlock, mbind or madvise have said of it is forgotten. The kernel must hold no pages of it (buffers registered with io_uring): it would go on with
// the old ones.
//
// An arena with it can be tracked (Track) once b is unmapped. Needs Linux 6.7: see track.ErrUnsupported. An error leaves b as it was
// and the arena empty. Panics if the arena is not empty. Nobody else may use the arena meanwhile.
func (a *Arena) Adopt(b []byte, o AdoptOptions) (*Adoption, error) {
	if a.load(); a.Len() > 0 {
		panic(fmt.Sprintf("arena: Adopt into %q, which has %d bytes", a.name, a.Len()))
	}
	m := &adopting{arena: a, from: dirty.RangeOf(b), b: b, opts: o}
	defer runtime.KeepAlive(b)
	defer m.empty() // Also after a panic of the caller's functions.
	if err := m.run(); err != nil {
		return nil, fmt.Errorf("arena: adopt %v into %q: %w", m.from, a.name, err)
	}
	return &m.done, nil
}

// empty makes the arena empty, unless it has the memory now.
func (m *adopting) empty() {
	if !m.moved && m.arena.Len() > 0 {
		m.arena.Truncate(0)
		_ = m.arena.Trim() // It is empty all the same.
	}
}

// adopting is memory that is being moved into an arena.
type adopting struct {
	arena *Arena
	from  dirty.Range
	b     []byte
	opts  AdoptOptions

	watcher *dirty.Watcher
	area    *dirty.Area
	todo    pageSet     // what was written and not copied
	aside   dirty.Range // where the private pages go
	copied  dirty.Range // where the arena is mapped a second time, until its pages take their place
	moved   bool        // The arena's pages have taken its place.
	done    Adoption
}

func (m *adopting) run() error {
	switch a := m.arena; {
	case a.track.Load() != nil:
		return fmt.Errorf("%w: end that first (Untrack)", ErrTracked)
	case a.shared.Load():
		return ErrShared
	case !a.file.Memfd():
		return errors.New("the arena's file is the caller's, who can make it shorter: make an arena without Options.File")
	}
	if err := m.check(); err != nil {
		return err
	}
	w, err := dirty.OpenMoving()
	if err != nil {
		return err
	}
	defer w.Close()
	m.watcher = w
	if m.area, err = w.Add(m.from.Start, m.from.End); err != nil {
		return err
	}
	if err := m.arena.Grow(len(m.b)); err != nil {
		return err
	}
	free, err := m.places()
	if err != nil {
		return err
	}
	defer free()
	if err := m.find(); err != nil { // All of it.
		return err
	}
	if err := m.reading(m.copyAll); err != nil {
		return err
	}
	for before := len(m.b); ; m.done.Rounds++ {
		if err := m.find(); err != nil {
			return err
		}
		left := m.todo.count(len(m.b)/os.Getpagesize()) * os.Getpagesize()
		if left <= checkpointLittle || left > before/2 || m.done.Rounds == checkpointRounds {
			break
		}
		before = left
		if err := m.reading(m.copy); err != nil {
			return err
		}
	}
	return m.exchange()
}

// check returns why the memory cannot be adopted.
func (m *adopting) check() error {
	if _, err := m.from.Check(m.b); err != nil {
		return err
	}
	var found sys.VMA
	err := sys.Maps(func(v sys.VMA) bool {
		if v.End > m.from.Start {
			found = v
		}
		return found.End == 0
	})
	switch v := found; {
	case err != nil:
		return err
	case v.Perms[3] == 's':
		return fmt.Errorf("%w: it is shared already: AliasOf maps it a second time", sys.EINVAL)
	case v.File != sys.FileID{} || v.Path != "" && !strings.HasPrefix(v.Path, "[anon"):
		return fmt.Errorf("%w: it is not anonymous memory, but of %s: copy it (Clone)", sys.EINVAL, v.Path)
	case v.Perms != "rw-p":
		return fmt.Errorf("%w: it is mapped %s, want rw-p", sys.EINVAL, v.Perms)
	case v.End < m.from.End:
		return fmt.Errorf("%w: it is more than one mapping, of which one ends at %#x: adopt each into an arena of its own", sys.EINVAL, v.End)
	}
	return nil
}

// find adds what was written since the last look to what is to be copied.
func (m *adopting) find() error {
	page := uintptr(os.Getpagesize())
	for at := m.area.Start(); at < m.area.End(); {
		to := m.area.Split(at, scanChunk)
		if err := m.watcher.Scan(m.area, at, to, func(start, end uintptr) {
			m.todo.add(int((start-m.from.Start)/page), int((end-m.from.Start)/page))
		}); err != nil {
			return err
		}
		at = to
	}
	return nil
}

// copyAll copies all of it into the arena, but for pages that are zero, which take no memory there.
func (m *adopting) copyAll() error {
	page := os.Getpagesize()
	m.todo.clear()
	for off := 0; off < len(m.b); {
		from := m.b[off:min(off+extentSize, len(m.b))]
		alloc := m.arena.AllocSparse
		if !allZeros(from) {
			alloc = m.arena.Alloc
		}
		if _, err := alloc(len(from)); err != nil {
			return err
		}
		to := m.copied.Bytes()[off:]
		for i := 0; i < len(from); i += page {
			if p := from[i : i+page]; !allZeros(p) {
				m.done.Copied += int64(copy(to[i:], p))
			}
		}
		off += len(from)
	}
	return nil
}

// copy copies what was written.
func (m *adopting) copy() error {
	page, to := os.Getpagesize(), m.copied.Bytes()
	for first, last := range m.todo.runs(len(m.b) / page) {
		m.done.Copied += int64(copy(to[first*page:last*page], m.b[first*page:]))
	}
	m.todo.clear()
	return nil
}

// reading calls f, which reads the memory.
func (m *adopting) reading(f func() error) error {
	return catchFault(f, func(fault faultError) error {
		if at := fault.Addr(); at >= m.from.Start && at < m.from.End {
			return fmt.Errorf("%w: it cannot be read at %#x: it was unmapped meanwhile, or has a guard (MADV_GUARD_INSTALL)", sys.EFAULT, at)
		}
		return nil
	})
}

// allZeros reports whether b is zero.
func allZeros(b []byte) bool {
	for len(b) > 0 {
		n := min(len(b), len(zeros))
		if !bytes.Equal(b[:n], zeros[:n]) {
			return false
		}
		b = b[n:]
	}
	return true
}
