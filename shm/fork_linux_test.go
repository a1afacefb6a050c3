//go:build !portable && !exploreshm

package shm

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// copies duplicates each descriptor of a directory's files that this process has, as starting a
// process does until that runs its program, and returns what closes them.
func copies(t *testing.T, dir string) (closeAll func()) {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	var fds []int
	for _, e := range all {
		path := "/proc/self/fd/" + e.Name()
		if to, err := os.Readlink(path); err != nil || !strings.HasPrefix(to, dir+"/") {
			continue
		}
		of, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		fd, err := sys.Dup(of)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	return func() {
		for _, fd := range fds {
			_ = sys.Close(fd)
		}
		t.Logf("%d copies", len(fds))
	}
}

// TestLocks_Fork: what a writer, Remove and Await have locked is free when they are over, also
// where another goroutine is just starting a process, which has copies of all descriptors.
func TestLocks_Fork(t *testing.T) {
	for name, end := range map[string]func(w *Writer) error{
		"Close": (*Writer).Close,
		"Abort": func(w *Writer) error { w.Abort(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tmpfsDir(t)
			w := create(t, Options{Dir: dir, Name: "x"})
			closeAll := copies(t, dir)
			defer func() { closeAll() }()
			if err := end(w); err != nil {
				t.Fatal(err)
			}
			w, err := TakeOver(Options{Dir: dir, Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("Remove", func(t *testing.T) {
		dir := tmpfsDir(t)
		w := create(t, Options{Dir: dir, Name: "x"})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var closeAll func()
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallUnlink && closeAll == nil {
				closeAll = func() {}
				closeAll = copies(t, dir)
				return sys.EIO // The files and their names stay.
			}
			return 0
		})
		err := Remove(dir, "x")
		restore()
		defer closeAll()
		if err == nil {
			t.Fatal("Remove has not met the error")
		}
		if err := Remove(dir, "x"); err != nil {
			t.Error(err)
		}
	})
}
