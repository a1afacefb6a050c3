//go:build !portable

package follow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const mib = 1 << 20

// noise returns bytes of which each depends on its offset, the same for all tests.
func noise(n int) []byte {
	rng := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	_, _ = rng.Read(b) // Never fails.
	return b
}

// writer makes a file longer, and says what is in it.
type writer struct {
	append func(p []byte) error
	open   func() (*os.File, error) // for a follower
	size   func() int               // of the file
	page   int
}

// arenaWriter returns one that is an arena.
func arenaWriter(t *testing.T, o arena.Options) writer {
	t.Helper()
	a, err := arena.NewArena(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ok(t, a.Free()) })
	return writer{
		append: func(p []byte) error {
			b, err := a.Alloc(len(p))
			copy(b, p)
			return err
		},
		open: a.File,
		size: a.Cap,
		page: os.Getpagesize(),
	}
}

// fileWriter returns one that appends to a file in a directory, as any program does.
func fileWriter(t testing.TB, dir string) writer {
	t.Helper()
	f, err := os.CreateTemp(dir, "growarena")
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		ok(t, f.Close())
		ok(t, os.Remove(f.Name()))
	})
	n := 0
	return writer{
		append: func(p []byte) error {
			_, err := f.Write(p)
			n += len(p)
			return err
		},
		open: func() (*os.File, error) { return os.Open(f.Name()) },
		size: func() int { return n },
		page: os.Getpagesize(),
	}
}

// writers are the kinds of files that are followed.
var writers = map[string]func(t *testing.T) writer{
	"memfd": func(t *testing.T) writer { return arenaWriter(t, arena.Options{}) },
	"disk":  func(t *testing.T) writer { return fileWriter(t, t.TempDir()) },
	"tmpfs": func(t *testing.T) writer { return fileWriter(t, "/dev/shm") },
	"hugetlb": func(t *testing.T) writer {
		for _, f := range arena.Features() {
			if f.Name == "hugetlb 2 MiB" && f.Err != nil {
				t.Skip(f.Err)
			}
		}
		w := arenaWriter(t, arena.Options{HugePages: arena.HugeTLB2M})
		w.page = 2 * mib
		return w
	},
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begin follows what w writes.
func begin(t testing.TB, w writer, o follow.Options) *follow.Follower {
	t.Helper()
	f, err := w.open()
	ok(t, err)
	defer f.Close()
	l, err := follow.New(f, o)
	ok(t, err)
	return l
}

// TestFollower_Follows: a follower shows all that was written, by each way to a bigger window,
// with and without a descriptor, by each pointer rule; old slices and guards stay what they were.
func TestFollower_Follows(t *testing.T) {
	data := noise(9*mib + 123)
	rungs := []arena.Rungs{0, arena.RungExtend, arena.RungRehome | arena.RungAlias, arena.RungAlias}
	rules := map[string]func(o *follow.Options){
		"keep":   func(*follow.Options) {},
		"retire": func(o *follow.Options) { o.Retire = true },
		"domain": func(o *follow.Options) { o.Domain = epoch.NewDomain(epoch.Options{}) },
	}
	for kind, make := range writers {
		for _, rungs := range rungs {
			for rule, set := range rules {
				for _, bare := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/%v/%s/bare=%t", kind, rungs, rule, bare), func(t *testing.T) {
						if testing.Short() && kind != "memfd" && (rule != "retire" || rungs != 0) {
							t.Skip("as with a memory file")
						}
						if testing.Short() && rungs != 0 && (rule == "domain" || bare && rungs != arena.RungAlias) {
							t.Skip("as by all ways")
						}
						if bare && rungs == arena.RungExtend {
							t.Skip("no window becomes longer in place without a descriptor")
						}
						w := make(t)
						if bare && w.page > os.Getpagesize() {
							t.Skip("not for the hugetlb pool")
						}
						space := addrspace.New(addrspace.Options{CacheWindows: -1})
						o := follow.Options{Name: "follower", Reserve: 2 * mib, Rungs: rungs, Space: space, NoDescriptor: bare}
						set(&o)
						followAll(t, w, o, data)
						if o.Domain != nil {
							ok(t, o.Domain.Shutdown(context.Background()))
						}
						if s := space.Stats(); s.Windows != 0 {
							t.Errorf("%d windows are left", s.Windows)
						}
					})
				}
			}
		}
	}
}

