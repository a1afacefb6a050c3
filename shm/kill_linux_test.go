//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

const (
	dirEnv  = "GROWARENA_SHM_DIR"
	killEnv = "GROWARENA_SHM_KILL" // before which system call
	dropEnv = "GROWARENA_SHM_DROP" // not empty: the front is dropped, too
)

// killTotal is how many bytes a writer that is killed would have published.
const killTotal = 3 << 20

func init() {
	// killed makes, fills, syncs, closes and removes a buffer, and is killed before its
	// n-th system call.
	roles["killed"] = func() int {
		at, err := strconv.Atoi(os.Getenv(killEnv))
		if err != nil {
			return fail("%v", err)
		}
		var calls atomic.Int64
		sys.SetHook(func(sys.Call) syscall.Errno {
			if int(calls.Add(1)) == at {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
			return 0
		})
		dir := os.Getenv(dirEnv)
		drop := os.Getenv(dropEnv) != ""
		w, err := Create(Options{Dir: dir, Name: "x", Droppable: drop, Arena: arena.Options{Reserve: 2 << 20, HugePages: arena.HugeNever, Headroom: -1}})
		for err == nil && w.Published() < killTotal {
			_, err = w.Write(pattern(w.Published(), w.Published()+1<<20))
			if err == nil && drop {
				err = w.DropFront(w.Published() - 700_000)
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err == nil {
			w, err = TakeOver(Options{Dir: dir, Name: "x"})
		}
		if err == nil {
			err = errors.Join(w.Sync(), w.Remove(), w.Close())
		}
		if err != nil {
			return fail("%v", err)
		}
		return 0
	}
	// steady publishes single bytes until it is killed, or, where the front is dropped, more.
	roles["steady"] = func() int {
		w, err := TakeOver(Options{Dir: os.Getenv(dirEnv), Name: "x"})
		if err != nil {
			return fail("%v", err)
		}
		for os.Getenv(dropEnv) != "" {
			n := w.Published()
			if _, err := w.Append(pattern(n, n+20_000)); err != nil {
				return fail("%v", err)
			}
			if err := w.DropFront(max(n-50_000, w.Front())); err != nil {
				return fail("%v", err)
			}
		}
		for {
			b, err := w.Arena().Alloc(1)
			if err != nil {
				return fail("%v", err)
			}
			b[0] = patternAt(w.Published())
			w.Publish(w.Published() + 1)
		}
	}
}

// TestKill_EachCall kills a writer before each of its system calls. What is left is nothing, or
// left over, or a prefix that can be followed and taken over.
func TestKill_EachCall(t *testing.T) {
	t.Parallel() // Most of it is waiting for one process.
	places(t, func(t *testing.T, dir string) { killEach(t, dir, "") })
}

// TestKill_EachCallDropping is TestKill_EachCall of a writer that drops the front as it goes.
func TestKill_EachCallDropping(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		killEach(t, tmpfsDir(t), "yes")
		return
	}
	places(t, func(t *testing.T, dir string) { killEach(t, dir, "yes") })
}

func killEach(t *testing.T, dir, drop string) {
	step, found := 1, map[string]int{}
	if testing.Short() || testutil.Race {
		step = 9
	}
	if testing.Short() {
		step = 25
	}
	for at := 1; ; at += step {
		c := start(t, "killed", nil, dirEnv+"="+dir, killEnv+"="+strconv.Itoa(at), dropEnv+"="+drop)
		code := c.code(t)
		found[afterKill(t, dir)]++
		if code == 0 {
			break
		}
		if code != -1 {
			t.Fatalf("before call %d: exit code %d: %s", at, code, c.out.String())
		}
		if at > 1000 {
			t.Fatal("it does not end")
		}
	}
	t.Logf("found after a kill: %v", found)
	if found["nothing"] == 0 || found["a prefix"] == 0 {
		t.Errorf("found %v: not all that there is", found)
	}
}

// afterKill checks what a killed writer has left, says what it was, and takes it away.
func afterKill(t *testing.T, dir string) string {
	t.Helper()
	all, err := List(dir)
	if err != nil || len(all) > 1 {
		t.Fatalf("List: %+v, %v", all, err)
	}
	found := "nothing"
	switch {
	case len(all) == 1 && all[0].Leftover:
		found = "left over"
	case len(all) == 1:
		found = "a prefix"
		if all[0].Alive || all[0].Err != nil {
			t.Errorf("List: %+v", all[0])
		}
		prefix(t, dir, all[0].Front, all[0].Published)
	}
	// Whatever it was, a new buffer of the name can be made.
	if found == "a prefix" {
		if err := Remove(dir, "x"); err != nil {
			t.Error(err)
		}
	}
	w, err := Create(Options{Dir: dir, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Remove(), w.Close()); err != nil {
		t.Error(err)
	}
	if left := namesIn(t, dir); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
	return found
}

// prefix checks a buffer whose writer is dead, takes it over and closes it.
func prefix(t *testing.T, dir string, front, length int) {
	t.Helper()
	f, err := Open(dir, "x", FollowOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	isPattern := func(n int) {
		t.Helper()
		if err := f.Read(func(b []byte) error {
			if len(b) != n-front || wrongAt(b, front) >= 0 {
				t.Errorf("%d bytes, want [%d, %d), wrong at %d", len(b), front, n, wrongAt(b, front))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	isPattern(length)
	if state, _ := f.State(); state != StateClosed {
		if err := f.Wait(soon(t), length+1); !errors.Is(err, ErrWriterGone) {
			t.Errorf("Wait: %v", err)
		}
	}
	w, err := TakeOver(Options{Dir: dir, Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if w.Published() != length || w.Front() != front {
		t.Errorf("[%d, %d), want [%d, %d)", w.Front(), w.Published(), front, length)
	}
	b, err := w.Arena().Alloc(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b {
		if c != 0 {
			t.Fatalf("byte %d behind the length is %#x", i, c)
		}
	}
	copy(b, pattern(length, length+len(b)))
	w.Publish(length + len(b))
	isPattern(length + len(b))
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestKill_Anywhere kills a writer that publishes as fast as it can at any moment, between any
// two stores, while it is being followed, and has the next one go on.
func TestKill_Anywhere(t *testing.T) {
	t.Parallel()
	killAnywhere(t, "")
}

// TestKill_AnywhereDropping is TestKill_Anywhere of a writer that drops the front as fast as it
// can: the follower sees no zeros that it is not told of.
func TestKill_AnywhereDropping(t *testing.T) {
	t.Parallel()
	killAnywhere(t, "yes")
}

func killAnywhere(t *testing.T, drop string) {
	dir, rounds := tmpfsDir(t), 100
	if testing.Short() || testutil.Race {
		rounds = 5
	}
	w := create(t, Options{Dir: dir, Name: "x", Droppable: drop != "", Arena: arena.Options{Reserve: 2 << 20}})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir, "x", FollowOptions{Reserve: 2 << 20, Retire: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	checked, dropped := 0, 0
	look := func() {
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		from := max(checked, g.Front())
		if drop == "" && from != checked {
			t.Fatalf("the front is %d", g.Front())
		}
		at := wrongAt(g.Bytes()[from-g.Front():], from)
		switch err := g.Check(from); {
		case drop != "" && errors.Is(err, ErrDropped):
			dropped++
		case err != nil || at >= 0:
			t.Fatalf("[%d, %d) is wrong at %d, %v", from, g.Len(), at, err)
		}
		checked = g.Len()
	}
	defer func() { t.Logf("%d bytes, dropped while they were read: %d times", checked, dropped) }()
	for range rounds {
		before := checked
		c := start(t, "steady", nil, dirEnv+"="+dir, dropEnv+"="+drop)
		for checked == before {
			look()
		}
		for end := time.Now().Add(time.Duration(rand.IntN(2000)) * time.Microsecond); time.Now().Before(end); {
			look()
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if code := c.code(t); code != -1 {
			t.Fatalf("exit code %d: %s", code, c.out.String())
		}
		look()
		if err := f.Wait(soon(t), checked+1); !errors.Is(err, ErrWriterGone) {
			t.Fatalf("Wait: %v", err)
		}
	}
	if err := Remove(dir, "x"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
