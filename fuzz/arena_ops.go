package fuzz

import (
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/growarena/growarena/arena"
)

// arenaOps are the operations on an arena.
var arenaOps = []struct {
	name string
	do   func(*arenaModel) error
}{
	{"alloc", opAlloc},
	{"alloc aligned", opAllocAligned},
	{"typed", opTyped},
	{"guard alloc", opGuardAlloc},
	{"grow", opArenaGrow},
	{"grow more", opArenaGrow},
	{"outgrow", opOutgrow},
	{"huge", opHuge},
	{"write", opArenaWrite},
	{"write more", opArenaWrite},
	{"truncate", opArenaTruncate},
	{"reset", opArenaReset},
	{"trim", opTrim},
	{"decommit", opDecommit},
	{"keep", opKeep},
	{"alias", opAlias},
	{"release alias", opReleaseAlias},
	{"file", opFile},
	{"write file", opWriteFile},
	{"close file", opCloseFile},
	{"pin", opPin},
	{"refresh", opRefresh},
	{"unpin", opUnpin},
	{"read", opArenaRead},
	{"misuse", opArenaMisuse},
	{"fault", opFault},
	{"shorten file", opShorten},
	{"append by others", opAppendByOthers},
	{"lengthen by others", opLengthenByOthers},
	{"second arena", opSecondArena},
	{"maps", func(m *arenaModel) error { return m.run.compareMaps() }},
	{"free", opFree},
}

// sizeOf reads how many bytes an operation is about, at most most: often much,
// as it takes that to outgrow windows.
func (m *arenaModel) sizeOf(most int) int {
	most = min(most, arenaMax-m.length)
	const step = 256 << 10
	if m.run.in.below(2) == 0 && most > step {
		return step*m.run.in.below(most/step) + m.run.in.size(step)
	}
	return m.run.in.size(most)
}

func opAlloc(m *arenaModel) error {
	n := m.sizeOf(m.run.allocMost)
	m.run.trace.args(n)
	b, err := m.a.Alloc(n)
	return m.allocated(b, n, 1, err)
}

func opAllocAligned(m *arenaModel) error {
	n := m.sizeOf(m.run.allocMost)
	alignment := 1 << m.run.in.below(22)
	m.run.trace.args(n, alignment)
	b, err := m.a.AllocAligned(n, alignment)
	return m.allocated(b, n, alignment, err)
}

// opTyped makes values, and links to them that hold in every window.
func opTyped(m *arenaModel) error {
	type pair struct {
		a uint32
		b uint8
	}
	n := m.sizeOf(m.run.allocMost) / 8
	m.run.trace.args(n)
	s, err := arena.TryMakeSlice[pair](m.a, n/2, n)
	if err == nil && (len(s) != n/2 || cap(s) != n) {
		return fmt.Errorf("%d of %d values, want %d of %d", len(s), cap(s), n/2, n)
	}
	start := (m.length + 3) &^ 3
	if err != nil || n == 0 {
		return m.allocated(nil, 8*n, 4, err)
	}
	p := &s[:1][0]
	if (*p != pair{}) {
		return fmt.Errorf("a new value is %+v", *p)
	}
	p.a, p.b = 0, 0 // As they are: what follows writes to all of it.
	ref := arena.RefTo(m.a, p)
	if ref.IsNil() || ref.Offset() != start || ref.In(m.a) != p {
		return fmt.Errorf("a link to %d leads to %d", start, ref.Offset())
	}
	if err := m.allocated(m.a.Bytes()[start:start+8*n:start+8*n], 8*n, 4, nil); err != nil {
		return err
	}
	if len(m.guards) > 0 && m.guards[0].n >= start+8 {
		if got := *ref.At(&m.guards[0].g); got != *p {
			return fmt.Errorf("a link leads to %+v, want %+v", got, *p)
		}
	}
	return nil
}

func opGuardAlloc(m *arenaModel) error {
	if len(m.guards) == 0 {
		return nil
	}
	n := m.sizeOf(m.run.allocMost)
	g := &m.guards[m.run.in.below(len(m.guards))]
	m.run.trace.args(n)
	g.under = nil
	b, err := g.g.Alloc(n)
	if err := m.allocated(b, n, 1, err); err != nil {
		return err
	}
	if err == nil {
		*g = m.pinned(g.g)
	}
	return nil
}

// allocated takes over what an Alloc has returned, and writes to it.
func (m *arenaModel) allocated(b []byte, n, alignment int, err error) error {
	start := (m.length + alignment - 1) &^ (alignment - 1)
	if e := m.grown(start+n, err); e != nil || err != nil {
		return e
	}
	if len(b) != n || cap(b) != n {
		return fmt.Errorf("%d bytes of capacity %d, want %d", len(b), cap(b), n)
	}
	if n > 0 && (addrOf(b) != m.window.start+uintptr(start) || m.a.Offset(b) != start) {
		return fmt.Errorf("bytes at %#x, offset %d, want %d", addrOf(b), m.a.Offset(b), start)
	}
	m.length = start + n
	m.want.zero(start, m.length)
	if err := m.want.compare(b, start); err != nil {
		return fmt.Errorf("new bytes: %w", err)
	}
	if n := m.run.in.size(min(n, m.run.writeMost)); n > 0 {
		m.write(b, start, m.run.in.below(len(b)-n+1), n)
	}
	return nil
}