// sameEnds reports whether b is the beginning of data, as far as its ends tell.
func sameEnds(b, data []byte) bool {
	n := min(len(b), 5000)
	return bytes.Equal(b[:n], data[:n]) && bytes.Equal(b[len(b)-n:], data[len(b)-n:len(b)])
}

func followAll(t *testing.T, w writer, o follow.Options, data []byte) {
	l := begin(t, w, o)
	if l.Len() != 0 || len(l.Bytes()) != 0 {
		t.Errorf("%d bytes at first", l.Len())
	}
	if s := l.Stats(); s.Descriptor == o.NoDescriptor {
		t.Errorf("%+v", s)
	}
	var old [][]byte
	var guards []follow.Guard
	n := 0
	for _, step := range []int{1, 5000, 4096 * 3, 1, 2*mib - 17298, 1, 3 * mib, 4095, 4*mib - 5000} {
		ok(t, w.append(data[n:n+step]))
		n += step
		ok(t, l.Extend(n))
		ok(t, l.Extend(n-1)) // It does not become shorter.
		if l.Len() != n || l.Cap() < n {
			t.Fatalf("Len %d, Cap %d, want %d", l.Len(), l.Cap(), n)
		}
		if b := l.Bytes(); !bytes.Equal(b, data[:n]) || cap(b) != n {
			t.Fatalf("after %d bytes others are shown", n)
		}
		g, err := l.Pin()
		ok(t, err)
		guards = append(guards, g)
		ok(t, l.Read(func(b []byte) error { old = append(old, b); return nil }))
		for _, g := range guards {
			if b := g.Bytes(); !sameEnds(b, data) {
				t.Fatalf("after %d bytes a guard of %d shows others", n, len(b))
			}
		}
		if o.Domain == nil && !o.Retire {
			for _, b := range old {
				if !sameEnds(b, data) {
					t.Fatalf("after %d bytes an old slice of %d shows others", n, len(b))
				}
			}
		}
	}
	first := guards[0].Bytes()
	last := &guards[len(guards)-1]
	ok(t, guards[0].Refresh())
	if b := guards[0].Bytes(); &b[0] != &last.Bytes()[0] || len(first) != 1 {
		t.Error("Refresh shows another window than a new guard")
	}
	s := l.Stats()
	if g := s.Growth; g.Extended+g.Rehomed+g.Aliased < 2 ||
		o.Rungs != 0 && (o.Rungs&arena.RungExtend == 0 && g.Extended > 0 || o.Rungs&arena.RungRehome == 0 && g.Rehomed > 0) {
		t.Errorf("%+v", s)
	}
	for i := range guards {
		guards[i].Unpin()
	}
	ok(t, l.Close())
	if o.Retire {
		ok(t, l.Domain().Shutdown(context.Background()))
	}
	if after := l.Stats(); after.Len != 0 || after.Cap != 0 || after.Window != 0 || after.Descriptor || after.Growth != s.Growth {
		t.Errorf("after Close: %+v", after)
	}
	if err := l.Extend(n); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("Extend after Close: %v", err)
	}
	if _, err := l.Pin(); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("Pin after Close: %v", err)
	}
	if _, err := l.ReadAt(make([]byte, 1), 0); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("ReadAt after Close: %v", err)
	}
}

