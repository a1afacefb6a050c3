//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// poolScene is a pool in the middle of its life: one buffer in a band, one that has
// outgrown it, and one freed that has kept its memory.
type poolScene struct {
	t            *testing.T
	space        *addrspace.Space
	p            *pool.Pool
	small, large []byte
	first        [][]byte // the places small and large had before
	more         [][]byte // other buffers
	blocked      uintptr  // where a stranger's page lies; 0 for nowhere
	closed       bool
}

func newPoolScene(t *testing.T, o pool.Options, space addrspace.Options) *poolScene {
	t.Helper()
	m := &poolScene{t: t, space: newSpace(t, space)}
	o.Name, o.Space = "index", m.space
	if o.Band == 0 {
		o.Band = 256 * kib
	}
	var err error
	m.p, err = pool.New(o)
	must(t, err)
	m.small, m.large = m.alloc(150*kib), m.alloc(10*kib)
	mark(m.small, 1)
	mark(m.large, 2)
	m.first = [][]byte{m.small, m.large}
	m.large, err = m.p.Grow(m.large, 3*mib)
	must(t, err)
	kept := m.alloc(50 * kib)
	mark(kept, 0)
	m.p.Free(kept)
	return m
}

func (m *poolScene) alloc(n int) []byte {
	b, err := m.p.Alloc(n)
	must(m.t, err)
	return b
}

// full is alloc of a buffer all pages of which have memory.
func (m *poolScene) full(n int) []byte {
	b := m.alloc(n)
	for i := 0; i < n; i += os.Getpagesize() {
		b[i] = 1
	}
	mark(b, 0)
	return b
}

// take is Alloc of a buffer that is freed in the end.
func (m *poolScene) take(n int) error {
	b, err := m.p.Alloc(n)
	if err == nil {
		zero(m.t, "a new buffer", b)
		mark(b, 0)
		m.more = append(m.more, b)
	}
	return err
}

// grow makes one of the buffers n bytes longer.
func (m *poolScene) grow(b *[]byte, n int) error {
	grown, err := m.p.Grow(*b, len(*b)+n)
	if err == nil {
		zero(m.t, "what is new", grown[len(*b):])
		*b = grown
	}
	return err
}

func (m *poolScene) scene(op func() error) *scene {
	return &scene{op: op, space: m.space, print: m.print, check: m.check, close: m.close}
}

func (m *poolScene) print() string {
	s := m.p.Stats()
	return fmt.Sprintln(s.Buffers, s.Len, m.p.Len(m.small), m.p.Len(m.large))
}

func (m *poolScene) check(t *testing.T, done bool) {
	t.Helper()
	length := len(m.small) + len(m.large)
	marked(t, "the small buffer", m.small[:1], 1)
	same(t, "the small buffer where it was", m.first[0][:min(len(m.small), 150*kib)], m.small)
	marked(t, "the large buffer where it was", m.first[1], 2)
	same(t, "the large buffer where it was", m.first[1], m.large)
	for _, b := range m.more {
		marked(t, "a buffer", b, 0)
		length += len(b)
	}
	if s := m.p.Stats(); s.Buffers != 2+len(m.more) || s.Len != length {
		t.Errorf("%d buffers of %d bytes, want %d of %d", s.Buffers, s.Len, 2+len(m.more), length)
	}
}

// close frees all buffers, after growing the two once more, and the pool.
func (m *poolScene) close(t *testing.T) {
	if !m.closed {
		must(t, m.grow(&m.small, mib))
		must(t, m.grow(&m.large, mib))
		for _, b := range append(m.more, m.small, m.large) {
			m.p.Free(b)
		}
		must(t, m.p.Trim())
		if s := m.p.Stats(); s.Buffers != 0 || s.Len != 0 || s.Committed != 0 || s.Kept != 0 || s.Far != 0 {
			t.Errorf("all is freed: %+v", s)
		}
		must(t, m.p.Close())
	}
	if m.blocked != 0 {
		must(t, sys.Unmap(m.blocked, 4096))
	}
	closeSpace(t, m.space)
}

