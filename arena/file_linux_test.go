//go:build !portable

package arena_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// tempFile makes an empty file on disk.
func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// TestNewArena_FileNotMapped: a caller's file that cannot be mapped to be written says why,
// and what to pass instead.
func TestNewArena_FileNotMapped(t *testing.T) {
	testutil.NoLeaks(t, trim)
	refused := func(f *os.File, cause error, want string) {
		t.Helper()
		defer f.Close()
		a, err := arena.NewArena(arena.Options{Name: "log", File: f})
		if a != nil || err == nil || cause != nil && !errors.Is(err, cause) || !strings.HasPrefix(err.Error(), `arena: make "log": `) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
	for _, seal := range []int{sys.SealWrite, sys.SealFutureWrite} {
		fd, err := sys.Memfd("sealed", 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.Seal(fd, seal); err != nil {
			t.Logf("a kernel without the seal %#x: %v", seal, err)
			_ = sys.Close(fd)
		} else {
			refused(os.NewFile(uintptr(fd), "sealed"), sys.EPERM, "sealed against writing")
		}
	}
	f, err := os.OpenFile("/proc/self/oom_score_adj", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	refused(f, nil, "pass a file on a disk or in a tmpfs")
}

// fileSize returns the length of f.
func fileSize(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// hasString reports whether f has s at off.
func hasString(f *os.File, s string, off int64) bool {
	b := make([]byte, len(s))
	_, err := f.ReadAt(b, off)
	return err == nil && string(b) == s
}

// TestArena_OthersAppend: what others append to the file of an arena stays through
// every growth, until the arena hands out the place, zeroed.
func TestArena_OthersAppend(t *testing.T) {
	for name, o := range map[string]arena.Options{
		"sparse":        {},
		"committed":     {Commit: true},
		"small pages":   {Commit: true, HugePages: arena.HugeNever},
		"own windows":   {Reserve: 1, Rungs: arena.RungAlias},
		"retired":       {Reserve: 1, Retire: true},
		"nothing ahead": {Headroom: -1},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t)
			o.File = f
			a := newArena(t, o)
			defer free(t, a)
			if _, err := a.Alloc(mib); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte("theirs"), 7*mib); err != nil {
				t.Fatal(err)
			}
			size := fileSize(t, f)
			for a.Cap() < 6*mib {
				if err := a.Grow(a.Cap() - a.Len() + 1); err != nil || fileSize(t, f) < size || !hasString(f, "theirs", 7*mib) {
					t.Fatalf("Grow: %v, the file has %d bytes of %d, and theirs: %v", err, fileSize(t, f), size, hasString(f, "theirs", 7*mib))
				}
			}
			b, err := a.Alloc(9 * mib)
			if err != nil || !allZero(b) {
				t.Errorf("Alloc: %v, zeroed: %v", err, err == nil && allZero(b))
			}
		})
	}
	t.Run("commit undone", func(t *testing.T) {
		f := tempFile(t)
		a := newArena(t, arena.Options{File: f, Commit: true, HugePages: arena.HugeNever})
		defer free(t, a)
		if err := a.Grow(mib); err != nil {
			t.Fatal(err)
		}
		for _, off := range []int64{7 * mib, 9 * mib} {
			if _, err := f.WriteAt([]byte("theirs"), off); err != nil {
				t.Fatal(err)
			}
		}
		restore := testutil.FailAll(sys.CallAllocate, syscall.ENOSPC)
		err := a.Grow(8 * mib)
		restore()
		if !errors.Is(err, sys.ENOSPC) || !hasString(f, "theirs", 7*mib) {
			t.Errorf("Grow: %v, and theirs is there: %v", err, hasString(f, "theirs", 7*mib))
		}
	})
	t.Run("sealed", func(t *testing.T) {
		a := newArena(t, arena.Options{})
		defer free(t, a)
		if err := a.Grow(mib); err != nil {
			t.Fatal(err)
		}
		f, err := a.WritableFile()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		most := 80 * mib
		if testing.Short() {
			most = 20 * mib
		}
		if err := f.Truncate(int64(most - 16*mib)); err != nil {
			t.Fatal(err)
		}
		for a.Cap() < most {
			if _, err := a.Alloc(a.Cap() - a.Len() + 1); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestArena_TrimKeepsOthers: what others have appended stays through Trim until the arena
// has handed out the place, and what is handed out afterwards is zeroed.
func TestArena_TrimKeepsOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		off  int64 // of what is appended
		grow int
	}{
		"not noticed":               {33, 0},
		"in the page of Len":        {33, mib},
		"pages behind":              {2 * mib, mib},
		"beyond the capacity":       {7 * mib, mib},
		"in a page of the capacity": {3*mib + 77, 4 * mib},
	} {
		for _, commit := range []bool{false, true} {
			if commit && testing.Short() {
				continue
			}
			t.Run(fmt.Sprintf("%s/commit %v", name, commit), func(t *testing.T) {
				f := tempFile(t)
				if _, err := f.WriteString(strings.Repeat("x", 33)); err != nil {
					t.Fatal(err)
				}
				a := newArena(t, arena.Options{File: f, Commit: commit})
				defer free(t, a)
				if _, err := f.WriteAt([]byte("theirs"), tt.off); err != nil {
					t.Fatal(err)
				}
				if err := a.Grow(tt.grow); err != nil {
					t.Fatal(err)
				}
				for _, n := range []int{33, 0} {
					a.Truncate(n)
					if err := a.Trim(); err != nil || !hasString(f, "theirs", tt.off) {
						t.Fatalf("Trim at %d: %v, and theirs is there: %v", n, err, hasString(f, "theirs", tt.off))
					}
				}
				if b := must(a.Alloc(8 * mib)); !allZero(b) {
					t.Error("what is handed out is not zero")
				}
				fill(a.Bytes(), 1)
				a.Reset() // All of it was handed out, so all of it is ours.
				if err := a.Trim(); err != nil {
					t.Fatal(err)
				}
				if n := a.Stats().Committed; n > mib {
					t.Errorf("%d bytes are left after Trim", n)
				}
				if b := must(a.Alloc(8 * mib)); !allZero(b) {
					t.Error("what is handed out again is not zero")
				}
			})
		}
	}
}

// TestArena_TrimBesideAppending: others append while memory is given back, to the page
// that is being given back; and what has no lock they use where the file is longer.
func TestArena_TrimBesideAppending(t *testing.T) {
	for name, give := range map[string]func(a *arena.Arena) error{
		"Trim":     (*arena.Arena).Trim,
		"Decommit": func(a *arena.Arena) error { return a.Decommit(0, a.Cap()) },
	} {
		for _, denied := range []syscall.Errno{0, syscall.EOPNOTSUPP} {
			t.Run(fmt.Sprintf("%s/%d", name, denied), func(t *testing.T) {
				f := tempFile(t)
				if _, err := f.WriteString(strings.Repeat("x", os.Getpagesize()+33)); err != nil {
					t.Fatal(err)
				}
				a := newArena(t, arena.Options{File: f})
				defer free(t, a)
				a.Reset()
				size := fileSize(t, f)
				defer sys.SetHook(func(c sys.Call) syscall.Errno {
					if c != sys.CallPunch {
						return 0
					}
					if _, err := f.WriteAt([]byte("theirs"), size); err != nil {
						t.Error(err)
					}
					return denied
				})()
				if err := give(a); err != nil || !hasString(f, "theirs", size) {
					t.Errorf("%v, and theirs is there: %v", err, hasString(f, "theirs", size))
				}
				if b := make([]byte, size); must(f.ReadAt(b, 0)) != len(b) || !allZero(b) {
					t.Error("what was given back is not zero")
				}
			})
		}
	}
	t.Run("no lock", func(t *testing.T) {
		f := tempFile(t)
		a := newArena(t, arena.Options{File: f, NoLock: true})
		defer free(t, a)
		fill(must(a.Alloc(mib)), 1)
		a.Reset()
		if _, err := f.WriteAt([]byte("theirs"), mib+33); err != nil {
			t.Fatal(err)
		}
		if err := a.Trim(); err != nil || !hasString(f, "theirs", mib+33) {
			t.Errorf("Trim: %v, and theirs is there: %v", err, hasString(f, "theirs", mib+33))
		}
		if n := a.Stats().Committed; n > 64<<10 {
			t.Errorf("%d bytes are left after Trim", n)
		}
		if b := must(a.Alloc(2 * mib)); !allZero(b) {
			t.Error("what is handed out is not zero")
		}
	})
}

// TestArena_FreeKeepsOthers: Free cuts the file to Len where that takes nothing from
// anybody, and only there.
func TestArena_FreeKeepsOthers(t *testing.T) {
	appendTheirs := func(t *testing.T, f *os.File) {
		if _, err := f.WriteAt([]byte("theirs"), fileSize(t, f)); err != nil {
			t.Fatal(err)
		}
	}
	grow := func(t *testing.T, a *arena.Arena, n int) {
		if err := a.Grow(n); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		use  func(t *testing.T, a *arena.Arena, f *os.File)
		want int64
	}{
		"nobody else": {func(t *testing.T, a *arena.Arena, f *os.File) { grow(t, a, 8*mib) }, mib},
		"made shorter by the owner": {func(t *testing.T, a *arena.Arena, f *os.File) {
			a.Truncate(1000)
		}, 1000},
		"appended": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
		}, 2*mib + 6},
		"appended, and grown within": {func(t *testing.T, a *arena.Arena, f *os.File) {
			if _, err := f.WriteAt([]byte("theirs"), 8*mib); err != nil {
				t.Fatal(err)
			}
			grow(t, a, 4*mib)
		}, 8*mib + 6},
		"appended, and grown beyond": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			grow(t, a, 8*mib)
		}, 2*mib + 6},
		"appended twice": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			grow(t, a, 8*mib)
			if _, err := f.WriteAt([]byte("theirs"), 32*mib); err != nil {
				t.Fatal(err)
			}
		}, 32*mib + 6},
		"appended, and handed out": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			if _, err := a.Alloc(8 * mib); err != nil {
				t.Fatal(err)
			}
		}, 9 * mib},
		"cut by others": {func(t *testing.T, a *arena.Arena, f *os.File) {
			if err := f.Truncate(10); err != nil {
				t.Fatal(err)
			}
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t)
			a := newArena(t, arena.Options{File: f})
			if _, err := a.Alloc(mib); err != nil {
				t.Fatal(err)
			}
			tt.use(t, a, f)
			free(t, a)
			if size := fileSize(t, f); size != tt.want {
				t.Errorf("after Free the file has %d bytes, want %d", size, tt.want)
			}
		})
	}
}