// TestFollower_LeavesTheFileAlone: following makes no system call that could change the
// file, and no byte, page or length of it changes.
func TestFollower_LeavesTheFileAlone(t *testing.T) {
	harmless := map[sys.Call]bool{
		sys.CallMmap: true, sys.CallMunmap: true, sys.CallMremap: true, sys.CallMadvise: true, sys.CallPrctl: true,
		sys.CallFstat: true, sys.CallFstatfs: true, sys.CallOpen: true, sys.CallDup: true, sys.CallClose: true,
	}
	for _, bare := range []bool{false, true} {
		f, err := os.Create(filepath.Join(t.TempDir(), "sparse"))
		ok(t, err)
		defer f.Close()
		ok(t, f.Truncate(40*mib))
		_, err = f.WriteAt([]byte("end"), 40*mib-3)
		ok(t, err)
		before, err := sys.Stat(int(f.Fd()))
		ok(t, err)
		modified, err := f.Stat()
		ok(t, err)
		memory, _ := arena.NewArena(arena.Options{}) // What this kernel can do is tried with calls of its own.
		ok(t, memory.Free())
		begin(t, writer{open: func() (*os.File, error) { return os.Open(f.Name()) }}, follow.Options{NoDescriptor: true}).Close()

		calls := testutil.CountCalls(func() {
			read, err := os.Open(f.Name())
			ok(t, err)
			l, err := follow.New(read, follow.Options{Reserve: 2 * mib, Limit: 64 * mib, NoDescriptor: bare, Rungs: arena.RungRehome | arena.RungAlias})
			ok(t, err)
			ok(t, read.Close())
			for n := 1; n < 40*mib; n *= 3 {
				ok(t, l.Extend(n))
			}
			ok(t, l.Extend(40*mib))
			if b := l.Bytes(); string(b[len(b)-3:]) != "end" {
				t.Error("other bytes at the end")
			}
			if err := l.Extend(40*mib + 1); !errors.Is(err, follow.ErrBeyond) {
				t.Error(err)
			}
			ok(t, l.Close())
		})
		for c, n := range calls {
			if !harmless[c] {
				t.Errorf("%d times %v", n, c)
			}
		}
		after, err := sys.Stat(int(f.Fd()))
		ok(t, err)
		if after != before {
			t.Errorf("was %+v, is %+v", before, after)
		}
		if now, err := f.Stat(); err != nil || now.ModTime() != modified.ModTime() {
			t.Errorf("modified: %v, %v", now, err)
		}
	}
}

// TestExtend_SystemCalls: within the capacity there is no system call, within the window
// there is one, of the file's length, and without a descriptor none. Nothing is allocated.
func TestExtend_SystemCalls(t *testing.T) {
	for _, bare := range []bool{false, true} {
		w := fileWriter(t, t.TempDir())
		ok(t, w.append(noise(8192)))
		l := begin(t, w, follow.Options{NoDescriptor: bare, Reserve: 64 * mib})
		count := func(n int) int {
			calls := testutil.CountCalls(func() { ok(t, l.Extend(n)) })
			sum := 0
			for c, n := range calls {
				sum += n
				if c != sys.CallFstat {
					t.Errorf("%d times %v", n, c)
				}
			}
			return sum
		}
		if l.Cap() != 8192 {
			t.Errorf("Cap is %d", l.Cap())
		}
		for _, n := range []int{0, 1, 4096, 5000, 8192} {
			if calls := count(n); calls != 0 {
				t.Errorf("%d bytes of 8192 took %d calls", n, calls)
			}
		}
		ok(t, w.append(noise(2*mib)))
		want := 1
		if bare {
			want = 0
		}
		if calls := count(mib); calls != want {
			t.Errorf("beyond the capacity %d calls, want %d", calls, want)
		}
		if calls := count(mib + 5); calls != 0 && !bare {
			t.Errorf("what the file was seen to have took %d calls", calls)
		}
		if n := testing.AllocsPerRun(100, func() {
			ok(t, l.Extend(mib))
			g, err := l.Pin()
			ok(t, err)
			sink = g.Bytes()
			ok(t, g.Refresh())
			g.Unpin()
			sink = l.Bytes()
		}); n != 0 {
			t.Errorf("%v allocations", n)
		}
		ok(t, l.Close())
	}
}

var sink []byte

// TestExtend_Beyond: what the file does not have is an error, and changes nothing: with a
// descriptor to the byte, without one to the page. When the file has it, it is shown.
func TestExtend_Beyond(t *testing.T) {
	data := noise(20 * mib)
	for _, bare := range []bool{false, true} {
		w := fileWriter(t, t.TempDir())
		space := addrspace.New(addrspace.Options{CacheWindows: -1})
		l := begin(t, w, follow.Options{Name: "log", NoDescriptor: bare, Reserve: 2 * mib, Space: space})
		beyond := func(n int) {
			t.Helper()
			before := l.Stats()
			err := l.Extend(n)
			if !errors.Is(err, follow.ErrBeyond) || !strings.HasPrefix(err.Error(), fmt.Sprintf(`follow: extend "log" to %d bytes: `, n)) {
				t.Errorf("Extend(%d) of a file of %d bytes: %v", n, w.size(), err)
			}
			if after := l.Stats(); after != before || space.Stats().Windows != before.Windows {
				t.Errorf("after the error %+v, was %+v", after, before)
			}
		}
		page := os.Getpagesize()
		beyond(1)
		ok(t, w.append(data[:100]))
		ok(t, l.Extend(100))
		if !bare {
			beyond(101)
		}
		beyond(page + 1)
		beyond(3 * mib) // in a bigger window
		ok(t, w.append(data[100:16*mib]))
		ok(t, l.Extend(3*mib))
		beyond(16*mib + page)
		ok(t, l.Extend(16*mib))
		if !bytes.Equal(l.Bytes(), data[:16*mib]) {
			t.Error("others bytes are shown")
		}
		ok(t, l.Close())
	}
}