// inPool makes an operation of a method of Pool.
func inPool(name string, o pool.Options, op func(m *poolScene) error, prepare ...func(m *poolScene)) operation {
	method := "pool.Pool." + firstWord(name)
	return operation{
		name: "pool.Pool." + name, covers: []string{method},
		setup: func(t *testing.T) *scene {
			m := newPoolScene(t, o, addrspace.Options{})
			for _, f := range prepare {
				f(m)
			}
			s := m.scene(func() error { return op(m) })
			if m.blocked != 0 {
				s.space = nil // There is a stranger in its zone, of which it may not know.
			}
			return s
		},
	}
}

// block puts a page of a stranger behind the large buffer's window.
func (m *poolScene) block() {
	m.blocked = m.space.Lookup(uintptr(unsafe.Pointer(&m.large[0]))).Range().End
	_, err := sys.Reserve(m.blocked, 4096)
	must(m.t, err)
}

var poolOperations = []operation{
	{
		name: "pool.New", covers: []string{"pool.New"},
		setup: func(t *testing.T) *scene {
			space := newSpace(t, addrspace.Options{})
			var made []*pool.Pool
			return &scene{
				space: space,
				op: func() error {
					p, err := pool.New(pool.Options{Name: "index", Space: space})
					if err == nil {
						made = append(made, p)
					} else if p != nil {
						t.Error("a pool beside the error")
					}
					return err
				},
				print: func() string { return printSpace(space) },
				close: func(t *testing.T) {
					for _, p := range made {
						must(t, p.Close())
					}
					closeSpace(t, space)
				},
			}
		},
	},
	inPool("Alloc/a fresh band", pool.Options{}, func(m *poolScene) error { return m.take(10) },
		func(m *poolScene) { must(m.t, m.take(100*kib)) }), // that takes the band that was kept
	inPool("Alloc/no band", pool.Options{}, func(m *poolScene) error { return m.take(mib) }),
	{
		// The first run of 64 GiB is used up, and a longer one has room.
		name: "pool.Pool.Alloc/a longer run", covers: []string{"pool.Pool.Alloc"},
		setup: func(t *testing.T) *scene { return newRunScene(t, zone) },
	},
	{
		// The first run is used up, and there is room for a short one elsewhere.
		name: "pool.Pool.Alloc/another run", covers: []string{"pool.Pool.Alloc"},
		setup: func(t *testing.T) *scene {
			return newRunScene(t, addrspace.Range{Start: zone.Start, End: zone.Start + 66*gib})
		},
	},
	inPool("Alloc/after a full one", pool.Options{}, func(m *poolScene) error { return m.take(3 * mib) },
		func(m *poolScene) { m.p.Free(m.full(3 * mib)) }),
	inPool("Grow/of a full one", pool.Options{Band: 16 * mib}, func(m *poolScene) error {
		b, err := m.p.Grow(m.more[0], len(m.more[0])+4*mib)
		if err == nil {
			zero(m.t, "what is new", b[len(m.more[0]):])
			mark(b, 0)
			m.more[0] = b
		}
		return err
	}, func(m *poolScene) { m.more = append(m.more, m.full(3*mib)) }),
	inPool("Grow/out of a band", pool.Options{}, func(m *poolScene) error { return m.grow(&m.small, 5*mib) }),
	inPool("Grow/in a longer window", pool.Options{}, func(m *poolScene) error { return m.grow(&m.large, 6*mib) }),
	inPool("Grow/in another window", pool.Options{}, func(m *poolScene) error { return m.grow(&m.large, 6*mib) }, (*poolScene).block),
	inPool("Shrink/in a band", pool.Options{}, func(m *poolScene) error {
		m.small = m.p.Shrink(m.small, 5*kib)
		return nil
	}),
	inPool("Shrink/moved", pool.Options{}, func(m *poolScene) error {
		m.large[2*mib-1] = 1
		m.large = m.p.Shrink(m.large, 10*kib)
		return m.grow(&m.large, 3*mib-10*kib)
	}),
	inPool("Free/in a band", pool.Options{Keep: -1}, func(m *poolScene) error {
		if err := m.take(100 * kib); err != nil {
			return err
		}
		m.p.Free(m.more[0])
		if m.p.Owns(m.more[0]) {
			m.t.Error("freed, and still a buffer")
		}
		m.more = nil
		return nil
	}),
	inPool("Free/moved", pool.Options{Keep: -1}, func(m *poolScene) error {
		if len(m.more) == 0 {
			if err := m.take(100 * kib); err != nil {
				return err
			}
		}
		if err := m.grow(&m.more[0], 2*mib); err != nil {
			return err
		}
		m.p.Free(m.more[0])
		m.more = nil
		return nil
	}, func(m *poolScene) { must(m.t, m.take(100*kib)) }),
	inPool("Trim", pool.Options{}, func(m *poolScene) error {
		err := m.p.Trim()
		if s := m.p.Stats(); (err == nil) != (s.Kept == 0) {
			m.t.Errorf("%v, and %d bytes are kept", err, s.Kept)
		}
		return err
	}),
	{
		// What could not be given back when it was freed.
		name: "pool.Pool.Trim/owed", covers: []string{"pool.Pool.Trim"},
		setup: func(t *testing.T) *scene {
			m := newPoolScene(t, pool.Options{Keep: -1}, addrspace.Options{})
			b := m.alloc(mib)
			mark(b, 0)
			restore := testutil.FailAll(sys.CallPunch, sys.ENOSPC)
			m.p.Free(b)
			restore()
			return m.scene(m.p.Trim)
		},
	},
	inPool("Stats", pool.Options{}, func(m *poolScene) error {
		if s := m.p.Stats(); s.Buffers != 2 {
			m.t.Errorf("%+v", s)
		}
		return nil
	}),
	{
		name: "pool.Pool.Close", covers: []string{"pool.Pool.Close"},
		setup: func(t *testing.T) *scene {
			m := newPoolScene(t, pool.Options{}, addrspace.Options{})
			s := m.scene(func() error {
				m.closed = true
				if m.p.Close() == nil {
					t.Error("no error for live buffers")
				}
				return nil
			})
			s.once, s.print = true, nil
			s.check = func(t *testing.T, done bool) {
				if n := m.space.Stats().Windows; n != 0 {
					t.Errorf("%d windows are left", n)
				}
			}
			return s
		},
	},
}