// TestArena_OneWriter: two arenas do not have one file, unless both are told to.
func TestArena_OneWriter(t *testing.T) {
	f := tempFile(t)
	a := newArena(t, arena.Options{Name: "index", File: f})
	_, err := arena.NewArena(arena.Options{Name: "other", File: f})
	if !errors.Is(err, arena.ErrInUse) || !strings.Contains(err.Error(), `"index" in this process`) {
		t.Errorf("a second arena: %v", err)
	}
	other := newArena(t, arena.Options{Name: "other", File: f, NoLock: true})
	for i, a := range []*arena.Arena{a, other} {
		if err := a.Grow((8 << i) * mib); err != nil {
			t.Error(err)
		}
	}
	if size := fileSize(t, f); size != 16*mib {
		t.Errorf("the file has %d bytes", size)
	}
	b := must(a.Alloc(12 * mib)) // Of what the other has made longer.
	fill(b, 0)
	free(t, other)
	if i := check(b, 0); i >= 0 || fileSize(t, f) != 16*mib {
		t.Errorf("after Free of one the file has %d bytes, and byte %d is wrong", fileSize(t, f), i)
	}
	free(t, a)
}

// text fills what a.Alloc hands out with something that differs everywhere.
func text(t *testing.T, a *arena.Arena, n int) []byte {
	t.Helper()
	b, err := a.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		b[i] = byte(i>>16) ^ byte(i>>8) ^ byte(i)
	}
	return b
}

