package placement

import (
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/growarena/growarena/addrspace"
	placing "github.com/growarena/growarena/internal/placement"
	"github.com/growarena/growarena/internal/sys"
)

// mapped is windows that a file is mapped in.
type mapped struct {
	layout
	order   []uintptr // starts, in the order they were made
	mapping time.Duration
	free    func() error
}

// mapper maps n windows of a file that is as long as all of them.
type mapper func(n, fd int) (mapped, error)

// offset returns which part of the file window i of n shows: not what would continue
// the window before, so that no two become one mapping.
func offset(i, n int) int64 { return int64(n-1-i) * size }

// add maps window i of n at a place that is reserved.
func (m *mapped) add(at uintptr, i, n, fd int) error {
	if err := sys.MapShared(at, size, fd, offset(i, n), sys.ProtRead|sys.ProtWrite); err != nil {
		return err
	}
	m.order = append(m.order, at)
	return nil
}

// finish completes what the layout says.
func (m *mapped) finish(start time.Time) {
	m.mapping = time.Since(start)
	m.starts = slices.Sorted(slices.Values(m.order))
}

// release gives the windows back, from below: so none is cut out of the middle of a
// longer mapping.
func (m *mapped) release() error {
	slices.Sort(m.order)
	for _, at := range m.order {
		if err := sys.Unmap(at, size); err != nil {
			return err
		}
	}
	return nil
}

// mapPacked maps windows side by side, in a range that is the kernel's choice.
func mapPacked(n, fd int) (m mapped, err error) {
	m.zones = []addrspace.Range{user}
	start := time.Now()
	at, err := sys.Reserve(0, uintptr(n+1)*size)
	if err != nil {
		return m, err
	}
	first := (at + size - 1) / size * size
	end := at + uintptr(n+1)*size
	m.free = func() error { return sys.Unmap(at, end-at) }
	for i := range n {
		if err := m.add(first+uintptr(i)*size, i, n, fd); err != nil {
			return m, err
		}
	}
	m.finish(start)
	return m, nil
}

// mapRandom maps each where a random address of 47 bits is free.
func mapRandom(n, fd int) (m mapped, err error) {
	m.zones = []addrspace.Range{user}
	m.free = func() error { return m.release() }
	start := time.Now()
	for i := 0; i < n; {
		at, err := sys.Reserve(user.Start+rand.N(user.Len()/size)*size, size)
		if errors.Is(err, sys.EEXIST) {
			m.collisions++
			continue
		}
		if err == nil {
			err = m.add(at, i, n, fd)
			i++
		}
		if err != nil {
			return m, err
		}
	}
	m.finish(start)
	return m, nil
}

// mapSpaced maps windows of a Space that may have all mappings there are.
func mapSpaced(o addrspace.ReserveOptions) mapper {
	return func(n, fd int) (m mapped, err error) {
		space := addrspace.New(addrspace.Options{MaxVMAs: sys.MaxMapCount(), CacheWindows: -1})
		var windows []*addrspace.Window
		m.zones = ranges(placing.Simulate().Zones)
		m.free = func() error {
			for _, w := range windows {
				if err := w.Release(); err != nil {
					return err
				}
			}
			return space.Trim()
		}
		start := time.Now()
		for i := range n {
			w, err := space.Reserve(size, o)
			if err != nil {
				return m, err
			}
			windows = append(windows, w)
			if err := w.MapFile(0, size, fd, offset(i, n), sys.ProtRead|sys.ProtWrite); err != nil {
				return m, err
			}
			m.order = append(m.order, w.Range().Start)
		}
		m.finish(start)
		s := space.Stats()
		m.collisions = int(s.RegistryCollisions + s.KernelCollisions)
		return m, nil
	}
}
