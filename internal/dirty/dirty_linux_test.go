//go:build !portable

package dirty

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

const extent = 2 << 20

// memory is memory of some kind to be watched.
type memory struct {
	b  []byte
	fd int // -1: private
}

// kinds make memory of n bytes that begins where a huge page does; nil says that there is none.
var kinds = map[string]func(t *testing.T, n int) *memory{
	"private": func(t *testing.T, n int) *memory {
		m := mapped(t, n, -1)
		_ = unix.Madvise(m.b, unix.MADV_NOHUGEPAGE)
		return m
	},
	"private huge": func(t *testing.T, n int) *memory {
		m := mapped(t, n, -1)
		_ = unix.Madvise(m.b, unix.MADV_HUGEPAGE)
		return m
	},
	"memfd": func(t *testing.T, n int) *memory { return mapped(t, n, memfd(t, n)) },
	"memfd huge": func(t *testing.T, n int) *memory {
		m := mapped(t, n, memfd(t, n))
		for off := 0; off < n; off += extent {
			m.b[off] = 1
			if err := sys.Advise(RangeOf(m.b[off:]).Start, extent, sys.AdviseCollapse); err != nil {
				t.Log("no huge page: ", err)
				return nil
			}
		}
		return m
	},
	"file": func(t *testing.T, n int) *memory {
		f, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		if err := f.Truncate(int64(n)); err != nil {
			t.Fatal(err)
		}
		return mapped(t, n, int(f.Fd()))
	},
}

func memfd(t *testing.T, n int) int {
	t.Helper()
	fd, err := sys.Memfd("dirty test", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Close(fd) })
	if err := sys.Truncate(fd, int64(n)); err != nil {
		t.Fatal(err)
	}
	return fd
}

// mapped maps n bytes, of fd or private ones, to be unmapped when the test ends.
func mapped(t *testing.T, n, fd int) *memory {
	t.Helper()
	at, err := sys.Reserve(0, uintptr(n)+extent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sys.Unmap(at, uintptr(n)+extent) })
	start, _ := align.Up(at, extent)
	if fd < 0 {
		err = sys.Protect(start, uintptr(n), sys.ProtRead|sys.ProtWrite)
	} else {
		err = sys.MapShared(start, uintptr(n), fd, 0, sys.ProtRead|sys.ProtWrite)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &memory{Range{start, start + uintptr(n)}.Bytes(), fd}
}

func watcher(t *testing.T) *Watcher {
	t.Helper()
	w, err := Open()
	if errors.Is(err, ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// scan scans all of a, and returns which of its pages were found.
func scan(t *testing.T, w *Watcher, a *Area) map[int]bool {
	t.Helper()
	pages := map[int]bool{}
	for at := a.Start(); at < a.End(); {
		to := a.Split(at, extent)
		if err := w.Scan(a, at, to, func(start, end uintptr) {
			for p := start; p < end; p += pageSize {
				pages[int((p-a.Start())/pageSize)] = true
			}
		}); err != nil {
			t.Fatal(err)
		}
		at = to
	}
	return pages
}

// copyFound copies the pages that a scan finds to mirror.
func copyFound(t *testing.T, w *Watcher, a *Area, b, mirror []byte) {
	t.Helper()
	for p := range scan(t, w, a) {
		off := p * int(pageSize)
		copy(mirror[off:off+int(pageSize)], b[off:])
	}
}

// TestScan_Differential: what is copied because a scan has found it, is what there is, whatever was done
// to the memory in between.
func TestScan_Differential(t *testing.T) {
	const n = 3*extent + extent/2
	steps := 300
	if testing.Short() {
		steps = 60
	}
	for name, make := range kinds {
		for _, tells := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tells=%v", name, tells), func(t *testing.T) {
				setTells(t, tells)
				w := watcher(t)
				m := make(t, 4*extent)
				if m == nil {
					t.Skip("there is no such memory here")
				}
				m.b = m.b[:n]
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				r := rand.New(rand.NewPCG(seed, 1))
				at := RangeOf(m.b)
				a, err := w.Add(at.Start, at.End)
				if err != nil {
					t.Fatal(err)
				}
				mirror := bytes.Repeat([]byte{0xcc}, n)
				for step := range steps {
					what := m.change(t, r)
					if r.IntN(3) > 0 {
						continue
					}
					copyFound(t, w, a, m.b, mirror)
					if !bytes.Equal(m.b, mirror) {
						t.Fatalf("step %d, after %s: byte %d was changed and not found", step, what, differs(m.b, mirror))
					}
				}
			})
		}
	}
}

