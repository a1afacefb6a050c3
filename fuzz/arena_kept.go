package fuzz

import (
	"errors"
	"fmt"
	"io"

	"github.com/growarena/growarena/arena"
)

// keptSlice is a slice that begins at off of the arena.
type keptSlice struct {
	b   []byte
	off int
}

// keptGuard is a guard that is pinned.
type keptGuard struct {
	g     arena.Guard
	start uintptr     // where its bytes are
	n     int         // and how many
	move  int         // the window it is on, by how many there were before
	clock uint64      // of the run when it was pinned or refreshed
	under []keptSlice // taken since, without the guard, in a shared domain
}

// keptAlias is an alias.
type keptAlias struct {
	l        *arena.Alias
	off, n   int // what it shows
	times    int
	readOnly bool
	start    uintptr
	size     int // of its window
}

// pinned notes what g has pinned.
func (m *arenaModel) pinned(g arena.Guard) keptGuard {
	return keptGuard{g: g, start: m.window.start, n: m.length, move: m.window.move, clock: m.run.clock}
}

// compareContent compares the bytes through the newest view and the oldest things
// that are kept, and through another one of each kind; or through all of them.
func (m *arenaModel) compareContent() error {
	if m.a == nil {
		return nil
	}
	if !m.freed {
		b := m.a.Bytes()
		if len(b) != m.length || cap(b) != m.length || addrOf(b) != m.window.start {
			return fmt.Errorf("the newest view is %d bytes of capacity %d at %#x, want %d at %#x", len(b), cap(b), addrOf(b), m.length, m.window.start)
		}
		if err := m.want.compare(b, 0); err != nil {
			return fmt.Errorf("newest view: %w", err)
		}
	}
	other := len(m.run.trace)
	look := func(i, of int) bool { return i == 0 || m.run.all || i == other%of }
	for i, s := range m.slices {
		if !look(i, len(m.slices)) {
			continue
		}
		if err := m.compareSlice(s); err != nil {
			return fmt.Errorf("slice %d: %w", i, err)
		}
	}
	for i := range m.guards {
		if !look(i, len(m.guards)) {
			continue
		}
		if err := m.compareGuard(&m.guards[i]); err != nil {
			return fmt.Errorf("guard %d: %w", i, err)
		}
	}
	for i := range m.aliases {
		if !look(i, len(m.aliases)) {
			continue
		}
		if err := m.compareAlias(&m.aliases[i]); err != nil {
			return fmt.Errorf("alias %d: %w", i, err)
		}
	}
	if m.run.all {
		for i, f := range m.files {
			if err := m.compareFile(f); err != nil {
				return fmt.Errorf("file %d: %w", i, err)
			}
		}
	}
	return nil
}

func (m *arenaModel) compareSlice(s keptSlice) error {
	if !m.freed && len(s.b) > 0 {
		if off := m.a.Offset(s.b); off != s.off {
			return fmt.Errorf("it is at Offset %d, want %d", off, s.off)
		}
	}
	return m.want.compare(m.there(s.b, s.off), s.off)
}

// there returns what of b, which shows the arena from off on, can be touched: a
// file of ours is cut when the arena is freed.
func (m *arenaModel) there(b []byte, off int) []byte {
	if m.freed && m.disk != nil {
		return b[:min(len(b), max(m.length-off, 0))]
	}
	return b
}

func (m *arenaModel) compareGuard(g *keptGuard) error {
	b := g.g.Bytes()
	if len(b) != g.n || cap(b) != g.n || addrOf(b) != g.start {
		return fmt.Errorf("%d bytes of capacity %d at %#x, want %d at %#x", len(b), cap(b), addrOf(b), g.n, g.start)
	}
	if err := m.want.compare(m.there(b, 0), 0); err != nil {
		return err
	}
	for _, s := range g.under {
		if err := m.compareSlice(s); err != nil {
			return fmt.Errorf("slice at %d: %w", s.off, err)
		}
	}
	return nil
}

func (m *arenaModel) compareAlias(l *keptAlias) error {
	b := l.l.Bytes()
	if len(b) != l.n*l.times || addrOf(b) != l.start {
		return fmt.Errorf("%d bytes at %#x, want %d times %d at %#x", len(b), addrOf(b), l.times, l.n, l.start)
	}
	for i := range l.times {
		if err := m.want.compare(m.there(b[i*l.n:(i+1)*l.n], l.off), l.off); err != nil {
			return fmt.Errorf("repetition %d: %w", i, err)
		}
	}
	return nil
}

// compareFile compares what can be read from a descriptor. Beyond the length a file of
// ours ends when the arena is freed, or when nobody shows it any more, or not.
func (m *arenaModel) compareFile(f interface {
	io.ReaderAt
}) error {
	var b [mirrorPage]byte
	for _, p := range m.want.pages {
		end := (p + 1) * mirrorPage
		if m.freed && m.disk != nil {
			end = min(end, m.length)
		}
		if end <= p*mirrorPage {
			continue
		}
		n, err := f.ReadAt(b[:end-p*mirrorPage], int64(p*mirrorPage))
		if err != nil && err != io.EOF {
			return err
		}
		if err := m.want.compareRange(b[:n], p*mirrorPage, p*mirrorPage, p*mirrorPage+n); err != nil {
			return err
		}
		if !isZero(m.want.data[p*mirrorPage+n : end]) {
			return fmt.Errorf("the file ends at %d", p*mirrorPage+n)
		}
	}
	return nil
}

// isZero reports whether b is.
func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// drop gives up all that is kept.
func (m *arenaModel) drop() error {
	var errs []error
	for i := range m.guards {
		m.guards[i].g.Unpin()
	}
	for i := range m.aliases {
		m.aliases[i].l.Release()
	}
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	if m.disk != nil {
		errs = append(errs, m.disk.Close())
	}
	m.slices, m.guards, m.aliases, m.files, m.disk = nil, nil, nil, nil, nil
	return errors.Join(errs...)
}
