//go:build !portable && !exploreshm

package shm

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestRemove_AfterClose: a writer that is closed can still take its name away, and no other's.
func TestRemove_AfterClose(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		make := func() *Writer {
			w, err := Create(Options{Dir: dir, Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return w
		}
		w := make()
		for range 2 {
			if err := w.Remove(); err != nil || len(namesIn(t, dir)) > 0 {
				t.Fatalf("%v, left %v", err, namesIn(t, dir))
			}
		}
		w = make()
		other, err := TakeOver(Options{Dir: dir, Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Remove(); !errors.Is(err, ErrInUse) {
			t.Errorf("taken over: %v", err)
		}
		if err := errors.Join(other.Remove(), other.Close(), w.Remove()); err != nil {
			t.Error(err)
		}
		w = make()
		if err := Remove(dir, "x"); err != nil {
			t.Fatal(err)
		}
		other = make()
		if err := w.Remove(); !errors.Is(err, fs.ErrNotExist) || len(namesIn(t, dir)) != 3 {
			t.Errorf("another buffer of the name: %v, left %v", err, namesIn(t, dir))
		}
		if err := other.Remove(); err != nil {
			t.Error(err)
		}
	})
}

// TestTakeOver_Fails: a buffer that was closed is closed when it cannot be taken over.
func TestTakeOver_Fails(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		w := create(t, Options{Dir: dir, Name: "x"})
		write(t, w, 5<<20)
		f := follower(t, w, FollowOptions{})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		closed := func() {
			t.Helper()
			if err := f.Wait(soon(t), 5<<20+1); err != io.EOF {
				t.Errorf("Wait: %v", err)
			}
		}
		if _, err := TakeOver(Options{Dir: dir, Name: "x", Arena: arena.Options{Limit: 2 << 20}}); !errors.Is(err, arena.ErrFull) {
			t.Errorf("a limit: %v", err)
		}
		closed()
		for _, c := range []sys.Call{sys.CallOpen, sys.CallFstat, sys.CallLock, sys.CallMmap, sys.CallExtend, sys.CallFtruncate, sys.CallFsync} {
			restore := testutil.FailAll(c, sys.EFBIG)
			w, err := TakeOver(Options{Dir: dir, Name: "x"})
			restore()
			if err == nil {
				if err := w.Close(); err != nil {
					t.Error(err)
				}
			}
			closed()
		}
	})
}

// TestFollow_Shorter: a file that Close or TakeOver has cut off behind what is published is
// followed on beyond the window, by who has seen it longer.
func TestFollow_Shorter(t *testing.T) {
	window := 16 << 20
	if testing.Short() {
		window = 4 << 20
	}
	for name, end := range map[string]func(t *testing.T, w *Writer){
		"take over": func(t *testing.T, w *Writer) {
			o := Options{Dir: w.opts.Dir, Name: w.name}
			abandon(t, w)
			next, err := TakeOver(o)
			if err != nil {
				t.Fatal(err)
			}
			write(t, next, 2*window)
			if err := next.Close(); err != nil {
				t.Error(err)
			}
		},
		"close": func(t *testing.T, w *Writer) {
			w.Publish(2 * window)
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			places(t, func(t *testing.T, dir string) {
				w := create(t, Options{Dir: dir, Name: "x"})
				write(t, w, 1000)
				f := follower(t, w, FollowOptions{Reserve: window})
				if _, err := w.Arena().Alloc(16 * window); err != nil { // Not touched.
					t.Fatal(err)
				}
				w.Publish(window / 2)
				if n, err := f.Poll(); n != window/2 || err != nil {
					t.Fatalf("Poll: %d, %v", n, err)
				}
				end(t, w)
				if n, err := f.Poll(); n < 2*window || err != nil {
					t.Errorf("Poll: %d, %v, want %d or more", n, err, 2*window)
				}
				if err := f.Wait(soon(t), 3*window); err != io.EOF {
					t.Errorf("Wait: %v", err)
				}
			})
		})
	}
}

// TestMax: what is below Max is shown however much is published, and what is beyond is ErrFull.
func TestMax(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		const most = 1 << 20
		w := create(t, o)
		before := follower(t, w, FollowOptions{Max: most})
		write(t, w, most)
		exact := follower(t, w, FollowOptions{Max: most})
		done := make(chan error)
		go func() { done <- exact.Wait(soon(t), most+1) }()
		asleep(exact, 1)
		write(t, w, 2*most)
		if err := <-done; !errors.Is(err, follow.ErrFull) {
			t.Errorf("waiting: %v", err)
		}
		for _, f := range []*Follower{before, exact, follower(t, w, FollowOptions{Max: most})} {
			for range 2 {
				if n, err := f.Poll(); n != most || err != nil {
					t.Errorf("Poll: %d, %v", n, err)
				}
			}
			if f.Len() != most {
				t.Errorf("Len: %d", f.Len())
			}
			if err := f.Wait(soon(t), most); err != nil {
				t.Error(err)
			}
			b, err := io.ReadAll(f.NewReader(soon(t), 0))
			if len(b) != most || wrongAt(b, 0) >= 0 || !errors.Is(err, follow.ErrFull) {
				t.Errorf("%d bytes, wrong at %d: %v", len(b), wrongAt(b, 0), err)
			}
		}
		all := follower(t, w, FollowOptions{Max: 3 * most})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := before.Wait(soon(t), most+1); !errors.Is(err, follow.ErrFull) {
			t.Errorf("closed: %v", err)
		}
		if err := all.Wait(soon(t), 3*most+1); err != io.EOF {
			t.Errorf("closed, all shown: %v", err)
		}
	})
}

// TestHostile_CutInWrite: data that is cut while it is handed to the kernel is corrupt, too.
func TestHostile_CutInWrite(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	write(t, w, 4<<20)
	f := follower(t, w, FollowOptions{})
	if err := os.Truncate(filepath.Join(dir, "x"+dataSuffix), 0); err != nil {
		t.Fatal(err)
	}
	to, err := os.Create(filepath.Join(t.TempDir(), "to"))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if n, err := f.NewReader(context.Background(), 0).WriteTo(to); n != 0 || !errors.Is(err, ErrCorrupt) {
		t.Errorf("WriteTo: %d, %v", n, err)
	}
}
