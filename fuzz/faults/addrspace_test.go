//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"syscall"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const readWrite = sys.ProtRead | sys.ProtWrite

// windows is the scene of the operations on windows, in a zone of its own:
//
//	w  64 MiB, named, the first 8 MiB mapped   v  64 MiB, Reserved
//	q  8 MiB, quarantined                      one of 4 MiB, cached
type windows struct {
	t       *testing.T
	s       *addrspace.Space
	w, v, q *addrspace.Window
	fd      int
	data    []byte // what is mapped in w
	more    []*addrspace.Window
}

func newWindows(t *testing.T, o addrspace.Options) *windows {
	m := &windows{t: t, s: newSpace(t, o), fd: memfd(t, 32*mib)}
	m.w = m.reserve(64*mib, addrspace.ReserveOptions{Name: "w"})
	m.v = m.reserve(64*mib, addrspace.ReserveOptions{})
	m.q = m.reserve(8*mib, addrspace.ReserveOptions{})
	must(t, m.w.MapFile(0, 8*mib, m.fd, 0, readWrite))
	m.data = unsafe.Slice((*byte)(m.w.Base()), 8*mib)
	m.data[5*mib], m.data[mib] = 7, 8
	must(t, m.q.Quarantine())
	if o.CacheWindows >= 0 {
		must(t, m.reserve(4*mib, addrspace.ReserveOptions{Name: "c"}).Release())
	}
	return m
}

func (m *windows) reserve(n int, o addrspace.ReserveOptions) *addrspace.Window {
	w, err := m.s.Reserve(n, o)
	must(m.t, err)
	return w
}

// take reserves a window that is released in the end.
func (m *windows) take(n int, o addrspace.ReserveOptions) error {
	w, err := m.s.Reserve(n, o)
	if err == nil {
		m.more = append(m.more, w)
		if w.Size() != n && (o.Min == 0 || w.Size() < o.Min) {
			m.t.Errorf("a window of %d bytes, not %d", w.Size(), n)
		}
	}
	return err
}

// scene returns the scene of op, with those of its functions that are the same
// for all operations on windows that do not end w or its mapping.
func (m *windows) scene(op func() error) *scene {
	return &scene{
		op:    op,
		space: m.s,
		print: func() string { return printSpace(m.s) },
		check: func(t *testing.T, done bool) {
			if m.data[5*mib] != 7 || m.data[mib] != 8 {
				t.Error("the content has changed")
			}
		},
		close: m.close,
	}
}

func (m *windows) close(t *testing.T) {
	for w := range m.s.All() {
		must(t, w.Release())
	}
	closeSpace(t, m.s)
}

// inWindows makes an operation of one that leaves w mapped as it is, but changes a
// number by so much whenever it succeeds.
func inWindows(name, covers string, number func(m *windows) int, by int, op func(m *windows) error) operation {
	return operation{
		name: name, covers: []string{covers},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			return m.scene(func() error {
				before := number(m)
				err := op(m)
				if after := number(m); err == nil && after != before+by {
					t.Errorf("there were %d bytes, and %d are there now", before, after)
				}
				return err
			})
		},
	}
}

func (m *windows) bytesOfW() int  { return m.w.Size() }
func (m *windows) bytesOfV() int  { return m.v.Size() }
func (m *windows) mappedOfW() int { return m.w.Mapped() }
func (m *windows) mappedOfV() int { return m.v.Mapped() }

// reserves makes an operation of a reservation in a Space of some options.
func reserves(name string, n int, o addrspace.ReserveOptions, space addrspace.Options) operation {
	return operation{
		name: "addrspace.Reserve/" + name, covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, space)
			return m.scene(func() error { return m.take(n, o) })
		},
	}
}

