//go:build !portable && !exploreshm

package shm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// namesIn returns the files of a directory.
func namesIn(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// places are where names can be.
func places(t *testing.T, f func(t *testing.T, dir string)) {
	t.Run("tmpfs", func(t *testing.T) { f(t, tmpfsDir(t)) })
	t.Run("disk", func(t *testing.T) { f(t, diskDir(t)) })
}

// TestName: a name is there while the writer lives and afterwards, until it is taken away.
func TestName(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		if _, err := Open(dir, "x", FollowOptions{}); !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("Open of nothing: %v", err)
		}
		w := create(t, Options{Dir: dir, Name: "x"})
		if got, want := namesIn(t, dir), []string{"x.bell", "x.control", "x.data"}; !slices.Equal(got, want) {
			t.Fatalf("files: %v, want %v", got, want)
		}
		write(t, w, 123)
		f, err := Open(dir, "x", FollowOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if f.Len() != 123 {
			t.Errorf("%d bytes", f.Len())
		}
		if _, err := Create(Options{Dir: dir, Name: "x"}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second Create: %v", err)
		}
		if _, err := TakeOver(Options{Dir: dir, Name: "x"}); !errors.Is(err, ErrInUse) {
			t.Errorf("TakeOver from a writer: %v", err)
		}
		if err := Remove(dir, "x"); !errors.Is(err, ErrInUse) {
			t.Errorf("Remove of a writer's: %v", err)
		}
		list := func() Info {
			t.Helper()
			all, err := List(dir)
			if err != nil || len(all) != 1 {
				t.Fatalf("List: %+v, %v", all, err)
			}
			return all[0]
		}
		if i := list(); i.Name != "x" || !i.Alive || i.State != StateLive || i.Published != 123 || i.Generation != 1 || i.PID != os.Getpid() || i.Leftover || i.Err != nil {
			t.Errorf("List: %+v", i)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if i := list(); i.Alive || i.State != StateClosed || i.Err != nil {
			t.Errorf("List: %+v", i)
		}
		if _, err := Create(Options{Dir: dir, Name: "x"}); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a second Create: %v", err)
		}
		if err := Remove(dir, "x"); err != nil {
			t.Error(err)
		}
		if got := namesIn(t, dir); len(got) > 0 {
			t.Errorf("left: %v", got)
		}
		if err := Remove(dir, "x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Remove of nothing: %v", err)
		}
		w = create(t, Options{Dir: dir, Name: "x"})
		if err := w.Remove(); err != nil {
			t.Error(err)
		}
		if got := namesIn(t, dir); len(got) > 0 {
			t.Errorf("left: %v", got)
		}
		other := create(t, Options{Dir: dir, Name: "x"})
		write(t, w, 10)
		if err := errors.Join(w.Close(), w.Remove()); err != nil {
			t.Error(err)
		}
		if other.Published() != 0 || len(namesIn(t, dir)) != 3 {
			t.Errorf("a removed writer meddles with its successor: %v", namesIn(t, dir))
		}
	})
}