// TestExtend_Limit: beyond Options.Limit there is an error, and the file may be longer.
func TestExtend_Limit(t *testing.T) {
	w := fileWriter(t, t.TempDir())
	ok(t, w.append(noise(3*mib)))
	for _, bare := range []bool{false, true} {
		l := begin(t, w, follow.Options{Limit: mib + 7, NoDescriptor: bare})
		ok(t, l.Extend(5))
		ok(t, l.Read(func(b []byte) error {
			if len(b) != 5 {
				t.Errorf("%d bytes are shown, 5 are there to be read", len(b))
			}
			return nil
		}))
		ok(t, l.Extend(mib+7))
		if err := l.Extend(mib + 8); !errors.Is(err, follow.ErrFull) || !strings.Contains(err.Error(), fmt.Sprint(mib+7)) {
			t.Error(err)
		}
		if s := l.Stats(); s.Limit != mib+7 || s.Len != mib+7 || s.Cap != mib+7 {
			t.Errorf("%+v", s)
		}
		ok(t, l.Close())
	}
}

// TestFollower_Reserve: bytes that were reserved for stay where they are while the file grows
// into the window, and nothing is readable before the file has it.
func TestFollower_Reserve(t *testing.T) {
	data := noise(12 * mib)
	for _, bare := range []bool{false, true} {
		w := fileWriter(t, t.TempDir())
		ok(t, w.append(data[:100]))
		l := begin(t, w, follow.Options{Name: "log", NoDescriptor: bare, Reserve: 2 * mib, Limit: 16 * mib})
		ok(t, l.Extend(100))
		old := l.Bytes()
		ok(t, l.Reserve(12*mib))
		if s := l.Stats(); s.Window < 12*mib || s.Len != 100 || s.Cap > os.Getpagesize() {
			t.Errorf("%+v", s)
		}
		if err := l.Extend(mib); !errors.Is(err, follow.ErrBeyond) {
			t.Errorf("what the file does not have: %v", err)
		}
		first := &l.Bytes()[0]
		for n := 100; n < 12*mib; {
			step := min(3*mib, 12*mib-n)
			ok(t, w.append(data[n:n+step]))
			n += step
			ok(t, l.Extend(n))
			if &l.Bytes()[0] != first {
				t.Fatalf("with %d bytes it has moved", n)
			}
		}
		if !bytes.Equal(l.Bytes(), data) || !bytes.Equal(old, data[:100]) {
			t.Error("other bytes are shown")
		}
		ok(t, l.Reserve(5))
		if err := l.Reserve(16*mib + 1); !errors.Is(err, follow.ErrFull) {
			t.Errorf("beyond the limit: %v", err)
		}
		ok(t, l.Close())
		if err := l.Reserve(1); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// TestFollower_Cut: a file that was cut is an error when the follower looks at it, and a
// fault that can be caught where it is read.
func TestFollower_Cut(t *testing.T) {
	data := noise(4 * mib)
	for _, bare := range []bool{false, true} {
		f, err := os.Create(filepath.Join(t.TempDir(), "cut"))
		ok(t, err)
		defer f.Close()
		_, err = f.Write(data)
		ok(t, err)
		l, err := follow.New(f, follow.Options{Name: "log", NoDescriptor: bare})
		ok(t, err)
		ok(t, l.Extend(len(data)))
		ok(t, f.Truncate(mib))
		if !bytes.Equal(l.Bytes()[:mib], data[:mib]) {
			t.Error("what is left shows other bytes")
		}
		var fault *arena.FaultError
		if err := arena.CatchFault(nil, func() error { sum += int(l.Bytes()[2*mib]); return nil }); !errors.As(err, &fault) || fault.Window != "log" || fault.Offset != 2*mib {
			t.Errorf("touching what is gone: %v", err)
		}
		err = l.Extend(len(data) + 1)
		if want := map[bool]error{false: follow.ErrShrunk, true: follow.ErrBeyond}[bare]; !errors.Is(err, want) {
			t.Errorf("Extend: %v, want %v", err, want)
		}
		// It comes back.
		_, err = f.WriteAt(data[mib:], mib)
		ok(t, err)
		if !bytes.Equal(l.Bytes(), data) {
			t.Error("what came back is not shown")
		}
		ok(t, l.Close())
	}
}

var sum int

// TestNew_Refuses: what cannot be mapped is refused with an error that says so, and
// nothing is left.
func TestNew_Refuses(t *testing.T) {
	open := func(path string, flags int) func() (*os.File, error) {
		return func() (*os.File, error) { return os.OpenFile(path, flags, 0o600) }
	}
	closed, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	ok(t, err)
	ok(t, closed.Close())
	for name, c := range map[string]struct {
		open func() (*os.File, error)
		want error
		says string
	}{
		"pipe": {func() (*os.File, error) {
			r, w, err := os.Pipe()
			if err == nil {
				err = w.Close()
			}
			return r, err
		}, errors.ErrUnsupported, "not a regular file"},
		"directory": {open(t.TempDir(), os.O_RDONLY), errors.ErrUnsupported, "not a regular file"},
		"device":    {open("/dev/zero", os.O_RDONLY), errors.ErrUnsupported, "not a regular file"},
		"proc":      {open("/proc/self/status", os.O_RDONLY), errors.ErrUnsupported, "made up"},
		"sys":       {open("/sys/kernel/mm/transparent_hugepage/enabled", os.O_RDONLY), errors.ErrUnsupported, "made up"},
		"closed":    {func() (*os.File, error) { return closed, nil }, os.ErrClosed, "closed"},
		"none":      {func() (*os.File, error) { return nil, nil }, os.ErrClosed, "no file"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := c.open()
			if err != nil {
				t.Skip(err)
			}
			defer f.Close()
			for _, bare := range []bool{false, true} {
				l, err := follow.New(f, follow.Options{NoDescriptor: bare})
				if l != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), `follow: make "follower" of `) {
					t.Errorf("%v, %v", l, err)
				}
			}
		})
	}
	t.Run("hugetlb without a descriptor", func(t *testing.T) {
		f, err := writers["hugetlb"](t).open()
		ok(t, err)
		defer f.Close()
		if _, err := follow.New(f, follow.Options{NoDescriptor: true}); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
	})
}