// change changes the memory somehow, or only what the kernel has of it.
func (m *memory) change(t *testing.T, r *rand.Rand) string {
	t.Helper()
	off := r.IntN(len(m.b))
	page := align.Down(off, int(pageSize))
	pages := min((1+r.IntN(8))*int(pageSize), len(m.b)-page)
	addr := RangeOf(m.b[page:]).Start
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	switch k := r.IntN(10); {
	case k < 4:
		m.b[off]++
		return "a store"
	case k == 4:
		var pipe [2]int
		do(unix.Pipe(pipe[:]))
		_, err := unix.Write(pipe[1], []byte{byte(off)})
		do(err)
		_, err = unix.Read(pipe[0], m.b[off:off+1])
		do(err)
		unix.Close(pipe[0])
		unix.Close(pipe[1])
		return "read(2)"
	case k == 5:
		touched = m.b[off]
		return "a load"
	case k == 6:
		if r.IntN(2) == 0 { // All that a page table has.
			page = align.Down(off, extent)
			addr, pages = RangeOf(m.b[page:]).Start, min(extent, len(m.b)-page)
		}
		do(sys.Advise(addr, uintptr(pages), sys.AdviseDontNeed))
		return "MADV_DONTNEED"
	case k == 7:
		_ = sys.Advise(RangeOf(m.b).Start+uintptr(align.Down(off, extent)), extent, sys.AdviseCollapse)
		return "MADV_COLLAPSE"
	}
	for i := range pages {
		m.b[page+i] = byte(off)
	}
	return "a long store"
}

// setTells says whether scans may rely on a kernel that tells absent pages, which must be true only where it does.
func setTells(t *testing.T, tells bool) {
	t.Helper()
	old := tellsAbsent
	if tells && !old() {
		t.Skip("this kernel does not")
	}
	tellsAbsent = func() bool { return tells }
	t.Cleanup(func() { tellsAbsent = old })
}

// touched keeps loads.
var touched byte

func differs(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

// TestScan_Writers: with writers beside the scans nothing is lost in the end.
func TestScan_Writers(t *testing.T) {
	const n = 2 * extent
	w := watcher(t)
	m := mapped(t, n, memfd(t, n))
	at := RangeOf(m.b)
	a, err := w.Add(at.Start, at.End)
	if err != nil {
		t.Fatal(err)
	}
	mirror := make([]byte, n)
	var wg sync.WaitGroup
	for g := range 2 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(g)))
			for range 1000 {
				m.b[r.IntN(n/2)*2+g]++
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		copyFound(t, w, a, m.b, mirror) // The last time with nobody writing.
	}
	if !bytes.Equal(m.b, mirror) {
		t.Fatalf("byte %d was changed and not found", differs(m.b, mirror))
	}
}

// TestScan_Dropped: what was written and dropped by the kernel since is found, be it gone or back, and whether it was of
// small pages or still a huge one.
func TestScan_Dropped(t *testing.T) {
	for _, name := range []string{"memfd huge", "memfd", "private"} {
		for i := range 8 {
			how := struct{ tells, scanned, back bool }{i&1 > 0, i&2 > 0, i&4 > 0}
			t.Run(fmt.Sprintf("%s/%+v", name, how), func(t *testing.T) {
				setTells(t, how.tells)
				w := watcher(t)
				m := kinds[name](t, extent)
				if m == nil {
					t.Skip("there is no such memory here")
				}
				at := RangeOf(m.b)
				a, err := w.Add(at.Start, at.End)
				if err != nil {
					t.Fatal(err)
				}
				if how.scanned {
					scan(t, w, a)
				}
				for off := 0; off < len(m.b); off += int(pageSize) {
					m.b[off] = 7 // All of it: the page table goes, too.
				}
				if err := sys.Advise(at.Start, extent, sys.AdviseDontNeed); err != nil {
					t.Fatal(err)
				}
				if how.back {
					touched = m.b[5]
				}
				if got := len(scan(t, w, a)); got != extent/int(pageSize) {
					t.Errorf("%d pages were found of %d that were written", got, extent/int(pageSize))
				}
			})
		}
	}
}