// TestName_Again: a file that was opened by its name and has lost it since is not taken for
// the one that has it now.
func TestName_Again(t *testing.T) {
	dir := tmpfsDir(t)
	path := filepath.Join(dir, "x")
	old, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if err := lockNamed(fdOf(old), path); err != nil {
		t.Errorf("as long as it has the name: %v", err)
	}
	if err := errors.Join(os.Rename(path, path+"y"), os.WriteFile(path, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, lock := range []func(int, string) error{lockNamed, lockControl} {
		if err := lock(fdOf(old), path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	}
}

func TestName_Bad(t *testing.T) {
	dir := tmpfsDir(t)
	for _, name := range []string{"", ".", "..", ".x", "a/b", "a\x00b", strings.Repeat("x", nameMax+1)} {
		_, err := Create(Options{Dir: dir, Name: name})
		_, err2 := Open(dir, name, FollowOptions{})
		for _, err := range []error{err, err2, Remove(dir, name)} {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
	if _, err := Create(Options{Dir: filepath.Join(dir, "none"), Name: "x"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
	longest := strings.Repeat("x", nameMax)
	w := create(t, Options{Dir: dir, Name: longest})
	if err := w.Remove(); err != nil {
		t.Error(err)
	}
}

// TestName_Leftover: what a killed Create leaves is known for what it is, and in nobody's way.
func TestName_Leftover(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		leave := func() {
			w, err := Create(Options{Dir: dir, Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(filepath.Join(dir, "x.control")); err != nil {
				t.Fatal(err)
			}
			// As long as it is being made nobody takes it away.
			if all, err := List(dir); err != nil || len(all) > 0 {
				t.Errorf("List of what is being made: %+v, %v", all, err)
			}
			if err := Remove(dir, "x"); !errors.Is(err, ErrInUse) {
				t.Errorf("Remove of what is being made: %v", err)
			}
			if _, err := Create(Options{Dir: dir, Name: "x"}); !errors.Is(err, ErrInUse) {
				t.Errorf("Create of what is being made: %v", err)
			}
			abandon(t, w)
		}
		leave()
		if all, err := List(dir); err != nil || len(all) != 1 || !all[0].Leftover {
			t.Errorf("List: %+v, %v", all, err)
		}
		if err := Remove(dir, "x"); err != nil || len(namesIn(t, dir)) > 0 {
			t.Errorf("Remove: %v, left %v", err, namesIn(t, dir))
		}
		leave()
		w := create(t, Options{Dir: dir, Name: "x"})
		write(t, w, 10)
		if err := w.Remove(); err != nil {
			t.Error(err)
		}
	})
}

// TestTakeOver: the next writer goes on behind what was published, and what was written
// beyond is gone.
func TestTakeOver(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		for _, length := range []int{0, 5, 4096, 3<<20 + 17} {
			if testing.Short() && length != 5 && length != 3<<20+17 {
				continue
			}
			w := create(t, Options{Dir: dir, Name: "x"})
			write(t, w, length)
			f, err := Open(dir, "x", FollowOptions{})
			if err != nil {
				t.Fatal(err)
			}
			for generation := uint64(2); generation < 5; generation++ {
				b, err := w.Arena().Alloc(5 << 20)
				if err != nil {
					t.Fatal(err)
				}
				for i := range b {
					b[i] = 0xff // Never published.
				}
				if generation%2 == 0 {
					abandon(t, w)
					// A writer that is killed leaves its file as long as it was.
					rest, err := os.OpenFile(filepath.Join(dir, "x.data"), os.O_RDWR, 0)
					if err != nil {
						t.Fatal(err)
					}
					_, err = rest.WriteAt(bytes.Repeat([]byte{0xff}, 3<<20), int64(length))
					if err := errors.Join(err, rest.Close()); err != nil {
						t.Fatal(err)
					}
				} else if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if w, err = TakeOver(Options{Dir: dir, Name: "x"}); err != nil {
					t.Fatal(err)
				}
				if w.Published() != length || w.Arena().Len() != length {
					t.Fatalf("taken over with %d published of %d, want %d", w.Published(), w.Arena().Len(), length)
				}
				if b, err = w.Arena().Alloc(1 << 20); err != nil {
					t.Fatal(err)
				}
				for i, c := range b {
					if c != 0 {
						t.Fatalf("byte %d behind the length is %#x", i, c)
					}
				}
				length += len(b)
				copy(b, pattern(length-len(b), length))
				w.Publish(length)
				if n, err := f.Poll(); n != length || err != nil {
					t.Fatalf("Poll: %d, %v; want %d", n, err, length)
				}
				if state, g := f.State(); state != StateLive || g != generation {
					t.Errorf("%v, generation %d, want %d", state, g, generation)
				}
			}
			if err := f.Read(func(b []byte) error {
				if at := wrongAt(b, 0); at >= 0 {
					t.Errorf("wrong at %d", at)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if err := errors.Join(f.Close(), w.Remove(), w.Close()); err != nil {
				t.Error(err)
			}
		}
		if _, err := TakeOver(Options{Dir: dir, Name: "none"}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("TakeOver of nothing: %v", err)
		}
	})
}

// TestTakeOver_Lost: data that is not what was published is corrupt, and stays as it is.
func TestTakeOver_Lost(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 3<<20)
	abandon(t, w)
	data := filepath.Join(dir, "x.data")
	if err := os.Truncate(data, 2<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeOver(Options{Dir: dir, Name: "x"}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("shorter: %v", err)
	}
	if err := os.Remove(data); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(data, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := TakeOver(Options{Dir: dir, Name: "x"}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another file: %v", err)
	}
	if _, err := Open(dir, "x", FollowOptions{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another file: %v", err)
	}
	if all, err := List(dir); err != nil || len(all) != 1 || all[0].Alive {
		t.Errorf("List: %+v, %v", all, err)
	}
	if err := Remove(dir, "x"); err != nil {
		t.Error(err)
	}
}

// TestSync: after the system was started anew only what was synced counts, for followers and
// for who takes over.
func TestSync(t *testing.T) {
	dir := diskDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 1000)
	calls := testutil.Tap(func() {
		if err := w.Sync(); err != nil {
			t.Error(err)
		}
		// The data first. The length is stored when that is done.
	}, func(_ int, c sys.Call) (e syscall.Errno) {
		if c == sys.CallFsync && w.l.synced.Load() != 0 && w.l.synced.Load() != 1000 {
			t.Errorf("synced is %d", w.l.synced.Load())
		}
		return 0
	})
	if !slices.Equal(calls, []sys.Call{sys.CallFsync, sys.CallFsync}) {
		t.Errorf("Sync calls %v", calls)
	}
	write(t, w, 500)
	// A failure leaves what was synced before.
	restore := testutil.FailNth(sys.CallFsync, 1, sys.EFBIG)
	if err := w.Sync(); !errors.Is(err, sys.EFBIG) || w.l.synced.Load() != 1000 {
		t.Errorf("a failing Sync: %v, %d synced", err, w.l.synced.Load())
	}
	restore()
	w.l.boot[0].Add(1) // As a writer from before.
	abandon(t, w)
	f, err := Open(dir, "x", FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Len() != 1000 {
		t.Errorf("a follower sees %d bytes, want 1000", f.Len())
	}
	if w, err = TakeOver(Options{Dir: dir, Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if w.Published() != 1000 {
		t.Errorf("%d published, want 1000", w.Published())
	}
	write(t, w, 100)
	if n, err := f.Poll(); n != 1100 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestFullDisk: a tmpfs, or a disk, that is full is an error of Write, and what was published stays.
func TestFull(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 1000)
	f := follower(t, w, FollowOptions{})
	restore := testutil.FailAll(sys.CallExtend, sys.ENOSPC)
	_, err := w.Write(make([]byte, 64<<20))
	restore()
	if !errors.Is(err, sys.ENOSPC) {
		t.Errorf("got %v", err)
	}
	write(t, w, 1000)
	if n, err := f.Poll(); n != 2000 || err != nil {
		t.Errorf("Poll: %d, %v", n, err)
	}
}