// TestArena_FilesHaveOffsets: two files, or readers, are read side by side.
func TestArena_FilesHaveOffsets(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	want := text(t, a, 3*mib/2)
	open := map[string]func() io.ReadSeeker{
		"File":         func() io.ReadSeeker { return must(a.File()) },
		"WritableFile": func() io.ReadSeeker { return must(a.WritableFile()) },
		"NewReader":    func() io.ReadSeeker { return a.NewReader() },
	}
	for name, open := range open {
		t.Run(name, func(t *testing.T) {
			one, two := open(), open()
			a, b := make([]byte, len(want)), make([]byte, len(want))
			for off := 0; off < len(want); off += mib / 2 {
				for _, r := range []struct {
					from io.Reader
					to   []byte
				}{{one, a}, {two, b}} {
					if _, err := io.ReadFull(r.from, r.to[off:off+mib/2]); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !bytes.Equal(a, want) || !bytes.Equal(b, want) {
				t.Error("one has read what the other has not")
			}
			for _, r := range []any{one, two} {
				if c, ok := r.(io.Closer); ok {
					c.Close()
				}
			}
		})
	}
}

// TestArena_ServeContent: four requests at once get all of the arena and no more, from a
// reader and from a file, the latter by sendfile.
func TestArena_ServeContent(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	want := text(t, a, 5*mib/2+7)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/reader" {
			http.ServeContent(w, r, "", time.Time{}, a.NewReader())
			return
		}
		f, err := a.File()
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", strconv.Itoa(a.Len()))
		if _, err := io.CopyN(w, f, int64(a.Len())); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for _, path := range []string{"/reader", "/file"} {
				resp, err := server.Client().Get(server.URL + path)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s, request %d: %d bytes of %d, %v", path, i, len(got), len(want), err)
				}
			}
		})
	}
	wg.Wait()
}