// TestScan_Quiet: what was not written is not found, unless the kernel has dropped it.
func TestScan_Quiet(t *testing.T) {
	for name, make := range kinds {
		for _, tells := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tells=%v", name, tells), func(t *testing.T) {
				setTells(t, tells)
				w := watcher(t)
				m := make(t, 2*extent)
				if m == nil {
					t.Skip("there is no such memory here")
				}
				at := RangeOf(m.b)
				a, err := w.Add(at.Start, at.End)
				if err != nil {
					t.Fatal(err)
				}
				if got := len(scan(t, w, a)); got != 2*extent/int(pageSize) {
					t.Errorf("%d pages were written at first, want all", got)
				}
				if got := scan(t, w, a); len(got) > 0 {
					t.Errorf("%d pages were found, none was written", len(got))
				}
				m.b[5*int(pageSize)] = 1
				if got := scan(t, w, a); !got[5] {
					t.Errorf("page 5 was written, found were %v", got)
				}
				if got := scan(t, w, a); len(got) > 0 && name != "memfd huge" { // What is split comes back page by page.
					t.Errorf("%d pages were found a second time", len(got))
				}
			})
		}
	}
}

// TestScan_Vector: there may be many more runs than the kernel is given room for.
func TestScan_Vector(t *testing.T) {
	w := watcher(t)
	m := mapped(t, extent, -1)
	_ = unix.Madvise(m.b, unix.MADV_NOHUGEPAGE)
	at := RangeOf(m.b)
	a, err := w.Add(at.Start, at.End)
	if err != nil {
		t.Fatal(err)
	}
	scan(t, w, a)
	for off := 0; off < len(m.b); off += 2 * int(pageSize) {
		m.b[off] = 1
	}
	runs := 0
	tight := &buffer{sys.NewPageRuns(7)}
	if err := w.walk(at.Start, at.End, sys.PagesWritten, tight, func(start, end uintptr) {
		if runs++; end-start != pageSize {
			t.Errorf("[%#x, %#x) was found, only every other page was written", start, end)
		}
	}); err != nil || runs != len(m.b)/int(pageSize)/2 {
		t.Errorf("%d runs were found: %v", runs, err)
	}
}

// TestAddMoved: protection that page tables have brought along counts for nothing.
func TestAddMoved(t *testing.T) {
	w := watcher(t)
	m := kinds["memfd"](t, extent)
	at := RangeOf(m.b)
	a, err := w.Add(at.Start, at.End)
	if err != nil {
		t.Fatal(err)
	}
	scan(t, w, a)
	if a, err = w.AddMoved(at.Start, at.End); err != nil {
		t.Fatal(err)
	}
	if got := len(scan(t, w, a)); got != extent/int(pageSize) {
		t.Errorf("%d pages count as written of %d", got, extent/int(pageSize))
	}
}

// TestScan_Gone: memory that is not watched any more is an error, and so is memory that somebody else watches.
func TestScan_Gone(t *testing.T) {
	w := watcher(t)
	m := kinds["memfd"](t, 2*extent)
	at := RangeOf(m.b)
	a, err := w.Add(at.Start, at.Start+extent)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Extend(a, at.End); err != nil || a.End() != at.End {
		t.Fatalf("extended to %#x: %v", a.End(), err)
	}
	if err := w.Extend(a, at.Start); err != nil || a.End() != at.End {
		t.Fatalf("extended to less: to %#x, %v", a.End(), err)
	}
	scan(t, w, a)
	if err := w.Remove(at.Start+extent, at.End); err != nil {
		t.Fatal(err)
	}
	if err := w.Scan(a, a.Start(), a.End(), func(_, _ uintptr) {}); !IsGone(err) {
		t.Errorf("a scan of what is not watched any more: %v", err)
	}
	other := watcher(t)
	if _, err := other.Add(at.Start, at.End); !errors.Is(err, sys.EBUSY) {
		t.Errorf("a second watcher of the same memory: %v", err)
	}
}

