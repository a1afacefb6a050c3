//go:build !portable

package mapping

import (
	"errors"
	"math"
	"math/bits"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const extent = memfile.ExtentSize

// newFile makes a file of n bytes, which ends with the test.
func newFile(t *testing.T, n int) *memfile.File {
	t.Helper()
	f, err := memfile.New(t.Name(), memfile.HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if err := f.Grow(n); err != nil {
		t.Fatal(err)
	}
	return f
}

// open makes a mapping of the first extent of f, in a window as long as that, so that the
// next growth leaves it.
func open(t *testing.T, f *memfile.File, rungs Rungs, prot int) *Mapping {
	t.Helper()
	m := &Mapping{
		Ladder: Ladder{Name: t.Name(), Space: addrspace.New(addrspace.Options{CacheWindows: -1}), Rungs: rungs, Prot: prot},
		Limit:  1 << 30, Page: f.Page(), Source: WholeFile(f.Fd()),
	}
	if err := m.Open(extent, extent, extent, false, nil); err != nil {
		t.Fatal(err)
	}
	return m
}

// end ends m, which leaves nothing.
func end(t *testing.T, m *Mapping) {
	t.Helper()
	m.Shut()
	m.LetGo(nil)
	if s := m.Space.Stats(); s.Windows != 0 {
		t.Errorf("%d windows are left", s.Windows)
	}
}

const readWrite = sys.ProtRead | sys.ProtWrite

// TestMapping_OffsetOfPublished: with Retire a guard can be pinned on a view that is
// published and not yet the mapping's: Offset knows its window, and the one before it.
func TestMapping_OffsetOfPublished(t *testing.T) {
	f := newFile(t, extent)
	m, next := open(t, f, AllRungs, readWrite), open(t, f, AllRungs, readWrite)
	m.RetireExactly()
	before := m.View()
	if _, err := m.Domain.Publish(next.View()); err != nil { // As in publish.
		t.Fatal(err)
	}
	m.old.add(before.Window)
	pin, err := m.Domain.Pin()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []*View{before, m.ViewOf(&pin)} {
		if off, ok := m.Offset(v.Addr(100)); off != 100 || !ok {
			t.Errorf("offset %d, want 100", off)
		}
	}
	pin.Unpin()
	m.old.forget(before.Window)
	if _, err := m.Domain.Publish(before); err != nil {
		t.Fatal(err)
	}
	end(t, m)
	end(t, next)
}

// TestMapping_Follows: a mapping that can only be read follows a file that somebody else
// makes longer and writes to, by each rung, and all its windows show the same bytes.
func TestMapping_Follows(t *testing.T) {
	for _, rungs := range []Rungs{RungExtend, RungRehome, RungAlias, AllRungs} {
		t.Run(rungs.String(), func(t *testing.T) {
			if rungs == RungRehome && !memfile.CanRehome() {
				t.Skip("this kernel does not move page tables of shared memory")
			}
			if rungs == RungExtend && bits.UintSize == 32 {
				t.Skip("among 32 bits the kernel places windows, with no room behind them")
			}
			f := newFile(t, extent)
			writer := open(t, f, RungAlias, readWrite)
			m := open(t, f, rungs, sys.ProtRead)
			var views []*View
			for n := extent; n <= 16*extent; n *= 2 {
				if n > extent {
					if err := f.Grow(n); err != nil {
						t.Fatal(err)
					}
					for _, m := range []*Mapping{writer, m} {
						if err := m.Grow(n, nil); err != nil {
							t.Fatal(err)
						}
					}
				}
				writer.View().Slice(n-1, 1)[0] = byte(n / extent)
				views = append(views, m.View())
				for i, v := range views {
					for at := extent; at <= v.Cap; at *= 2 {
						if b := v.Slice(at-1, 1)[0]; b != byte(at/extent) {
							t.Errorf("view %d of %d bytes shows %d at %d", i, v.Cap, b, at-1)
						}
					}
				}
			}
			g := m.Grown()
			if n := g.InWindow + g.Extended + g.Rehomed + g.Aliased; n != 4 {
				t.Errorf("%d steps: %+v", n, g)
			}
			if rungs&RungExtend == 0 && g.Extended > 0 || rungs&RungRehome == 0 && g.Rehomed > 0 || rungs&RungAlias == 0 && g.Aliased > 0 {
				t.Errorf("a rung that is off was climbed: %+v", g)
			}
			if err := m.Grow(math.MaxInt, nil); !errors.Is(err, addrspace.ErrNoSpace) {
				t.Errorf("to MaxInt bytes: %v", err)
			}
			if off, ok := m.Offset(views[0].Addr(7)); off != 7 || !ok {
				t.Errorf("offset %d, %t", off, ok)
			}
			end(t, m)
			end(t, writer)
		})
	}
}

// TestMapping_FollowsWithoutFile: a mapping whose descriptor is closed goes to bigger windows
// and on in its file, also one that can be written to and is sealed against new writable
// mappings: all its windows show the same bytes and are one mapping of the kernel's.
func TestMapping_FollowsWithoutFile(t *testing.T) {
	if err := memfile.NoDuplicate(); err != nil {
		t.Skip(err)
	}
	for _, rungs := range []Rungs{RungRehome, RungAlias, AllRungs} {
		for _, prot := range []int{sys.ProtRead, readWrite} {
			t.Run(rungs.String(), func(t *testing.T) {
				if rungs == RungRehome && !memfile.CanRehome() {
					t.Skip("this kernel does not move page tables of shared memory")
				}
				fd, err := sys.Memfd(t.Name(), 0)
				must(t, err)
				must(t, sys.Truncate(fd, 16*extent))
				show := func(prot int) *Mapping {
					m := &Mapping{
						Ladder: Ladder{Name: t.Name(), Space: addrspace.New(addrspace.Options{CacheWindows: -1}), Rungs: rungs, Prot: prot},
						Limit:  1 << 30, Page: os.Getpagesize(), Source: WholeFile(fd),
					}
					must(t, m.Open(extent, extent, extent, false, nil))
					return m
				}
				writer, m := show(readWrite), show(prot)
				m.NoFile, writer.Rungs = true, RungAlias
				must(t, writer.Grow(16*extent, nil))
				_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE)
				must(t, err)
				must(t, sys.Close(fd))
				var views []*View
				for n := extent; n <= 16*extent; n *= 2 {
					if n > extent {
						must(t, m.Grow(n, nil))
					}
					views = append(views, m.View())
					for at := extent; at <= n; at += extent { // Each extent is told from the others.
						writer.View().Slice(at-1, 1)[0] = byte(at/extent + n/extent)
					}
					for i, v := range views {
						if prot == readWrite {
							v.Slice(7, 1)[0] = byte(n / extent)
						}
						for at := extent; at <= v.Cap; at += extent {
							if b := v.Slice(at-1, 1)[0]; b != byte(at/extent+n/extent) {
								t.Errorf("view %d of %d bytes shows %d at %d", i, v.Cap, b, at-1)
							}
						}
					}
					if vmas := vmasIn(t, m.View().Window.Range()); vmas != 1 {
						t.Errorf("the window of %d bytes is %d mappings", n, vmas)
					}
					if prot == readWrite && writer.View().Slice(7, 1)[0] != byte(n/extent) {
						t.Error("what was written through it is not there")
					}
				}
				g := m.Grown()
				if g.InWindow+g.Extended > 0 || g.Rehomed+g.Aliased != 4 || rungs&RungRehome == 0 && g.Rehomed > 0 || memfile.CanRehome() && rungs&RungRehome != 0 && g.Aliased > 0 {
					t.Errorf("%+v", g)
				}
				end(t, m)
				end(t, writer)
			})
		}
	}
}

// TestMapping_NoWindowWithoutFile: what fails leaves all as it was, and nothing behind.
func TestMapping_NoWindowWithoutFile(t *testing.T) {
	if err := errors.Join(memfile.NoDuplicate(), memfile.NoRehome()); err != nil {
		t.Skip(err)
	}
	f := newFile(t, 4*extent)
	m := open(t, f, AllRungs, sys.ProtRead)
	m.NoFile = true
	before := m.View()
	for nth := 1; nth <= 2; nth++ { // Page tables; what comes behind them.
		for _, rungs := range []Rungs{RungRehome, RungRehome | RungAlias} {
			m.Rungs = rungs
			restore := testutil.FailNth(sys.CallMremap, nth, syscall.ENOMEM)
			err := m.Grow(4*extent, nil)
			restore()
			if nth == 1 && rungs&RungAlias != 0 {
				if err != nil || m.Grown().Aliased != 1 {
					t.Errorf("the next rung: %v, %+v", err, m.Grown())
				}
				end(t, m)
				m = open(t, f, AllRungs, sys.ProtRead)
				m.NoFile = true
				before = m.View()
				continue
			}
			if !errors.Is(err, sys.ENOMEM) || m.View() != before || m.Space.Stats().Windows != 1 {
				t.Errorf("call %d failed, %v: %v, %d windows", nth, rungs, err, m.Space.Stats().Windows)
			}
		}
	}
	m.Rungs = RungExtend
	if err := m.Grow(4*extent, nil); !errors.Is(err, ErrFull) {
		t.Errorf("in place: %v", err)
	}
	end(t, m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// vmasIn counts the kernel's mappings in r.
func vmasIn(t *testing.T, r addrspace.Range) (n int) {
	t.Helper()
	err := sys.Maps(func(v sys.VMA) bool {
		if r.Overlaps(addrspace.Range{Start: v.Start, End: v.End}) {
			n++
		}
		return v.Start < r.End
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTouch: what lies beyond the end of the file is an error, what lies in it is not.
func TestTouch(t *testing.T) {
	f := newFile(t, extent)
	m := open(t, f, AllRungs, readWrite)
	m.View().Slice(extent-1, 1)[0] = 42
	if last, err := Touch(m.View().Slice(0, extent)); last != 42 || err != nil {
		t.Errorf("%d, %v", last, err)
	}
	if err := m.Grow(2*extent, nil); err != nil { // The file has no more.
		t.Fatal(err)
	}
	if _, err := Touch(m.View().Slice(0, extent+1)); err == nil {
		t.Error("beyond the end there is no error")
	}
	end(t, m)
}

// list is a source of parts, each of another file, that counts what it gets back.
type list struct {
	files    []*memfile.File
	returned int
}

func (l *list) Take(off, n, least int) (Part, error) {
	f := l.files[0]
	l.files = l.files[1:]
	return Part{f.Fd(), 0, least}, nil
}

func (l *list) Return(Part) { l.returned++ }

// TestLadder_Parts: what lies among others' bytes in a window, and goes on in another file,
// comes to a window of its own with what it has, and on from there. What fails is undone.
func TestLadder_Parts(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	first := newFile(t, 4*extent)
	shared, err := space.Reserve(4*extent, addrspace.ReserveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.MapFile(0, 4*extent, first.Fd(), 0, readWrite); err != nil {
		t.Fatal(err)
	}
	v := &View{Base: shared.Base(), Cap: 4 * extent, Ready: 4 * extent, Window: shared}
	v.Slice(2*extent+5, 1)[0] = 42
	p := Place{Window: shared, At: 2 * extent, Lent: true, Parts: []Part{{first.Fd(), 2 * extent, extent}}, Mapped: extent}
	l := &Ladder{Name: t.Name(), Space: space, Rungs: AllRungs, Prot: readWrite, Alone: new(sync.Mutex)}
	src := &list{files: []*memfile.File{newFile(t, extent), newFile(t, extent), newFile(t, 2*extent)}}

	memfile.CanRehome() // Finds out with system calls of its own, once.
	for _, call := range []sys.Call{sys.CallMmap, sys.CallMremap} {
		restore := testutil.FailAll(call, syscall.ENOMEM)
		l.Rungs = RungRehome
		err := l.Climb(&p, src, 2*extent, 2*extent, func(Step) error { return errors.New("called") })
		restore()
		if call == sys.CallMremap && !memfile.CanRehome() {
			continue
		}
		if !errors.Is(err, sys.ENOMEM) || p.Window != shared || p.Mapped != extent || space.Stats().Windows != 1 {
			t.Fatalf("%v failed: %v; %+v, %d windows", call, err, p, space.Stats().Windows)
		}
	}
	l.Rungs = AllRungs
	refused := errors.New("refused")
	if err := l.Climb(&p, src, 2*extent, 2*extent, func(Step) error { return refused }); !errors.Is(err, refused) || p.Window != shared {
		t.Fatalf("%v, %+v", err, p)
	}
	if src.returned == 0 || len(src.files)+src.returned != 3 {
		t.Errorf("%d parts were given back, %d are left", src.returned, len(src.files))
	}
	var windows []*addrspace.Window
	for n := 2; n <= 4; n += 2 {
		if n == 2 {
			src.files = append([]*memfile.File{newFile(t, extent)}, src.files...)
		}
		err := l.Climb(&p, src, n*extent, n*extent, func(s Step) error {
			if s.Window != shared && (len(windows) == 0 || windows[len(windows)-1] != s.Window) {
				windows = append(windows, s.Window)
			}
			return nil
		})
		if err != nil || p.Mapped != n*extent || p.Lent || p.At != 0 {
			t.Fatalf("%v, %+v", err, p)
		}
		now := &View{Base: p.Window.Base(), Cap: p.Mapped, Ready: p.Mapped, Window: p.Window}
		if now.Slice(5, 1)[0] != 42 {
			t.Error("the part has not come along")
		}
		now.Slice(6, 1)[0] = byte(n)
		if v.Slice(2*extent+6, 1)[0] != byte(n) {
			t.Error("a write to the new window does not show in the old one")
		}
		now.Slice(n*extent-1, 1)[0] = 1 // It is mapped to the end.
	}
	for _, w := range append(windows, shared) {
		Release(w)
	}
	if s := space.Stats(); s.Windows != 0 {
		t.Errorf("%d windows are left", s.Windows)
	}
}

// TestLadder_NothingMore: what moves to be longer than it may become where it is, and not
// longer than what is mapped of it, takes nothing.
func TestLadder_NothingMore(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	f := newFile(t, 2*extent)
	shared, err := space.Reserve(2*extent, addrspace.ReserveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := shared.MapFile(0, 2*extent, f.Fd(), 0, readWrite); err != nil {
		t.Fatal(err)
	}
	p := Place{Window: shared, Lent: true, Parts: []Part{{f.Fd(), 0, extent}}, Mapped: extent}
	l := &Ladder{Name: t.Name(), Space: space, Rungs: AllRungs, Prot: readWrite}
	src := &list{files: []*memfile.File{newFile(t, extent)}}
	if err := l.Climb(&p, src, extent, 4*extent, func(Step) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(src.files) != 1 || p.Mapped != extent || p.Window == shared || p.Window.Mapped() != extent {
		t.Errorf("%+v, %d files left", p, len(src.files))
	}
	Release(p.Window)
	Release(shared)
}

// TestMapping_Old: what was left and is kept is counted, all of it.
func TestMapping_Old(t *testing.T) {
	f := newFile(t, 8*extent)
	m := open(t, f, RungAlias, readWrite)
	windows, total := 0, 0
	for n := 2; n <= 8; n *= 2 {
		windows, total = windows+1, total+m.View().Window.Size()
		must(t, m.Grow(n*extent, nil))
		if w, bytes := m.Old(); w != windows || bytes != total {
			t.Errorf("%d windows of %d bytes, want %d of %d", w, bytes, windows, total)
		}
	}
	end(t, m)
}

// TestMapping_RefusedByDomain: where a domain does not take the new view all is as before.
func TestMapping_RefusedByDomain(t *testing.T) {
	f := newFile(t, 4*extent)
	m := open(t, f, RungAlias, readWrite)
	m.RetireExactly()
	view, domain := m.View(), m.Domain
	m.Domain = epoch.NewDomain(epoch.Options{})
	must(t, m.Domain.Shutdown(t.Context()))
	if err := m.Grow(4*extent, nil); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("through a domain that is closed: %v", err)
	}
	if n, _ := m.Old(); n != 0 || m.View() != view || m.Space.Stats().Windows != 1 {
		t.Errorf("%d old windows, %d in all, the view is the same: %v", n, m.Space.Stats().Windows, m.View() == view)
	}
	m.Domain = domain
	end(t, m)
}

// TestMapping_WaitsBehind: a window that is left while others are offered, and refused, waits behind them.
func TestMapping_WaitsBehind(t *testing.T) {
	f := newFile(t, extent)
	m, other := open(t, f, RungAlias, readWrite), open(t, f, RungAlias, readWrite)
	m.Domain = epoch.NewDomain(epoch.Options{})
	must(t, m.Domain.Shutdown(t.Context()))
	first, second := m.View().Window, other.View().Window
	const many = 1000 // So that offering them takes a while.
	for met := false; !met; {
		m.waiting = slices.Repeat([]*addrspace.Window{first}, many)
		done := make(chan bool)
		var offered atomic.Bool
		go func() {
			for !met && !offered.Load() {
				m.mu.Lock()
				if met = len(m.waiting) == 0; met {
					m.waiting = append(m.waiting, second)
				}
				m.mu.Unlock()
			}
			close(done)
		}()
		m.OfferWaiting()
		offered.Store(true)
		<-done
	}
	if w := m.waiting; len(w) != many+1 || w[0] != first || w[many] != second {
		t.Errorf("%d windows wait, want %d, and that which came last behind them", len(w), many+1)
	}
	m.waiting, m.Domain = nil, nil
	end(t, m)
	end(t, other)
}

// TestMapping_BirthOfEach: a window is retired from the version on at which it was published, so that it is not held by
// a guard that is older.
func TestMapping_BirthOfEach(t *testing.T) {
	f := newFile(t, 8*extent)
	m := open(t, f, RungAlias, readWrite)
	m.RetireExactly()
	pin, err := m.Domain.Pin()
	must(t, err)
	must(t, m.Grow(2*extent, nil)) // The first window is held.
	must(t, m.Grow(4*extent, nil)) // The second one was never seen.
	must(t, m.Grow(8*extent, nil))
	m.Domain.TryReclaim()
	if n, bytes := m.Old(); n != 1 || bytes != extent {
		t.Errorf("%d windows of %d bytes are held, want the first one", n, bytes)
	}
	pin.Unpin()
	must(t, m.Domain.Barrier(t.Context()))
	end(t, m)
}