// TestNew_WriteOnly: where the file cannot be opened anew, a descriptor that cannot read is
// refused, and one that can does.
func TestNew_WriteOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	ok(t, os.WriteFile(path, []byte("content"), 0o600))
	defer testutil.FailAll(sys.CallOpen, sys.EACCES)()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	ok(t, err)
	defer f.Close()
	if _, err := follow.New(f, follow.Options{}); !errors.Is(err, sys.EACCES) || !strings.Contains(err.Error(), "os.O_RDONLY") {
		t.Error(err)
	}
	readable, err := os.Open(path)
	ok(t, err)
	l, err := follow.New(readable, follow.Options{})
	ok(t, err)
	ok(t, readable.Close())
	ok(t, l.Extend(7))
	if string(l.Bytes()) != "content" {
		t.Errorf("%q", l.Bytes())
	}
	ok(t, l.Close())
}

// TestFollower_Readers: io's readers end at Len, and go on when there is more.
func TestFollower_Readers(t *testing.T) {
	data := noise(3 * mib)
	w := fileWriter(t, t.TempDir())
	l := begin(t, w, follow.Options{Reserve: 2 * mib, Retire: true})
	ok(t, w.append(data))
	ok(t, l.Extend(mib))
	r := l.NewReader()
	ok(t, l.Extend(3*mib))
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data[:mib]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	p := make([]byte, 10)
	for _, c := range []struct {
		off  int64
		n    int
		want error
	}{{0, 10, nil}, {3*mib - 10, 10, nil}, {3*mib - 4, 4, io.EOF}, {3 * mib, 0, io.EOF}, {1 << 62, 0, io.EOF}} {
		if n, err := l.ReadAt(p, c.off); n != c.n || err != c.want || n > 0 && !bytes.Equal(p[:n], data[c.off:int(c.off)+n]) {
			t.Errorf("ReadAt %d: %d, %v", c.off, n, err)
		}
	}
	if _, err := l.ReadAt(p, -1); err == nil || err == io.EOF {
		t.Errorf("ReadAt -1: %v", err)
	}
	ok(t, l.Close())
}