func opArenaGrow(m *arenaModel) error {
	n := m.sizeOf(arenaMax / 2)
	m.run.trace.args(n)
	return m.grown(m.length+n, m.a.Grow(n))
}

// opOutgrow grows beyond the window, by a little.
func opOutgrow(m *arenaModel) error {
	n := m.window.size - m.length + 1 + m.run.in.size(arenaUnit)
	if m.length+n > arenaMax {
		return nil
	}
	m.run.trace.args(n)
	return m.grown(m.length+n, m.a.Grow(n))
}

// opHuge asks for what there cannot be.
func opHuge(m *arenaModel) error {
	n := math.MaxInt >> (m.run.in.below(4) * 3)
	m.run.trace.args(n)
	need := math.MaxInt
	if n <= math.MaxInt-m.length {
		need = m.length + n
	}
	if m.run.in.below(2) == 0 {
		return m.grown(need, m.a.Grow(n))
	}
	_, err := m.a.Alloc(n)
	return m.grown(need, err)
}

func opArenaTruncate(m *arenaModel) error {
	m.top = max(m.top, m.length)
	m.length -= m.run.in.size(m.length)
	m.run.trace.args(m.length)
	m.a.Truncate(m.length)
	return nil
}

func opArenaReset(m *arenaModel) error {
	m.a.Reset()
	m.top = max(m.top, m.length)
	m.length = 0
	return nil
}

func opTrim(m *arenaModel) error {
	if err := m.a.Trim(); err != nil {
		return err
	}
	end := roundUpPage(m.length)
	m.punched = true
	// What others have put where nothing was handed out yet stays, in whole pages.
	if ours := max(m.top, m.length); m.others > ours {
		m.want.zero(end, ours&^(systemPage-1))
		m.want.zero(max(end, roundUpPage(m.others)), mirrorMax)
		return m.compareWhole()
	}
	m.want.zero(end, mirrorMax)
	most := end
	if m.disk != nil {
		most += os.Getpagesize() // The page that the file ends in stays.
	}
	if s := m.a.Stats(); m.run.opts.Headroom < 0 && m.others == 0 && s.Committed > most {
		return fmt.Errorf("%d bytes are committed after Trim to %d", s.Committed, end)
	}
	return nil
}

func opDecommit(m *arenaModel) error {
	n := m.run.in.size(m.capacity)
	off := m.run.in.below(m.capacity - n + 1)
	m.run.trace.args(off, n)
	before := m.a.Stats()
	if err := m.a.Decommit(off, n); err != nil {
		return err
	}
	m.want.zero(off, off+n)
	m.punched = true
	if s := m.a.Stats(); m.run.opts.Headroom < 0 && s.Committed > before.Committed {
		return fmt.Errorf("%d bytes are committed after Decommit, %d were", s.Committed, before.Committed)
	}
	return nil
}

// opFree frees the arena. Guards, aliases and descriptors stay.
func opFree(m *arenaModel) error {
	m.run.trace.add("Free", m.length)
	version := uint64(0)
	if !m.keeps() {
		version = m.a.Domain().Stats().Version
	}
	if err := m.a.Free(); err != nil {
		return err
	}
	m.freed = true
	m.window.all = nil
	if m.keeps() {
		m.slices, m.windows, m.guards = nil, nil, nil // Those guards hold nothing.
	} else {
		m.windows = append(m.windows, m.window)
		if err := m.freedInDomain(version); err != nil {
			return err
		}
	}
	if m.disk != nil {
		info, err := m.disk.Stat()
		if err != nil {
			return err
		}
		// What others may see, or have made of it, is left alone.
		size := int(info.Size())
		if most := max(m.length, m.others); size < most || size > most && !m.shows() && !m.foreign && m.others == 0 {
			return fmt.Errorf("the file is %d bytes after Free, want %d", size, most)
		}
		if m.others > 0 {
			if err := m.compareWhole(); err != nil {
				return err
			}
		}
	}
	return m.freedMisuse()
}

// freedInDomain notes that all windows have been retired in a domain that was at
// that version before.
func (m *arenaModel) freedInDomain(version uint64) error {
	if m.exact() {
		return nil
	}
	m.retire()
	for i := range m.windows {
		// A domain that has no room is no reason to keep them: then a goroutine
		// waits for the pins of now.
		m.windows[i].later = m.windows[i].death == 0
	}
	m.retireAll()
	// Which those are is decided when it begins.
	return until("the domain notices Free", func() bool { return m.a.Domain().Stats().Version > version })
}

// kept removes element i of what is kept and returns it.
func kept[T any](list *[]T, i int) T {
	t := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return t
}