// TestFailures: whichever system call fails, nothing is left of what has failed: no descriptor, and
// no memory that somebody else could not watch.
func TestFailures(t *testing.T) {
	watcher(t) // Also for whether the kernel tells what is absent, which is asked once.
	m := kinds["memfd"](t, extent)
	at := RangeOf(m.b)
	nth := func(n int) func() {
		return sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallClose {
				return 0
			}
			if n--; n == 0 {
				return sys.ENOMEM
			}
			return 0
		})
	}
	for n := 1; ; n++ {
		before := descriptors(t)
		restore := nth(n)
		w, err := Open()
		restore()
		if err == nil {
			w.Close()
			if n == 1 {
				t.Error("nothing has failed")
			}
			break
		}
		if now := descriptors(t); now != before {
			t.Errorf("call %d of Open fails: %d descriptors, before %d", n, now, before)
		}
	}
	one, other := watcher(t), watcher(t)
	for n := 1; ; n++ {
		restore := nth(n)
		_, err := one.AddMoved(at.Start, at.End)
		restore()
		if err == nil {
			if n < 3 {
				t.Errorf("AddMoved has %d calls that can fail", n-1)
			}
			break
		}
		if _, err := other.Add(at.Start, at.End); err != nil {
			t.Fatalf("call %d of AddMoved fails, and somebody else cannot watch it: %v", n, err)
		}
		if err := other.Remove(at.Start, at.End); err != nil {
			t.Fatal(err)
		}
	}
}

// descriptors returns how many there are.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestPeek: a peek finds what the next scan does, and leaves it to be found.
func TestPeek(t *testing.T) {
	for _, kind := range []string{"private", "memfd"} {
		t.Run(kind, func(t *testing.T) {
			m := kinds[kind](t, 2*extent)
			w := watcher(t)
			at := RangeOf(m.b)
			a, err := w.Add(at.Start, at.End)
			if err != nil {
				t.Fatal(err)
			}
			scan(t, w, a)
			for _, p := range []int{0, 3, 4, 600} {
				m.b[p*int(pageSize)] = 1
			}
			want := map[int]bool{0: true, 3: true, 4: true, 600: true}
			for range 2 {
				got := map[int]bool{}
				if err := w.Peek(a.Start(), a.End(), func(start, end uintptr) {
					for p := start; p < end; p += pageSize {
						got[int((p-a.Start())/pageSize)] = true
					}
				}); err != nil {
					t.Fatal(err)
				}
				if !maps.Equal(got, want) {
					t.Errorf("a peek finds %v, want %v", got, want)
				}
			}
			if got := scan(t, w, a); !maps.Equal(got, want) {
				t.Errorf("a scan finds %v then, want %v", got, want)
			}
			if err := w.Peek(a.Start(), a.End(), func(start, end uintptr) { t.Errorf("then a peek finds [%#x, %#x)", start, end) }); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestOpenMoving: page tables of memory that is watched move with what watches them, and who moves them does not wait
// for good.
func TestOpenMoving(t *testing.T) {
	watcher(t) // Skips where there is none.
	m, to := kinds["private"](t, 2*extent), kinds["private"](t, 2*extent)
	w, err := OpenMoving()
	if err != nil {
		t.Fatal(err)
	}
	from, there := RangeOf(m.b), RangeOf(to.b)
	a, err := w.Add(from.Start, from.End)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(m.b); i += int(pageSize) {
		m.b[i] = byte(i >> 12)
	}
	scan(t, w, a)
	moved := make(chan error, 1)
	go func() { moved <- sys.Remap(from.Start, 2*extent, 2*extent, there.Start, sys.RemapKeep) }()
	select {
	case err = <-moved:
	case <-time.After(time.Minute):
		t.Fatal("mremap does not return")
	}
	if err != nil {
		t.Fatal(err)
	}
	to.b[5*int(pageSize)]++
	found := 0
	if err := w.Peek(there.Start, there.End, func(start, end uintptr) { found += int(end - start) }); err != nil || found != int(pageSize) {
		t.Errorf("where it has moved %d bytes are found, %v; want a page, as it is watched there", found, err)
	}
	for i := 0; i < len(m.b); i += int(pageSize) {
		want := byte(i >> 12)
		if i == 5*int(pageSize) {
			want++
		}
		if to.b[i] != want || m.b[i] != 0 {
			t.Fatalf("byte %d is %d, and %d where it was", i, to.b[i], m.b[i])
		}
	}
	w.Close()
}