// TestFollower_Misuse panics with the values.
func TestFollower_Misuse(t *testing.T) {
	w := fileWriter(t, t.TempDir())
	l := begin(t, w, follow.Options{Name: "misused"})
	closed := begin(t, w, follow.Options{Name: "misused"})
	ok(t, closed.Close())
	for name, c := range map[string]struct {
		do   func()
		says string
	}{
		"negative":         {func() { _ = l.Extend(-1) }, `Extend of "misused" to -1 bytes`},
		"negative room":    {func() { _ = l.Reserve(-1) }, `Reserve of "misused" for -1 bytes`},
		"Bytes when ended": {func() { closed.Bytes() }, `use of "misused" after Close`},
		"Cap when ended":   {func() { closed.Cap() }, `use of "misused" after Close`},
		"closed twice":     {func() { _ = closed.Close() }, `use of "misused" after Close`},
		"two rules": {func() {
			_, _ = follow.New(nil, follow.Options{Retire: true, Domain: epoch.NewDomain(epoch.Options{})})
		}, "both Domain and Retire"},
		"negative limit": {func() { _, _ = follow.New(nil, follow.Options{Limit: -1}) }, "Limit -1"},
		"no such rung":   {func() { _, _ = follow.New(nil, follow.Options{Rungs: 1 << 7}) }, "Rungs is 0x80"},
	} {
		func() {
			defer func() {
				if r := fmt.Sprint(recover()); !strings.Contains(r, c.says) || !strings.HasPrefix(r, "follow: ") {
					t.Errorf("%s: panic %s", name, r)
				}
			}()
			c.do()
		}()
	}
	ok(t, l.Close())
}

// TestFollower_StoreFaults: nothing can be written through a follower, whatever the
// descriptor allows.
func TestFollower_StoreFaults(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	ok(t, err)
	defer f.Close()
	_, err = f.Write([]byte("content"))
	ok(t, err)
	l, err := follow.New(f, follow.Options{})
	ok(t, err)
	ok(t, l.Extend(7))
	if err := arena.CatchFault(nil, func() error { l.Bytes()[0] = 'C'; return nil }); err == nil {
		t.Error("a store does not fault")
	}
	if string(l.Bytes()) != "content" {
		t.Errorf("%q", l.Bytes())
	}
	ok(t, l.Close())
}

// TestExtend_StaysInWindow: what fits the window is mapped there, however long the file has become: the bytes stay where
// they are.
func TestExtend_StaysInWindow(t *testing.T) {
	w := fileWriter(t, t.TempDir())
	ok(t, w.append(noise(mib)))
	l := begin(t, w, follow.Options{Reserve: 4 * mib})
	ok(t, l.Extend(mib))
	first := &l.Bytes()[0]
	ok(t, w.append(noise(16*mib)))
	for _, n := range []int{mib + 1, 3 * mib, 4 * mib} {
		ok(t, l.Extend(n))
		if &l.Bytes()[0] != first || l.Stats().Window != 4*mib {
			t.Fatalf("with %d bytes it has moved to a window of %d", n, l.Stats().Window)
		}
	}
	ok(t, l.Extend(4*mib+1))
	if s := l.Stats(); s.Cap != 17*mib {
		t.Errorf("beyond the window: %+v", s)
	}
	ok(t, l.Close())
}

// TestExtend_NotAllOfIt: where there is no room for all that the file has, what was asked for is enough.
func TestExtend_NotAllOfIt(t *testing.T) {
	w := fileWriter(t, t.TempDir())
	ok(t, w.append(noise(mib)))
	s := addrspace.New(addrspace.Options{CacheWindows: -1})
	l := begin(t, w, follow.Options{Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungAlias, Space: s})
	ok(t, w.append(noise(16*mib)))
	restore := testutil.FailNth(sys.CallMmap, 2, sys.ENOMEM) // The first reserves, the second maps.
	err := l.Extend(3 * mib)
	restore()
	if s := l.Stats(); err != nil || s.Len != 3*mib || s.Cap != 3*mib {
		t.Errorf("%v: %+v", err, s)
	}
	ok(t, l.Extend(17*mib))
	ok(t, l.Close())
}