var addrspaceOperations = []operation{
	reserves("plain", 2*mib, addrspace.ReserveOptions{}, addrspace.Options{}),
	reserves("named", 2*mib, addrspace.ReserveOptions{Name: "n"}, addrspace.Options{}),
	reserves("compact", 2*mib, addrspace.ReserveOptions{Compact: true}, addrspace.Options{}),
	reserves("or less", gib, addrspace.ReserveOptions{Min: 2 * mib}, addrspace.Options{}),
	{
		name: "addrspace.Reserve/in place of a cached one", covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{MaxVMAs: 5})
			s := m.scene(func() error { return m.take(2*mib, addrspace.ReserveOptions{}) })
			s.once = true
			return s
		},
	},
	reserves("to be mapped at once", 2*mib, addrspace.ReserveOptions{Name: "n", MapAll: true}, addrspace.Options{}),
	recycles("under another name", addrspace.ReserveOptions{Name: "other"}),
	recycles("without a name", addrspace.ReserveOptions{}),
	{
		name: "addrspace.Reserve/first", covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene {
			m := &windows{t: t, s: addrspace.New(addrspace.Options{Seed: 1})}
			return &scene{
				op:    func() error { return m.take(2*mib, addrspace.ReserveOptions{}) },
				print: func() string { return printSpace(m.s) },
				close: m.close,
			}
		},
	},
	{
		// The zone has room for it only without the cached window.
		name: "addrspace.Reserve/where cached ones lie", covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene { return crowded(t, 40*mib) },
	},
	{
		// The zone has no room for it.
		name: "addrspace.Reserve/where the kernel chooses", covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene { return crowded(t, 2*gib) },
	},
	{
		name: "addrspace.Reserve/among strangers", covers: []string{"addrspace.Space.Reserve"},
		setup: strangers,
	},
	inWindows("addrspace.Extend", "addrspace.Window.Extend", (*windows).bytesOfW, 16*mib,
		func(m *windows) error { return m.w.Extend(16 * mib) }),
	inWindows("addrspace.Extend/of a Reserved one", "addrspace.Window.Extend", (*windows).bytesOfV, 2*mib,
		func(m *windows) error { return m.v.Extend(2 * mib) }),
	{
		name: "addrspace.Extend/over a cached neighbour", covers: []string{"addrspace.Window.Extend"},
		setup: overCached,
	},
	inWindows("addrspace.MapFile", "addrspace.Window.MapFile", (*windows).mappedOfV, 4*mib, func(m *windows) error {
		off := m.v.Mapped()
		return m.v.MapFile(off, 4*mib, m.fd, int64(off), readWrite)
	}),
	inWindows("addrspace.MapFile/of another protection", "addrspace.Window.MapFile", (*windows).mappedOfW, 2*mib, func(m *windows) error {
		return m.w.MapFile(m.w.Mapped()+8*mib, 2*mib, m.fd, 0, sys.ProtRead)
	}),
	{
		// A tail whose predecessor could not be left out of core dumps.
		name: "addrspace.MapFile/behind advice refused", covers: []string{"addrspace.Window.MapFile"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			m.refuseAdvice()
			return m.scene(func() error {
				off := m.w.Mapped()
				return m.w.MapFile(off, 2*mib, m.fd, int64(off), readWrite)
			})
		},
	},
	{
		name: "addrspace.Rehome", covers: []string{"addrspace.Window.Rehome"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			s := m.scene(func() error { return m.w.Rehome(m.v) })
			s.once = true
			check := s.check
			s.check = func(t *testing.T, done bool) {
				check(t, done)
				if moved := unsafe.Slice((*byte)(m.v.Base()), 8*mib); done && (moved[5*mib] != 7 || moved[mib] != 8) {
					t.Error("the content has not moved along")
				}
			}
			return s
		},
	},
	{
		name: "addrspace.RehomePart", covers: []string{"addrspace.Window.RehomePart"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			s := m.scene(func() error { return m.w.RehomePart(4*mib, 2*mib, m.v, 2*mib) })
			s.once = true
			check := s.check
			s.check = func(t *testing.T, done bool) {
				check(t, done)
				if moved := unsafe.Slice((*byte)(m.v.Base()), 8*mib); done && moved[3*mib] != 7 {
					t.Error("the content has not moved along")
				}
			}
			return s
		},
	},
	{
		name: "addrspace.Grow", covers: []string{"addrspace.Window.Grow"},
		setup: grows,
	},
	{
		name: "addrspace.Duplicate", covers: []string{"addrspace.Window.Duplicate"},
		setup: showsTwice(func(m *windows) error { return m.w.Duplicate(4*mib, 8*mib, m.v, 2*mib) }),
	},
	{
		name: "addrspace.MapAlias", covers: []string{"addrspace.Window.MapAlias"},
		setup: showsTwice(func(m *windows) error {
			return m.v.MapAlias(2*mib, 8*mib, uintptr(unsafe.Pointer(&m.data[4*mib])))
		}),
	},
	{
		// The window is two VMAs until the advice is taken.
		name: "addrspace.Rehome/after advice refused", covers: []string{"addrspace.Window.Rehome"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			m.refuseAdvice()
			s := m.scene(func() error { return m.w.Rehome(m.v) })
			s.once = true
			s.also = []syscall.Errno{sys.EINVAL} // As of a kernel that does not move several VMAs.
			return s
		},
	},
	{
		name: "addrspace.Unmap/of a part", covers: []string{"addrspace.Window.Unmap"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			s := m.scene(func() error { return m.w.Unmap(2*mib, 2*mib) })
			check := s.check
			s.check = func(t *testing.T, done bool) {
				check(t, done)
				if n := m.w.Mapped(); n != 8*mib && !done || n != 6*mib && done {
					t.Errorf("%d bytes are mapped", n)
				}
			}
			return s
		},
	},
	{
		name: "addrspace.Unmap/of all", covers: []string{"addrspace.Window.Unmap"},
		setup: func(t *testing.T) *scene {
			return ends(t, func(w *addrspace.Window) error { return w.Unmap(0, 8*mib) })
		},
	},
	{
		name: "addrspace.Quarantine", covers: []string{"addrspace.Window.Quarantine"},
		setup: func(t *testing.T) *scene { return ends(t, (*addrspace.Window).Quarantine) },
	},
	{
		// Used again and again for little, it gets an anchor.
		name: "addrspace.Release/recycled", covers: []string{"addrspace.Window.Release"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			return m.scene(func() error {
				w, err := m.s.Reserve(4*mib, addrspace.ReserveOptions{Name: "c"})
				if err != nil {
					return err
				}
				err = w.MapFile(0, mib, m.fd, 0, readWrite)
				_ = w.Release() // Fails as well, under some plans: Trim gives it back.
				return err
			})
		},
	},
	releases("cached", addrspace.Options{}),
	releases("not cached", addrspace.Options{CacheWindows: -1}),
	releases("in place of a cached one", addrspace.Options{CacheWindows: 1}),
	{
		name: "addrspace.Trim", covers: []string{"addrspace.Space.Trim"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			m.stick()
			must(t, m.reserve(6*mib, addrspace.ReserveOptions{}).Release())
			s := m.scene(m.s.Trim)
			check := s.check
			s.check = func(t *testing.T, done bool) {
				check(t, done)
				if st := m.s.Stats(); st.Cached != 0 || done != (st.Stuck == 0) {
					t.Errorf("%d windows cached, %d stuck", st.Cached, st.Stuck)
				}
			}
			return s
		},
	},
}

