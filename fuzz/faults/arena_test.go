//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// arenaScene is an arena of 2 MiB, in a window of 2 MiB, with a guard that sees
// it.
type arenaScene struct {
	t      *testing.T
	space  *addrspace.Space
	domain *epoch.Domain // what was in the options
	a      *arena.Arena
	guard  arena.Guard
	pinned []byte
	slices [][]byte // handed out one after the other
	freed  bool
}

func newArenaScene(t *testing.T, o arena.Options) *arenaScene {
	t.Helper()
	m := &arenaScene{t: t, space: newSpace(t, addrspace.Options{}), domain: o.Domain}
	o.Name, o.Space = "index", m.space
	if o.Reserve == 0 {
		o.Reserve = 2 * mib
	}
	if o.Headroom == 0 {
		o.Headroom = -1
	}
	var err error
	m.a, err = arena.NewArena(o)
	must(t, err)
	must(t, m.alloc(2*mib))
	m.guard, err = m.a.Pin()
	must(t, err)
	m.pinned = m.guard.Bytes()
	return m
}

// alloc hands out n bytes and marks them.
func (m *arenaScene) alloc(n int) error { return m.take(m.a.Alloc(n)) }

// take adds what was handed out to the slices.
func (m *arenaScene) take(b []byte, err error) error {
	if err == nil {
		zero(m.t, "what is handed out", b)
		mark(b, m.a.Offset(b))
		m.slices = append(m.slices, b)
	}
	return err
}

// scene returns the scene of op, which grows the arena, or leaves it as it is.
func (m *arenaScene) scene(op func() error) *scene {
	return &scene{op: op, space: m.space, print: m.print, check: m.check, close: m.close}
}

func (m *arenaScene) print() string {
	s := m.a.Stats()
	return fmt.Sprintln(s.Len, s.Cap, s.Windows, s.Growth)
}

// check looks at all that was handed out, through the newest view and through the
// slices themselves, as far as the pointer rule says that they are valid.
func (m *arenaScene) check(t *testing.T, done bool) {
	t.Helper()
	bytes := m.a.Bytes()
	for _, b := range m.slices {
		if m.a.Domain() == nil {
			off := m.a.Offset(b)
			marked(t, "a slice", b, off)
			marked(t, "the newest view", bytes[off:off+len(b)], off)
		}
	}
	marked(t, "the newest view", bytes[:2*mib], 0)
	marked(t, "the pinned view", m.pinned, 0)
	old := m.pinned[4711]
	m.pinned[4711] = old + 1
	if bytes[4711] != old+1 {
		t.Error("the pinned view and the newest one show different bytes")
	}
	m.pinned[4711] = old
}

func (m *arenaScene) close(t *testing.T) {
	if !m.freed {
		m.guard.Unpin()
		must(t, m.a.Free())
	}
	if d := m.a.Domain(); d != nil {
		must(t, d.Barrier(context.Background()))
	}
	if m.domain != nil {
		must(t, m.domain.Shutdown(context.Background()))
	}
	closeSpace(t, m.space)
}

// rules are the pointer rules.
var rules = []struct {
	name string
	set  func(o *arena.Options)
}{
	{"keep", func(o *arena.Options) {}},
	{"retire", func(o *arena.Options) { o.Retire = true }},
	{"classic", func(o *arena.Options) { o.Domain = epoch.NewDomain(epoch.Options{}) }},
}

// ladders are the growth ladders: each rung as the top one, and all of them.
var ladders = []arena.Rungs{
	0,
	arena.RungInWindow | arena.RungExtend,
	arena.RungInWindow | arena.RungRehome,
	arena.RungInWindow | arena.RungAlias,
}

// backings are the kinds of memory behind an arena.
var backings = []struct {
	name string
	set  func(t *testing.T, o *arena.Options)
}{
	{"lazy", func(t *testing.T, o *arena.Options) {}},
	{"committed", func(t *testing.T, o *arena.Options) { o.Commit = true }},
	{"file", func(t *testing.T, o *arena.Options) { o.File = tempFile(t) }},
}

