package fuzz

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
)

// The operations here are those of others who write to the file that an arena is on:
// they append, make it longer, or have an arena of their own on it.

// fileSize returns how long the file of ours is, and false if others should leave it
// alone.
func (m *arenaModel) fileSize(more int) (int, bool, error) {
	if m.disk == nil {
		return 0, false, nil
	}
	info, err := m.disk.Stat()
	if err != nil {
		return 0, false, err
	}
	return int(info.Size()), info.Size()+int64(more) <= mirrorMax, nil
}

// opAppendByOthers writes behind the end of the file.
func opAppendByOthers(m *arenaModel) error {
	n := m.run.in.size(m.run.writeMost)
	size, ok, err := m.fileSize(n)
	if !ok || n == 0 {
		return err
	}
	m.run.trace.args(size, n)
	p := noiseAt(n, m.run.in.byte())
	if _, err := m.disk.WriteAt(p, int64(size)); err != nil {
		return err
	}
	m.want.write(p, size)
	m.others = size + n
	return m.compareWhole()
}

// opLengthenByOthers makes the file longer.
func opLengthenByOthers(m *arenaModel) error {
	n := m.run.in.size(2 * arenaUnit)
	size, ok, err := m.fileSize(n)
	if !ok || n == 0 {
		return err
	}
	m.run.trace.args(size, n)
	m.others = size + n
	return errors.Join(m.disk.Truncate(int64(size+n)), m.compareWhole())
}

// opSecondArena has another arena on the file: it is refused, unless it wants no lock,
// and then it appends.
func opSecondArena(m *arenaModel) error {
	n := m.run.in.size(m.run.writeMost)
	size, ok, err := m.fileSize(n)
	// It grows by whole units, and by a quarter.
	ok = ok && roundUp(size+n)+max(size/4, arenaUnit)+arenaUnit <= mirrorMax
	if !ok || n == 0 {
		return err
	}
	m.run.trace.args(size, n)
	if a, err := arena.NewArena(arena.Options{Name: "second", File: m.disk}); err == nil {
		return errors.Join(errors.New("two arenas are on one file"), a.Free())
	} else if !errors.Is(err, arena.ErrInUse) {
		return fmt.Errorf("a second arena on the file: %w", err)
	}
	tight := func(err error) bool { return m.run.space.tight && errors.Is(err, addrspace.ErrNoSpace) }
	second, err := arena.NewArena(arena.Options{Name: "second", File: m.disk, NoLock: true, Reserve: 1, Headroom: -1, Space: m.run.space.Space})
	if err != nil && tight(err) {
		return nil
	} else if err != nil {
		return err
	}
	b, err := second.Alloc(n)
	if err != nil && tight(err) {
		m.others, _, err = m.fileSize(0) // It may have made the file longer.
		return errors.Join(err, second.Free())
	} else if err != nil {
		return errors.Join(err, second.Free())
	}
	if err := m.want.compare(second.Bytes()[:size], 0); err != nil {
		return errors.Join(fmt.Errorf("the second arena: %w", err), second.Free())
	}
	m.want.zero(size, size+n)
	if err := m.want.compare(b, size); err != nil {
		return errors.Join(fmt.Errorf("the second arena's new bytes: %w", err), second.Free())
	}
	m.write(b, size, 0, n)
	// Without a lock it leaves the file as long as it has made it.
	if err := second.Free(); err != nil {
		return err
	}
	now, _, err := m.fileSize(0)
	if err != nil || now < size+n {
		return fmt.Errorf("the second arena has left %d bytes, want %d: %w", now, size+n, err)
	}
	m.others = now
	return m.compareWhole()
}

// compareWhole compares all of the file, with what others have put there.
func (m *arenaModel) compareWhole() error {
	size, ok, err := m.fileSize(0)
	if !ok {
		return err
	}
	if size < m.others || size < m.capacity && !m.freed {
		return fmt.Errorf("the file is %d bytes, others made it %d; capacity %d", size, m.others, m.capacity)
	}
	b := make([]byte, size)
	if _, err := m.disk.ReadAt(b, 0); err != nil {
		return err
	}
	if err := m.want.compare(b, 0); err != nil {
		return fmt.Errorf("the file that others write to: %w", err)
	}
	return nil
}
