package arena

import (
	"fmt"
	"time"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// places takes a place for the private pages, and maps the arena a second time, both aligned as the memory is: so page tables
// move there and from there as a whole, those of a GiB at once, and huge pages stay so.
func (m *adopting) places() (free func(), err error) {
	n := m.from.End - m.from.Start
	var at, size, alignment uintptr
	for _, alignment = range []uintptr{1 << 30, extentSize} {
		size = 2 * (n + alignment)
		switch at, err = 0, sys.ENOMEM; {
		case alignment > extentSize && n < alignment, size/2 != n+alignment: // No need, or more than there are addresses.
		default:
			at, err = sys.Reserve(0, size)
		}
		if err == nil {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	place := func(behind uintptr) dirty.Range {
		start := behind + (m.from.Start-behind)%alignment
		return dirty.Range{Start: start, End: start + n}
	}
	m.aside = place(at)
	m.copied = place(m.aside.End)
	free = func() {
		// First the pages, which holds nobody up; then the addresses, which nobody else has seen.
		_ = sys.Advise(m.aside.Start, n, sys.AdviseDontNeed)
		if sys.Unmap(at, size) != nil {
			_ = sys.Cover(at, size) // Lost, and inaccessible.
		}
	}
	if err := sys.Remap(m.arena.load().Addr(0), 0, n, m.copied.Start, 0); err != nil {
		free()
		return nil, fmt.Errorf("map the arena a second time: %w", err)
	}
	return free, nil
}

// exchange copies the last of it with everybody stopped, and has the arena's pages take the place of the private ones.
func (m *adopting) exchange() error {
	if m.opts.Quiesce != nil {
		if err := m.opts.Quiesce(); err != nil {
			return fmt.Errorf("stop those who use it: %w", err)
		}
	}
	start := time.Now()
	if m.opts.Resume != nil {
		defer m.opts.Resume() // Whatever happens.
	}
	if err := m.find(); err != nil {
		return err
	}
	if err := m.reading(m.copy); err != nil {
		return err
	}
	m.done.Rounds++
	err := m.swap()
	m.done.Pause = time.Since(start)
	return err
}

// swap moves the private pages aside, and then the arena's page tables to where they were.
func (m *adopting) swap() error {
	a, n := m.arena, uintptr(len(m.b))
	a.mu.Lock()
	defer a.mu.Unlock()
	a.prep.Lock()
	defer a.prep.Unlock()
	if err := sys.Remap(m.from.Start, n, n, m.aside.Start, sys.RemapKeep); err != nil {
		return fmt.Errorf("move the private pages away: %w", err)
	}
	if err := sys.Remap(m.copied.Start, n, n, m.from.Start, sys.RemapKeep); err != nil {
		if sys.Remap(m.aside.Start, n, n, m.from.Start, sys.RemapKeep) != nil {
			copy(m.b, m.aside.Bytes()) // The mapping is still there, and empty.
		}
		return fmt.Errorf("move the arena's pages in: %w", err)
	}
	m.moved = true
	a.writable(len(m.b))
	return nil
}