// TestArena_NewReader: it ends at the length there was, also when the arena has moved, and
// earlier when it was cut.
func TestArena_NewReader(t *testing.T) {
	for name, o := range map[string]arena.Options{"kept": {}, "retired": {Retire: true, Reserve: 1}} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t, o)
			want := bytes.Clone(text(t, a, mib+5))
			r := a.NewReader()
			text(t, a, 8*mib)
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
			}
			a.Truncate(10)
			b := make([]byte, 20)
			if n, err := r.ReadAt(b, 0); n != 10 || err != io.EOF || !bytes.Equal(b[:10], want[:10]) {
				t.Errorf("after Truncate: %d bytes, %v", n, err)
			}
			free(t, a)
		})
	}
}

// TestArena_FileIsPrivate: who is handed a descriptor that reads cannot make one of it that
// writes, nor one that writes seal the file, not even as another user.
func TestArena_FileIsPrivate(t *testing.T) {
	if testutil.IsChild(t) {
		if syscall.Getuid() == 0 {
			if err := syscall.Setuid(65534); err != nil {
				t.Skip(err)
			}
			for _, flag := range []int{os.O_RDONLY, os.O_RDWR, os.O_WRONLY} {
				if f, err := os.OpenFile("/proc/self/fd/3", flag, 0); err == nil {
					f.Close()
					t.Errorf("the file can be opened with flag %#x", flag)
				}
			}
		}
		b := make([]byte, 5)
		if _, err := os.NewFile(3, "read").ReadAt(b, 0); err != nil || string(b) != "hello" {
			t.Errorf("it reads %q, %v", b, err)
		}
		if _, err := syscall.Pwrite(3, []byte("x"), 0); err == nil {
			t.Error("it writes")
		}
		if err := syscall.Ftruncate(3, 1<<30); err == nil {
			t.Error("it can be made longer")
		}
		for fd := 3; fd <= 4; fd++ {
			for seal := 1; seal <= 0x20; seal <<= 1 {
				if err := sys.Seal(fd, seal); !errors.Is(err, sys.EPERM) {
					t.Errorf("descriptor %d: seal %#x: %v", fd, seal, err)
				}
			}
		}
		return
	}
	a := newArena(t, arena.Options{})
	defer free(t, a)
	copy(must(a.Alloc(5)), "hello")
	read, write := must(a.File()), must(a.WritableFile())
	defer read.Close()
	defer write.Close()
	if r := testutil.Child(t, testutil.ChildOptions{Files: []*os.File{read, write}}); !r.Passed() {
		t.Errorf("the child: %v", r)
	}
	if err := a.Grow(64 * mib); err != nil {
		t.Error(err)
	}
}