// recycles makes an operation of a reservation that the cache serves. Where the
// kernel has names for windows the one there is is changed, or taken away.
func recycles(name string, o addrspace.ReserveOptions) operation {
	return operation{
		name: "addrspace.Reserve/recycled " + name, covers: []string{"addrspace.Space.Reserve"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, addrspace.Options{})
			return m.scene(func() error {
				w, err := m.s.Reserve(4*mib, o)
				if err != nil {
					return err
				}
				// Without names recycling makes no system call, but this does.
				if err := w.MapFile(0, 2*mib, m.fd, 0, readWrite); err != nil {
					_ = w.Release() // Fails as well, under some plans: Trim gives it back.
					return err
				}
				m.more = append(m.more, w)
				return nil
			})
		},
	}
}

// refuseAdvice maps a tail of w while the kernel refuses to leave it out of core
// dumps.
func (m *windows) refuseAdvice() {
	defer testutil.FailAll(sys.CallMadvise, sys.EAGAIN)()
	must(m.t, m.w.MapFile(8*mib, 2*mib, m.fd, 8*mib, readWrite))
}

// stick releases a window that the kernel does not take back.
func (m *windows) stick() {
	w := m.reserve(6*mib, addrspace.ReserveOptions{})
	must(m.t, w.MapFile(0, 4*mib, m.fd, 0, readWrite))
	defer sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMunmap || c == sys.CallMmap {
			return sys.ENOMEM
		}
		return 0
	})()
	if w.Release() == nil {
		m.t.Error("the kernel has taken a window back that it was told to refuse")
	}
}