// newRunScene returns the scene of allocating from a pool whose bands of 1 GiB are all
// taken, in a zone of its own: a fresh one takes a longer run, or another.
func newRunScene(t *testing.T, in addrspace.Range) *scene {
	o := addrspace.Options{Zones: []addrspace.Range{in}, CacheWindows: -1}
	m := newPoolScene(t, pool.Options{Band: gib}, o)
	for s := m.p.Stats(); s.Bands < s.Reserved/gib; s = m.p.Stats() {
		must(t, m.take(10))
	}
	reserved := m.p.Stats().Reserved
	s := m.scene(func() error { return m.take(10) })
	if in != zone {
		s.space = nil // What the kernel is asked to place lies in no zone.
	}
	check := s.check
	s.check = func(t *testing.T, done bool) {
		check(t, done)
		// The band that was kept serves where there is no other to be had.
		if st := m.p.Stats(); done && st.Reserved == reserved && !s.hasFailed(sys.CallMmap, sys.CallFtruncate, sys.CallMunmap) {
			t.Errorf("there is no run more, or longer: %+v", st)
		}
	}
	return s
}

// TestPoolFillsHole plays a kernel that has unmapped the goal before it refuses to move page
// tables there, and that then refuses to map the file in the hole: the growth is an error
// and the buffer what it was.
func TestPoolFillsHole(t *testing.T) {
	testutil.NoLeaks(t, trim)
	m := newPoolScene(t, pool.Options{}, addrspace.Options{})
	defer m.close(t)
	before := m.print()
	holes, after := 0, 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		switch {
		case c == sys.CallMremap && holes == 0:
			for w := range m.space.All() {
				// The window that is new has nothing mapped yet.
				if w.Mapped() == 0 {
					_, _, e := syscall.Syscall(syscall.SYS_MUNMAP, w.Range().Start, 256*kib, 0) // Past the hook.
					if e != 0 {
						t.Error(e)
					}
					holes++
				}
			}
			return sys.ENOMEM
		case c == sys.CallMmap && holes > 0:
			// The first takes the hole, the second would map the file there.
			if after++; after == 2 {
				return sys.ENOMEM
			}
		}
		return 0
	})
	err := m.grow(&m.small, 5*mib)
	restore()
	if !errors.Is(err, sys.ENOMEM) || holes != 1 {
		t.Errorf("%v, after %d holes", err, holes)
	}
	if now := m.print(); now != before {
		t.Errorf("it is %swas %s", now, before)
	}
	m.check(t, false)
	must(t, m.grow(&m.small, 5*mib))
	m.check(t, true)
}
