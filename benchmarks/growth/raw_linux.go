package growth

import (
	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
)

// systemCalls are programs that need no library.
func systemCalls() []bench.Contender {
	all := []bench.Contender{
		contender("mremap", mremap(false)),
		contender(mremapHuge, mremap(true)),
		contender("mremap of a memfd", mremapFile),
		contender("reserve+mprotect", reserve(false)),
		contender(reserveHuge, reserve(true)),
	}
	notes := []string{
		"anonymous memory, doubled by mremap(MAYMOVE): no reader can hold an address",
		"the same with MADV_HUGEPAGE: the kernel gives 2 MiB at a touch, if it has them",
		"a memory file, doubled by ftruncate and mremap(MAYMOVE)",
		"the limit is reserved at once, and must be known; accessible memory is doubled by mprotect",
		"the same with MADV_HUGEPAGE",
	}
	for i := range all {
		all[i].Note = notes[i]
	}
	return all
}

// counter returns the bare calls made from now on.
func counter() func() float64 {
	before := raw.Calls()
	return func() float64 { return float64(raw.Calls() - before) }
}

func mremap(huge bool) func(int) (target, error) {
	return func(int) (target, error) {
		calls := counter()
		m, err := raw.Anon(first)
		if err != nil {
			return target{}, err
		}
		advise := func() error {
			if !huge {
				return nil
			}
			return m.Advise(unix.MADV_HUGEPAGE)
		}
		n := 0
		return target{
			write: func(p []byte) (err error) {
				if n+len(p) > m.Len() {
					if m, err = m.Remap(2 * m.Len()); err != nil {
						return err
					}
					if err := advise(); err != nil {
						return err
					}
				}
				n += copy(m.Bytes()[n:], p)
				return nil
			},
			bytes: func() []byte { return m.Bytes()[:n] },
			calls: calls,
			free:  func() error { return m.Unmap() },
		}, advise()
	}
}

func mremapFile(int) (target, error) {
	calls := counter()
	fd, err := raw.Memfd(first)
	if err != nil {
		return target{}, err
	}
	m, err := raw.File(fd, first, 0)
	if err != nil {
		return target{}, err
	}
	n := 0
	return target{
		write: func(p []byte) (err error) {
			if n+len(p) > m.Len() {
				if err := raw.Truncate(fd, 2*m.Len()); err != nil {
					return err
				}
				if m, err = m.Remap(2 * m.Len()); err != nil {
					return err
				}
			}
			n += copy(m.Bytes()[n:], p)
			return nil
		},
		bytes: func() []byte { return m.Bytes()[:n] },
		calls: calls,
		free: func() error {
			if err := m.Unmap(); err != nil {
				return err
			}
			return raw.Close(fd)
		},
	}, nil
}

func reserve(huge bool) func(int) (target, error) {
	return func(size int) (target, error) {
		calls := counter()
		m, err := raw.Reserve(size)
		if err != nil {
			return target{}, err
		}
		if huge {
			if err := m.Advise(unix.MADV_HUGEPAGE); err != nil {
				return target{}, err
			}
		}
		n, have := 0, 0
		return target{
			write: func(p []byte) error {
				if n+len(p) > have {
					more := min(max(have, first), size-have)
					if err := m.Slice(have, more).Protect(); err != nil {
						return err
					}
					have += more
				}
				n += copy(m.Bytes()[n:have], p)
				return nil
			},
			bytes: func() []byte { return m.Bytes()[:n] },
			calls: calls,
			free:  m.Unmap,
		}, nil
	}
}
