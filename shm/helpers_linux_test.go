//go:build !portable && !exploreshm

package shm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// patternAt is the byte that tests write at an offset. None is zero, as memory is that
// nobody has written.
func patternAt(off int) byte { return byte(off^off>>7^off>>15^off>>23) | 1 }

// pattern returns [from, to) of what tests write.
func pattern(from, to int) []byte {
	b := make([]byte, to-from)
	for i := range b {
		b[i] = patternAt(from + i)
	}
	return b
}

// wrongAt returns where b, which begins at an offset, is not the pattern, -1 if nowhere.
func wrongAt(b []byte, from int) int {
	for i, c := range b {
		if c != patternAt(from+i) {
			return from + i
		}
	}
	return -1
}

// tmpfsDir returns a new directory on a tmpfs.
func tmpfsDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "growarena-test-")
	if err != nil {
		t.Skipf("no tmpfs: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fs, err := sys.FileSystemOf(int(f.Fd())); err != nil || !fs.Memory {
		t.Skipf("/dev/shm is no tmpfs: %v", err)
	}
	return dir
}

// diskDir returns a new directory on a disk.
func diskDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if fs, err := sys.FileSystemOf(int(f.Fd())); err != nil || fs.Memory {
		t.Skipf("%s is no disk: %v", dir, err)
	}
	return dir
}

// unreadable returns bytes that nobody can read.
func unreadable(w *addrspace.Window) []byte { return unsafe.Slice((*byte)(w.Base()), 4096) }

// create makes a writer that the test closes, if it has not.
func create(t *testing.T, o Options) *Writer {
	t.Helper()
	w, err := Create(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !w.closed {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return w
}

// follower follows w by descriptors.
func follower(t *testing.T, w *Writer, o FollowOptions) *Follower {
	t.Helper()
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	f, err := Follow(files, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !f.closed {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return f
}

// write appends so many bytes of the pattern.
func write(t *testing.T, w *Writer, n int) {
	t.Helper()
	from := w.Arena().Len()
	if _, err := w.Write(pattern(from, from+n)); err != nil {
		t.Fatal(err)
	}
}

// abandon ends w as if its process had been killed: nothing is said to anybody.
func abandon(t *testing.T, w *Writer) {
	t.Helper()
	w.Abort()
}

// soon is a context for what happens soon.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// child is a process with a role.
type child struct {
	*exec.Cmd
	out bytes.Buffer
}

// start starts this test's binary with a role.
func start(t *testing.T, role string, files []*os.File, env ...string) *child {
	t.Helper()
	c := command(t, role, files, env...)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	return c
}

// command is start without starting.
func command(t *testing.T, role string, files []*os.File, env ...string) *child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(self)}
	c.Env = append(append(os.Environ(), roleEnv+"="+role, "GOMAXPROCS=2"), env...)
	c.ExtraFiles = files
	c.Stdout, c.Stderr = &c.out, &c.out
	return c
}

// code waits for the child and returns its exit code, -1 if a signal has ended it.
func (c *child) code(t *testing.T) int {
	t.Helper()
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode()
}

// fail prints why a child gives up.
func fail(format string, args ...any) int {
	fmt.Fprintln(os.Stderr, strings.TrimSpace(fmt.Sprintf(format, args...)))
	return 1
}
