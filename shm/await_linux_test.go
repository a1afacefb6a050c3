//go:build !portable && !exploreshm

package shm

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// noticed is a context that says when somebody waits for its end.
type noticed struct {
	context.Context
	once sync.Once
	c    chan struct{}
}

func (n *noticed) Done() <-chan struct{} {
	n.once.Do(func() { close(n.c) })
	return n.Context.Done()
}

// notice returns a context for Await, and a channel that is closed when it has said that it waits.
func notice(ctx context.Context) (context.Context, <-chan struct{}) {
	n := &noticed{Context: ctx, c: make(chan struct{})}
	return n, n.c
}

// TestAwait: who waits for a name gets a buffer that is removed as soon as nobody waits for it.
func TestAwait(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		const waiting = 3
		got := make(chan string, waiting)
		all, cancel := context.WithCancel(soon(t))
		defer cancel()
		for range waiting {
			ctx, waits := notice(all)
			go func() {
				f, err := Await(ctx, dir, "x", FollowOptions{})
				if err != nil {
					got <- err.Error()
					return
				}
				defer f.Close()
				b, err := io.ReadAll(f.NewReader(all, 0))
				if err != nil {
					b = append(b, err.Error()...)
				}
				got <- string(b)
			}()
			<-waits
		}
		mark := filepath.Join(dir, "x"+awaitSuffix)
		fd, err := sys.OpenName(mark, true)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := clearAwaited(fd, mark); !is || err != nil {
			t.Errorf("nobody is said to wait: %v", err)
			cancel()
		}
		_ = sys.Close(fd)
		w := create(t, Options{Dir: dir, Name: "x"})
		for is := true; is; {
			if is, err = w.Awaited(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := w.Write([]byte("short")); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Remove(), w.Close()); err != nil {
			t.Fatal(err)
		}
		for range waiting {
			if s := <-got; s != "short" {
				t.Errorf("got %q", s)
			}
		}
		if left := namesIn(t, dir); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// TestAwait_Ends: it ends with its context, does without what it may not make, takes a name that
// is there at once, and what a killed one leaves is in nobody's way.
func TestAwait_Ends(t *testing.T) {
	dir := tmpfsDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	awaiting, waits := notice(ctx)
	done := make(chan error)
	go func() {
		_, err := Await(awaiting, dir, "x", FollowOptions{})
		done <- err
	}()
	<-waits
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), `"x"`) {
		t.Errorf("cancelled: %v", err)
	}
	if left := namesIn(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	for _, c := range []sys.Call{sys.CallOpen, sys.CallLink, sys.CallLock} {
		restore := testutil.FailNth(c, map[bool]int{true: 3, false: 1}[c == sys.CallOpen], sys.EFBIG)
		if f, err := Await(ctx, dir, "x", FollowOptions{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v fails: %v, %v", c, f, err)
		}
		restore()
	}
	if _, err := Await(ctx, dir, "", FollowOptions{}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a bad name: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "x"+awaitSuffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w := create(t, Options{Dir: dir, Name: "x"})
	if is, err := w.Awaited(); is || err != nil {
		t.Errorf("left by one that was killed: %t, %v", is, err)
	}
	calls := testutil.CountCalls(func() {
		f, err := Await(ctx, dir, "x", FollowOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	})
	if calls[sys.CallLink] > 0 {
		t.Error("a name that is there is waited for")
	}
	if err := w.Remove(); err != nil {
		t.Error(err)
	}
	if left := namesIn(t, dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestAwait_NoDirectory: where there is no directory nobody can make a name.
func TestAwait_NoDirectory(t *testing.T) {
	dir := tmpfsDir(t)
	soon, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if f, err := Await(soon, filepath.Join(dir, "none"), "x", FollowOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", f, err)
	}
	// One that goes while it is waited in.
	ctx, waits := notice(soon)
	done := make(chan error)
	go func() {
		_, err := Await(ctx, dir, "x", FollowOptions{})
		done <- err
	}()
	<-waits
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("taken away: %v", err)
	}
}

// TestRemove_Awaited: what somebody who waited for the name has left goes with it, and stays where
// somebody waits still, for the next buffer.
func TestRemove_Awaited(t *testing.T) {
	dir := t.TempDir()
	n, err := namesOf(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, waits := range []bool{false, true} {
		w, err := Create(Options{Dir: dir, Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		mark, err := markAwaited(dir, n.await)
		if err != nil {
			t.Fatal(err)
		}
		if !waits {
			letGo(mark)
		}
		if err := errors.Join(w.Close(), Remove(dir, "x")); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(n.await); (err == nil) != waits {
			t.Errorf("somebody waits: %t, and looking for the file: %v", waits, err)
		}
		if waits {
			letGo(mark)
		}
	}
}