// TestArena_FileWithoutProc: without /proc there is no descriptor that only reads, and one
// that writes is a duplicate.
func TestArena_FileWithoutProc(t *testing.T) {
	a := newArena(t, arena.Options{Name: "index"})
	defer free(t, a)
	copy(must(a.Alloc(5)), "hello")
	defer testutil.FailAll(sys.CallOpen, syscall.ENOENT)()
	if _, err := a.File(); !errors.Is(err, sys.ENOENT) || !strings.Contains(err.Error(), "mount /proc") || !strings.Contains(err.Error(), `"index"`) {
		t.Errorf("File: %v", err)
	}
	f, err := a.WritableFile()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !hasString(f, "hello", 0) {
		t.Error("it has something else")
	}
}

// TestArena_ZeroedWhereOthersWrite: what is handed out is zeroed, also where somebody
// could and did write to it before.
func TestArena_ZeroedWhereOthersWrite(t *testing.T) {
	page := os.Getpagesize()
	for name, write := range map[string]func(t *testing.T, a *arena.Arena) (again func()){
		"alias": func(t *testing.T, a *arena.Arena) func() {
			l := must(a.Alias(arena.AliasOptions{Len: mib}))
			t.Cleanup(l.Release)
			return func() { fill(l.Bytes()[page:], 1) }
		},
		"last page of an alias": func(t *testing.T, a *arena.Arena) func() {
			l := must(a.Alias(arena.AliasOptions{}))
			t.Cleanup(l.Release)
			if len(l.Bytes()) != page {
				t.Errorf("it shows %d bytes, want %d", len(l.Bytes()), page)
			}
			return func() { fill(l.Bytes()[100:], 1) }
		},
		"file": func(t *testing.T, a *arena.Arena) func() {
			f := must(a.WritableFile())
			t.Cleanup(func() { f.Close() })
			return func() {
				b := make([]byte, mib)
				fill(b, 1)
				if _, err := f.WriteAt(b, 100); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArena(t, arena.Options{})
			defer free(t, a)
			if _, err := a.Alloc(100); err != nil {
				t.Fatal(err)
			}
			before := a.NewLocal() // Its block lies in what others write to.
			must(before.Alloc(1))
			again := write(t, a)
			again()
			check := func() {
				t.Helper()
				if b := must(a.Alloc(mib)); !allZero(b) {
					t.Error("what is handed out is not zero")
				}
			}
			pieces := func(l *arena.Local) {
				t.Helper()
				for range 50 {
					if b := must(l.Alloc(100)); !allZero(b) {
						t.Fatal("what a Local hands out is not zero")
					}
					again()
				}
			}
			pieces(before)
			a.Truncate(100)
			pieces(a.NewLocal())
			a.Truncate(100)
			again()
			check()
			a.Truncate(100)
			if err := a.Trim(); err != nil {
				t.Fatal(err)
			}
			again()
			check()
		})
	}
}

