package rehome

import (
	"fmt"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

func contenders() []bench.Contender {
	all := []bench.Contender{
		contender("arena", ours(arena.RungRehome, arena.HugeNever)),
		contender("arena, 2 MiB pages", ours(arena.RungRehome, arena.HugeAuto)),
		contender("arena, aliasing", ours(arena.RungAlias, arena.HugeNever)),
		contender("copy", copied),
		contender("second mmap", secondMapping),
		contender("mremap", remapped),
		contender("mremap of a memfd", remappedFile),
	}
	notes := []string{
		"rung Rehome: reserve a window twice as long, move the page tables there; the old addresses stay good",
		"the same over huge pages, as the arena has them by itself",
		"rung Alias, for kernels before 5.13: map the file a second time",
		"a slice from make, twice as long, and copy: as append does",
		"mmap the memory file a second time; the old addresses stay good",
		"anonymous memory to a reserved range twice as long: the old addresses are gone, a reader there dies",
		"the same with a memory file",
	}
	for i := range all {
		all[i].Ours, all[i].Note = i < 3, notes[i]
		times := 1.2
		if all[i].Name == "copy" {
			times = 3.2
		}
		all[i].Skip = func(of bench.Case) string { return work.NoRoom(int64(times * float64(of.Size))) }
	}
	return all
}

func ours(rung arena.Rungs, pages arena.HugePages) func(int) (house, error) {
	return func(size int) (house, error) {
		a, err := arena.NewArena(arena.Options{
			Reserve: size, Rungs: arena.RungInWindow | rung, HugePages: pages,
		})
		if err != nil {
			return house{}, err
		}
		for a.Len() < size { // in steps, which is when huge pages are made, where they may be
			if _, err := a.Alloc(min(1<<20, size-a.Len())); err != nil {
				return house{}, err
			}
		}
		first := a.Bytes()
		if c := a.Cap(); c != size {
			return house{}, fmt.Errorf("BUG: a capacity of %d, not %d: it will not move", c, size)
		}
		return house{
			bytes: a.Bytes,
			move: func() error {
				before := a.Stats().Growth
				if err := a.Grow(1); err != nil {
					return err
				}
				if after := a.Stats().Growth; after.Rehomed+after.Aliased != before.Rehomed+before.Aliased+1 {
					return fmt.Errorf("BUG: it has not moved: %+v", after)
				}
				return nil
			},
			old:  func() []byte { return first },
			free: a.Free,
		}, nil
	}
}

func copied(size int) (house, error) {
	b := make([]byte, size)
	return house{
		bytes: func() []byte { return b[:size] },
		move: func() error {
			bigger := make([]byte, 2*size)
			copy(bigger, b)
			b = bigger
			return nil
		},
		free: func() error { b = nil; return nil },
	}, nil
}

// filled returns a mapping all of whose pages are there.
func filled(m raw.Mapping, err error) (raw.Mapping, error) {
	if err != nil {
		return m, err
	}
	return m, raw.Populate(m.Bytes())
}

func secondMapping(size int) (house, error) {
	fd, err := raw.Memfd(size)
	if err != nil {
		return house{}, err
	}
	first, err := filled(raw.File(fd, size, 0))
	if err != nil {
		return house{}, err
	}
	m := first
	return house{
		bytes: func() []byte { return m.Bytes()[:size] },
		move: func() error {
			if err := raw.Truncate(fd, 2*size); err != nil {
				return err
			}
			m, err = raw.File(fd, 2*size, 0)
			return err
		},
		old: first.Bytes,
		free: func() error {
			if err := first.Unmap(); err != nil {
				return err
			}
			if m != first {
				if err := m.Unmap(); err != nil {
					return err
				}
			}
			return raw.Close(fd)
		},
	}, nil
}

// place reserves n bytes from a multiple of 1 GiB on, as our windows begin: elsewhere
// the kernel would move pages one by one, not whole tables. All is what to unmap.
func place(n int) (at, all raw.Mapping, err error) {
	const align = 1 << 30
	all, err = raw.Reserve(n + align)
	if err != nil {
		return at, all, err
	}
	return all.Slice(all.Align(align), n), all, nil
}

func remapped(size int) (house, error) {
	return remap(size, func(at raw.Mapping) (raw.Mapping, error) { return raw.AnonAt(at, size) },
		func(int) error { return nil })
}

func remappedFile(size int) (house, error) {
	fd, err := raw.Memfd(size)
	if err != nil {
		return house{}, err
	}
	h, err := remap(size, func(at raw.Mapping) (raw.Mapping, error) { return raw.FileAt(at, fd, size) },
		func(n int) error { return raw.Truncate(fd, n) })
	unmap := h.free
	h.free = func() error {
		if err := unmap(); err != nil {
			return err
		}
		return raw.Close(fd)
	}
	return h, err
}

// remap returns a house that moves by mremap. Mapped maps its memory to a place; enlarge
// makes sure that there are so many bytes of it.
func remap(size int, mapped func(at raw.Mapping) (raw.Mapping, error), enlarge func(n int) error) (house, error) {
	at, all, err := place(size)
	if err != nil {
		return house{}, err
	}
	m, err := filled(mapped(at))
	if err != nil {
		return house{}, err
	}
	places := []raw.Mapping{all}
	return house{
		bytes: func() []byte { return m.Bytes() },
		move: func() error {
			if err := enlarge(2 * size); err != nil {
				return err
			}
			at, all, err := place(2 * size)
			if err != nil {
				return err
			}
			places = append(places, all)
			m, err = m.RemapTo(at.Slice(0, size), false)
			return err
		},
		free: func() error {
			for _, all := range places {
				if err := all.Unmap(); err != nil { // holes in it do not matter
					return err
				}
			}
			return nil
		},
	}, nil
}