// crowded is the scene of a reservation of n bytes in a zone of 96 MiB, where 48
// are taken and 32 cached.
func crowded(t *testing.T, n int) *scene {
	m := &windows{t: t, s: newSpace(t, addrspace.Options{
		Zones: []addrspace.Range{{Start: zone.Start, End: zone.Start + 96*mib}}, CacheBytes: gib,
	})}
	m.reserve(4*mib, addrspace.ReserveOptions{Compact: true})
	must(t, m.reserve(32*mib, addrspace.ReserveOptions{}).Release())
	s := &scene{
		op: func() error {
			err := m.take(n, addrspace.ReserveOptions{})
			if err == nil { // so that there is room the next time
				err, m.more = m.more[0].Release(), nil
			}
			return err
		},
		print: func() string { return printSpace(m.s) },
		close: m.close,
	}
	if n < 96*mib { // Otherwise it is in the zone at no time.
		s.space = m.s
	}
	return s
}

// strangers is the scene of a reservation in a zone of 64 MiB with mappings of
// others that the Space has not heard of.
func strangers(t *testing.T) *scene {
	m := &windows{t: t, s: newSpace(t, addrspace.Options{
		Zones: []addrspace.Range{{Start: zone.Start, End: zone.Start + 64*mib}},
	})}
	var others []uintptr
	for at := zone.Start; at < zone.Start+64*mib; at += 16 * mib {
		_, err := sys.Reserve(at, 4096)
		must(t, err)
		others = append(others, at)
	}
	return &scene{
		op:    func() error { return m.take(4*mib, addrspace.ReserveOptions{}) },
		print: func() string { return printSpace(m.s) },
		check: func(t *testing.T, done bool) {
			for _, w := range m.more {
				if r := w.Range(); zone.Contains(r.Start) && r.Start%(16*mib) == 0 {
					t.Errorf("window %v lies where a stranger is", w)
				}
			}
		},
		close: func(t *testing.T) {
			for _, at := range others {
				must(t, sys.Unmap(at, 4096))
			}
			m.close(t)
		},
	}
}

// showsTwice is the scene of op, which shows 8 MiB from 4 MiB on of w in v, from 2 MiB on.
func showsTwice(op func(m *windows) error) func(t *testing.T) *scene {
	return func(t *testing.T) *scene {
		m := newWindows(t, addrspace.Options{})
		s := m.scene(func() error { return op(m) })
		s.once = true
		check := s.check
		s.check = func(t *testing.T, done bool) {
			check(t, done)
			if there := unsafe.Slice((*byte)(m.v.Base()), 10*mib); done && (there[3*mib] != 7 || there[10*mib-1] != 0) {
				t.Error("the content is not there")
			}
		}
		return s
	}
}

