package readers

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
)

func contenders() []bench.Contender {
	return slices.Concat(ours(), peers())
}

func ours() []bench.Contender {
	all := []bench.Contender{
		contender("arena", guarded(arena.Options{Retire: true}, false)),
		contender("arena, refresh", guarded(arena.Options{Retire: true}, true)),
		contender("arena, rehoming", guarded(arena.Options{Retire: true, Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome}, false)),
		contender("arena, kept windows", kept),
	}
	notes := []string{
		"Options{Retire: true}: Pin, Bytes, Unpin for each read",
		"the same, with one guard for all reads, and Refresh for each",
		"Options{Retire: true, Reserve: 2 << 20} and rung Rehome alone: each doubling moves to another window",
		"Options{}: Bytes for each read, nothing to pin: old windows are kept",
	}
	for i := range all {
		all[i].Ours, all[i].Note = true, notes[i]
	}
	return all
}

// appendTo returns the writer of an arena.
func appendTo(a *arena.Arena) func([]byte) error {
	return func(block []byte) error {
		b, err := a.Alloc(len(block))
		copy(b, block)
		return err
	}
}

// guarded has readers pin for each read, or refresh one guard for each.
func guarded(o arena.Options, refresh bool) func(int) (store, error) {
	return func(int) (store, error) {
		a, err := arena.NewArena(o)
		if err != nil {
			return store{}, err
		}
		pin := func(off int, to *[line]byte) error {
			g, err := a.Pin()
			if err != nil {
				return err
			}
			copy(to[:], g.Bytes()[off:])
			g.Unpin()
			return nil
		}
		return store{
			// A guard of its own: where windows are retired, what Alloc returns is
			// good until the next growth, and only the writer grows.
			write: appendTo(a),
			reader: func() (func(int, *[line]byte) error, func()) {
				if !refresh {
					return pin, nil
				}
				g, err := a.Pin()
				return func(off int, to *[line]byte) error {
						if err == nil {
							err = g.Refresh()
						}
						if err == nil {
							copy(to[:], g.Bytes()[off:])
						}
						return err
					}, func() {
						if err == nil {
							g.Unpin()
						}
					}
			},
			free: a.Free,
		}, nil
	}
}

func kept(int) (store, error) {
	a, err := arena.NewArena(arena.Options{})
	if err != nil {
		return store{}, err
	}
	read := func(off int, to *[line]byte) error { copy(to[:], a.Bytes()[off:]); return nil }
	return store{
		write:  appendTo(a),
		reader: func() (func(int, *[line]byte) error, func()) { return read, nil },
		free:   a.Free,
	}, nil
}

func peers() []bench.Contender {
	all := []bench.Contender{
		contender("RWMutex, mremap", lockedMremap(func(n int) int { return 2 * n })),
		contender("RWMutex, mremap by 1 MiB", lockedMremap(func(n int) int { return n + 1<<20 })),
		contender("atomic pointer, append", publishedAppend),
		contender("reserve+mprotect", reserve(false)),
		contender("nothing grows", reserve(true)),
		{Name: "mremap", Cannot: "without a lock a reader that still has the old address dies of it"},
		{Name: "bytes.Buffer, z.Buffer, arrow Buffer, modernc", Cannot: "they move the bytes and have nothing for readers: made safe they are \"atomic pointer, append\" at best"},
	}
	notes := []string{
		"readers hold RLock while they read; the writer holds Lock while it doubles the memory by mremap, not while it writes",
		"the same in steps of 1 MiB",
		"append copies, then publishes the new slice; the garbage collector lets the old one go when nobody reads it",
		"no lock: the limit is reserved at once, and must be known; accessible memory is doubled",
		"for context: the same writer and readers in memory that was there before, so that what is left is the scheduler",
	}
	for i, note := range notes {
		all[i].Note = note
	}
	all[4].Context = true
	return all
}

// first is the capacity that all but ours begin with.
const first = 1 << 20

func lockedMremap(next func(int) int) func(int) (store, error) {
	return func(int) (store, error) {
		m, err := raw.Anon(first)
		if err != nil {
			return store{}, err
		}
		var mu sync.RWMutex // Protects m.
		n := 0
		grow := func(want int) (err error) {
			mu.Lock()
			defer mu.Unlock()
			m, err = m.Remap(want)
			return err
		}
		read := func(off int, to *[line]byte) error {
			mu.RLock()
			copy(to[:], m.Bytes()[off:])
			mu.RUnlock()
			return nil
		}
		return store{
			write: func(block []byte) error {
				if n+len(block) > m.Len() {
					if err := grow(next(m.Len())); err != nil {
						return err
					}
				}
				n += copy(m.Bytes()[n:], block)
				return nil
			},
			reader: func() (func(int, *[line]byte) error, func()) { return read, nil },
			free:   func() error { return m.Unmap() },
		}, nil
	}
}

func publishedAppend(int) (store, error) {
	var published atomic.Pointer[[]byte]
	b := make([]byte, 0, first)
	read := func(off int, to *[line]byte) error {
		copy(to[:], (*published.Load())[off:])
		return nil
	}
	return store{
		write: func(block []byte) error {
			b = append(b, block...)
			view := b
			published.Store(&view)
			return nil
		},
		reader: func() (func(int, *[line]byte) error, func()) { return read, nil },
		free:   func() error { return nil },
	}, nil
}

// reserve has all addresses from the beginning, and all memory too if there is
// nothing to grow.
func reserve(all bool) func(int) (store, error) {
	return func(size int) (store, error) {
		m, err := raw.Reserve(size)
		if err != nil {
			return store{}, err
		}
		n, have := 0, 0
		if all {
			have = size
			if err := m.Protect(); err != nil {
				return store{}, err
			}
			if err := raw.Populate(m.Bytes()); err != nil {
				return store{}, err
			}
		}
		b := m.Bytes()
		read := func(off int, to *[line]byte) error { copy(to[:], b[off:]); return nil }
		return store{
			write: func(block []byte) error {
				if n+len(block) > have {
					more := min(max(have, first), size-have)
					if err := m.Slice(have, more).Protect(); err != nil {
						return err
					}
					have += more
				}
				n += copy(b[n:], block)
				return nil
			},
			reader: func() (func(int, *[line]byte) error, func()) { return read, nil },
			free:   m.Unmap,
		}, nil
	}
}