// tempFile returns an empty file that is closed in the end.
func tempFile(t *testing.T) *os.File {
	t.Helper()
	dir := "/dev/shm" // It would be the disk's speed otherwise.
	if _, err := os.Stat(dir); err != nil {
		dir = t.TempDir()
	}
	f, err := os.CreateTemp(dir, "growarena faults")
	must(t, err)
	must(t, os.Remove(f.Name()))
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

// inArena makes an operation of one that grows an arena, or leaves it as it is.
// What is prepared is done first, without faults.
func inArena(name, covers string, o arena.Options, op func(m *arenaScene) error, prepare ...func(m *arenaScene)) operation {
	return operation{
		name: "arena." + name, covers: []string{"arena." + covers},
		setup: func(t *testing.T) *scene {
			m := newArenaScene(t, o)
			for _, f := range prepare {
				f(m)
			}
			return m.scene(func() error { return op(m) })
		},
	}
}

// withCap prepares an arena that has room for n bytes in all.
func withCap(n int) func(m *arenaScene) {
	return func(m *arenaScene) { must(m.t, m.a.Grow(n-m.a.Len())) }
}

// growths are the operations that climb each ladder under each pointer rule with
// each backing. Each time op is run it climbs.
func growths() (all []operation) {
	for _, rungs := range ladders {
		for _, rule := range rules {
			for _, backing := range backings {
				name := fmt.Sprintf("arena.Alloc/%s/%s/%s", ladder(rungs), rule.name, backing.name)
				all = append(all, operation{
					name: name, covers: []string{"arena.Arena.Alloc"},
					heavy: backing.name == "committed", // It asks for room, by a dozen calls.
					setup: func(t *testing.T) *scene {
						o := arena.Options{Rungs: rungs}
						rule.set(&o)
						backing.set(t, &o)
						m := newArenaScene(t, o)
						return m.scene(func() error { return m.alloc(2 * mib) })
					},
				})
			}
		}
	}
	return all
}

var arenaOperations = slices.Concat(growths(), freeings(), typedOperations, []operation{
	makes("arena", arena.Options{}),
	makes("retiring arena", arena.Options{Retire: true}),
	makes("arena with huge pages", arena.Options{HugePages: arena.HugeAlways}),
	{
		name: "arena.NewArena/file", covers: []string{"arena.NewArena"},
		setup: func(t *testing.T) *scene {
			f := tempFile(t)
			must(t, f.Truncate(3*mib))
			s := newMaking(t, arena.Options{File: f}, 3*mib)
			s.once = true // A file is one arena's.
			return s
		},
	},
	advised("Alloc/no huge pages", arena.Options{HugePages: arena.HugeNever}),
	advised("Alloc/all huge pages", arena.Options{HugePages: arena.HugeAlways}),
	advised("Alloc/committed small pages", arena.Options{HugePages: arena.HugeNever, Commit: true}),
	inArena("AllocSparse", "Arena.AllocSparse", arena.Options{}, func(m *arenaScene) error { return m.take(m.a.AllocSparse(2 * mib)) }),
	inArena("AllocAligned", "Arena.AllocAligned", arena.Options{}, func(m *arenaScene) error { return m.take(m.a.AllocAligned(2*mib, 4096)) }),
	inArena("Local.Alloc", "Local.Alloc", arena.Options{}, func(m *arenaScene) error { return m.take(m.a.NewLocal().Alloc(100)) }),
	inArena("Local.AllocAligned", "Local.AllocAligned", arena.Options{}, func(m *arenaScene) error {
		return m.take(m.a.NewLocal().AllocAligned(2*mib, 64))
	}),
	inArena("Guard.Alloc", "Guard.Alloc", arena.Options{Retire: true}, func(m *arenaScene) error {
		g, err := m.a.Pin()
		must(m.t, err)
		defer g.Unpin()
		b, err := g.Alloc(2 * mib)
		if err == nil {
			zero(m.t, "what is handed out", b)
		}
		return err
	}),
	inArena("Grow", "Arena.Grow", arena.Options{}, func(m *arenaScene) error { return m.a.Grow(m.a.Cap() - m.a.Len() + 2*mib) }),
	inArena("Grow/committed", "Arena.Grow", arena.Options{Commit: true}, func(m *arenaScene) error {
		return m.a.Grow(m.a.Cap() - m.a.Len() + 3*mib)
	}),
	inArena("Decommit", "Arena.Decommit", arena.Options{}, func(m *arenaScene) error {
		if err := m.a.Decommit(mib+5, 256*kib); err != nil {
			return err
		}
		zero(m.t, "what was decommitted", m.pinned[mib+5:mib+5+256*kib])
		mark(m.slices[0], 0)
		return nil
	}),
	inArena("Trim", "Arena.Trim", arena.Options{}, func(m *arenaScene) error {
		// The memory is beyond Len, and dirty.
		b, err := m.a.Alloc(64 * kib)
		if err != nil {
			return err
		}
		mark(b, 2*mib)
		m.a.Truncate(2 * mib)
		if err := m.a.Trim(); err != nil {
			return err
		}
		if n := m.a.Stats().Committed; n > 2*mib {
			m.t.Errorf("%d bytes are committed after Trim", n)
		}
		b, err = m.a.Alloc(64 * kib)
		if err != nil {
			return err
		}
		zero(m.t, "what was trimmed", b)
		m.a.Truncate(2 * mib)
		return nil
	}, withCap(4*mib)),
	inArena("Stats", "Arena.Stats", arena.Options{}, func(m *arenaScene) error {
		if s := m.a.Stats(); s.Len != 2*mib || s.Window != 2*mib {
			m.t.Errorf("%+v", s)
		}
		return nil
	}),
	inArena("File", "Arena.File", arena.Options{}, func(m *arenaScene) error {
		f, err := m.a.File()
		if err != nil {
			return err
		}
		b := make([]byte, 1)
		_, err = f.ReadAt(b, 2*mib-1)
		must(m.t, err)
		if b[0] != m.pinned[2*mib-1] {
			m.t.Error("the file has other bytes")
		}
		return f.Close()
	}),
	inArena("WritableFile", "Arena.WritableFile", arena.Options{}, func(m *arenaScene) error {
		f, err := m.a.WritableFile()
		if err != nil {
			return err
		}
		_, err = f.WriteAt(m.pinned[2*mib-1:2*mib], 2*mib-1)
		must(m.t, err)
		return f.Close()
	}),
	inArena("Alias", "Arena.Alias", arena.Options{}, func(m *arenaScene) error {
		l, err := m.a.Alias(arena.AliasOptions{Len: mib, Repeat: 3})
		if err != nil {
			return err
		}
		for i := range 3 {
			same(m.t, "the alias", l.Bytes()[i*mib:][:mib], m.pinned)
		}
		l.Release()
		return nil
	}),
	inArena("Alias/read-only", "Alias.Release", arena.Options{}, func(m *arenaScene) error {
		l, err := m.a.Alias(arena.AliasOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		same(m.t, "the alias", l.Bytes(), m.a.Bytes())
		l.Release()
		return nil
	}),
	inArena("AliasOf", "AliasOf", arena.Options{}, func(m *arenaScene) error {
		l, err := arena.AliasOf(m.pinned[100:mib], arena.AliasOfOptions{Len: 2*mib - 100, ReadOnly: true, Space: m.space})
		if err != nil {
			return err
		}
		same(m.t, "the alias", l.Bytes(), m.pinned[100:2*mib])
		l.Release()
		return nil
	}),
	ahead(),
	{
		name: "arena.Features", covers: []string{"arena.Features"},
		setup: func(t *testing.T) *scene {
			var s *scene
			s = &scene{op: func() error {
				for _, f := range arena.Features() {
					if f.Err != nil && f.Name == "memfd" && !s.hasFailed(sys.CallMemfdCreate, sys.CallFtruncate, sys.CallMmap) {
						t.Errorf("no memfd: %v", f.Err)
					}
				}
				return nil
			}}
			return s
		},
	},
})

// makes makes an operation of making an empty arena.
func makes(name string, o arena.Options) operation {
	return operation{
		name: "arena.NewArena/" + name, covers: []string{"arena.NewArena"},
		setup: func(t *testing.T) *scene { return newMaking(t, o, 0) },
	}
}

// newMaking returns the scene of making arenas that are of some length.
func newMaking(t *testing.T, o arena.Options, length int) *scene {
	o.Name, o.Space = "index", newSpace(t, addrspace.Options{})
	var made []*arena.Arena
	return &scene{
		op: func() error {
			a, err := arena.NewArena(o)
			if err == nil {
				made = append(made, a)
			} else if a != nil {
				t.Error("an arena beside the error")
			}
			return err
		},
		space: o.Space,
		print: func() string { return printSpace(o.Space) },
		check: func(t *testing.T, done bool) {
			for _, a := range made {
				if a.Len() != length {
					t.Errorf("Len is %d, want %d", a.Len(), length)
				}
				zero(t, "the arena", a.Bytes())
			}
		},
		close: func(t *testing.T) {
			for _, a := range made {
				must(t, a.Free())
			}
			closeSpace(t, o.Space)
		},
	}
}

// TestCommitSaysNoMemory: what MADV_COLLAPSE answers at the limit of a memory cgroup
// is an error of Grow, for to ask for small pages there would end in the OOM killer.
// Where it only cannot make a huge page there are small ones.
func TestCommitSaysNoMemory(t *testing.T) {
	for errno, refused := range map[syscall.Errno]bool{sys.EBUSY: true, sys.ENOMEM: true, sys.EINVAL: false, sys.EAGAIN: false} {
		t.Run(errno.Error(), func(t *testing.T) {
			testutil.NoLeaks(t, nil)
			// The growth is within the window: the only advice is to collapse.
			m := newArenaScene(t, arena.Options{Commit: true, Reserve: 16 * mib})
			defer m.close(t)
			restore := testutil.FailAll(sys.CallMadvise, errno)
			err := m.a.Grow(2 * mib)
			restore()
			if refused != errors.Is(err, errno) || !refused && err != nil {
				t.Errorf("Grow: %v", err)
			}
			m.check(t, err == nil)
			if err := m.a.Grow(2 * mib); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGrowBeyondAnyFile: a length that no file can have is an error like that of a limit on
// files, and makes no system call that could do half of it.
func TestGrowBeyondAnyFile(t *testing.T) {
	testutil.NoLeaks(t, nil)
	m := newArenaScene(t, arena.Options{Limit: math.MaxInt})
	defer m.close(t)
	before := m.print()
	if err := m.a.Grow(math.MaxInt - m.a.Len()); !errors.Is(err, sys.EFBIG) {
		t.Errorf("Grow: %v", err)
	}
	if now := m.print(); now != before {
		t.Errorf("it is %swas %s", now, before)
	}
	m.check(t, false)
	must(t, m.alloc(2*mib))
}

// advised makes an operation of growing where each tail is advised like the rest. If
// that is refused there is a VMA more than is counted, until the next growth.
func advised(name string, o arena.Options) operation {
	return operation{
		name: "arena." + name, covers: []string{"arena.Arena.Alloc"},
		setup: func(t *testing.T) *scene {
			m := newArenaScene(t, o)
			var s *scene
			s = m.scene(func() error {
				if s.hasFailed(sys.CallMadvise) && m.a.Len() > 2*mib && m.a.Stats().Windows == 1 {
					s.space = m.space // Made good by now, in the window that still grows.
				}
				return m.alloc(2 * mib)
			})
			s.space = nil
			return s
		},
	}
}

// ahead is the operation of allocating where memory is prepared ahead: whatever
// fails then, the writer does not notice. It is prepared by the writer alone, so
// that the calls are always the same.
func ahead() operation {
	return operation{
		name: "arena.Alloc/prepared ahead", covers: []string{"arena.Arena.Alloc"},
		setup: func(t *testing.T) *scene {
			procs := runtime.GOMAXPROCS(1)
			m := newArenaScene(t, arena.Options{Headroom: 64 * mib})
			s := m.scene(func() error {
				before := m.a.Len()
				for m.a.Len() < before+4*mib {
					if err := m.alloc(mib); err != nil {
						return err
					}
				}
				return nil
			})
			s.print = nil // Some of it may have been allocated.
			s.close = func(t *testing.T) {
				runtime.GOMAXPROCS(procs)
				m.close(t)
			}
			return s
		},
	}
}

// ladder names a growth ladder by its top.
func ladder(rungs arena.Rungs) string {
	if rungs == 0 {
		return "all"
	}
	return (rungs &^ arena.RungInWindow).String()
}