// grows is the scene of a window of two parts that can become longer elsewhere only.
func grows(t *testing.T) *scene {
	m := newWindows(t, addrspace.Options{})
	must(t, m.w.MapFile(8*mib, 2*mib, m.fd, 0, sys.ProtRead))
	behind := m.w.Range().End
	_, err := sys.Reserve(behind, 4096)
	must(t, err)
	// The space learns of it, so that what is looked for afterwards is the same whether Grow
	// came to ask or not.
	if m.w.Extend(2*mib) == nil {
		t.Fatal("there is something in the way")
	}
	s := m.scene(func() error {
		v, err := m.w.Grow(100 * mib)
		if err == nil && (v == m.w || v.Size() < 100*mib || v.Bytes(5*mib, 1)[0] != 7 || v.Bytes(9*mib, 1)[0] != 8) {
			t.Errorf("grown to %v of %d bytes", v, v.Size())
		}
		return err
	})
	s.once = true
	s.close = func(t *testing.T) {
		must(t, sys.Unmap(behind, 4096))
		m.close(t)
	}
	return s
}

// overCached is the scene of a window that can be made longer if its cached
// neighbour makes way.
func overCached(t *testing.T) *scene {
	m := &windows{t: t, s: newSpace(t, addrspace.Options{
		Zones: []addrspace.Range{{Start: zone.Start, End: zone.Start + 64*mib}}, CacheBytes: gib,
	})}
	var all []*addrspace.Window
	for range 4 {
		all = append(all, m.reserve(4*mib, addrspace.ReserveOptions{Compact: true}))
	}
	first := all[0]
	for _, w := range all[1:] {
		if w.Range().Start < first.Range().Start {
			first = w
		}
	}
	for _, w := range all {
		if w != first {
			must(t, w.Release())
		}
	}
	return &scene{
		op: func() error {
			err := first.Extend(10 * mib)
			if n := first.Size(); err == nil && n != 14*mib {
				t.Errorf("%d bytes, want 14 MiB", n)
			}
			return err
		},
		mend:  func() { must(t, m.s.Trim()) }, // The neighbour may be stuck.
		once:  true,
		print: func() string { return printSpace(m.s) },
		space: m.s,
		close: m.close,
	}
}

// ends is the scene of an operation that ends the mapping of w: the content stays
// in the file.
func ends(t *testing.T, op func(w *addrspace.Window) error) *scene {
	m := newWindows(t, addrspace.Options{})
	return &scene{
		op:    func() error { return op(m.w) },
		space: m.s,
		print: func() string { return printSpace(m.s) },
		check: func(t *testing.T, done bool) {
			if m.w.Mapped() == 0 != done {
				t.Errorf("%d bytes of w are mapped", m.w.Mapped())
			}
			if m.v.Mapped() == 0 {
				must(t, m.v.MapFile(0, 8*mib, m.fd, 0, readWrite))
			}
			data := unsafe.Slice((*byte)(m.v.Base()), 8*mib)
			if data[5*mib] != 7 || data[mib] != 8 {
				t.Error("the file has changed")
			}
			must(t, m.v.Unmap(0, 8*mib))
		},
		close: m.close,
	}
}

// releases makes an operation of Release: the handle is dead whatever happens,
// nothing stays accessible or is lost, and the next Release gives the addresses
// back.
func releases(name string, o addrspace.Options) operation {
	return operation{
		name: "addrspace.Release/" + name, covers: []string{"addrspace.Window.Release"},
		setup: func(t *testing.T) *scene {
			m := newWindows(t, o)
			r := m.w.Range()
			return &scene{
				once:  true,
				space: m.s,
				op: func() error {
					err := m.w.Release()
					if st := m.s.Stats(); (err != nil) != (st.Stuck > 0) {
						t.Errorf("%v, and %d windows are stuck", err, st.Stuck)
					}
					return nil // The caller need not do anything.
				},
				check: func(t *testing.T, done bool) {
					if m.s.Lookup(r.Start) != nil {
						t.Error("still a window")
					}
					if st := m.s.Stats(); st.Windows != 2 || st.MappedBytes != 0 {
						t.Errorf("%+v", st)
					}
				},
				close: func(t *testing.T) {
					must(t, m.q.Release()) // Tries again.
					if st := m.s.Stats(); st.Stuck != 0 {
						t.Errorf("%+v", st)
					}
					m.close(t)
				},
			}
		},
	}
}