// TestArena_FreeKeepsWhatIsShown: Free does not take away the file under guards and
// aliases: the last of them does.
func TestArena_FreeKeepsWhatIsShown(t *testing.T) {
	for name, set := range map[string]func(o *arena.Options){
		"kept":   func(o *arena.Options) {},
		"domain": func(o *arena.Options) { o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall}) },
		"full": func(o *arena.Options) {
			o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 1})
		},
		"retired": func(o *arena.Options) { o.Retire = true },
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t)
			o := arena.Options{Name: "index", File: f}
			set(&o)
			a := newArena(t, o)
			want := bytes.Clone(text(t, a, 4*mib))
			l := must(a.Alias(arena.AliasOptions{Len: 4 * mib, ReadOnly: true}))
			g := must(a.Pin())
			a.Truncate(10)
			if a.Domain() == nil {
				g.Unpin() // Protects nothing here: see Free.
			}
			if err := a.Free(); err != nil {
				t.Fatal(err)
			}
			shows := func(what string, b []byte) {
				t.Helper()
				if err := arena.CatchFault(nil, func() error {
					if !bytes.Equal(b, want) {
						return errors.New("other bytes")
					}
					return nil
				}); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			shows("alias", l.Bytes())
			if _, err := arena.NewArena(arena.Options{File: f}); !errors.Is(err, arena.ErrInUse) {
				t.Errorf("another arena gets the file: %v", err)
			}
			l.Release()
			if a.Domain() != nil {
				shows("guard", g.Bytes())
				g.Unpin()
				if err := a.Domain().Barrier(context.Background()); err != nil {
					t.Error(err)
				}
			}
			for range 1000 { // Who waits for a domain that takes no more is a goroutine.
				if fileSize(t, f) == 10 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if size := fileSize(t, f); size != 10 {
				t.Errorf("in the end the file has %d bytes", size)
			}
			for range 1000 {
				if a, err := arena.NewArena(arena.Options{File: f}); err == nil {
					free(t, a)
					return
				}
				time.Sleep(time.Millisecond)
			}
			t.Error("the file stays in use")
		})
	}
}

// TestArena_FreeCutsAtOnce: nobody shows the file, so it is cut when Free returns.
func TestArena_FreeCutsAtOnce(t *testing.T) {
	for name, o := range map[string]arena.Options{
		"kept": {}, "domain": {Domain: epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})}, "retired": {Retire: true},
	} {
		t.Run(name, func(t *testing.T) {
			times := 20
			if testing.Short() {
				times = 2
			}
			for range times {
				f := tempFile(t)
				o.File, o.Reserve = f, 1
				a := newArena(t, o)
				g := must(a.Pin())
				text(t, a, 3*mib)
				l := must(a.Alias(arena.AliasOptions{}))
				l.Release()
				g.Unpin()
				free(t, a)
				if size := fileSize(t, f); size != 3*mib {
					t.Fatalf("the file has %d bytes", size)
				}
			}
		})
	}
}

// TestAlias_OfSmallFile: a file shorter than a page can be shown.
func TestAlias_OfSmallFile(t *testing.T) {
	f := tempFile(t)
	if _, err := f.WriteString("hello"); err != nil {
		t.Fatal(err)
	}
	a := newArena(t, arena.Options{File: f})
	l := must(a.Alias(arena.AliasOptions{ReadOnly: true}))
	if b := l.Bytes(); len(b) != os.Getpagesize() || string(b[:5]) != "hello" || !allZero(b[5:]) {
		t.Errorf("%d bytes, %q", len(b), b[:5])
	}
	l.Release()
	free(t, a)
}
