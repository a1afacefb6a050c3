//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// TestCreate_UnsyncedDirectory: a buffer whose names cannot be brought to the disk is not made.
func TestCreate_UnsyncedDirectory(t *testing.T) {
	dir := diskDir(t)
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if names, err := os.ReadDir(dir); c == sys.CallFsync && err == nil && len(names) > 0 {
			return syscall.EIO
		}
		return 0
	})
	w, err := Create(Options{Dir: dir, Name: "x"})
	restore()
	if err == nil {
		w.Close()
	}
	if left := namesIn(t, dir); !errors.Is(err, syscall.EIO) || len(left) > 0 {
		t.Errorf("%v, left: %v", err, left)
	}
	if err := create(t, Options{Dir: dir, Name: "x"}).Remove(); err != nil {
		t.Error(err)
	}
}

// TestRemove_Odd: what has a buffer's name and is none is not taken away, and it is said who can.
func TestRemove_Odd(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"link":      func(path string) error { return os.Symlink("/dev/null", path) },
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := tmpfsDir(t)
			if err := make(filepath.Join(dir, "x"+controlSuffix)); err != nil {
				t.Fatal(err)
			}
			_, takeOver := TakeOver(Options{Dir: dir, Name: "x"})
			for _, err := range []error{Remove(dir, "x"), takeOver} {
				if err == nil || !strings.Contains(err.Error(), "by hand") {
					t.Errorf("got %v", err)
				}
			}
			if left := namesIn(t, dir); len(left) != 1 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestEnded: what is called behind the end says so.
func TestEnded(t *testing.T) {
	w := create(t, Options{})
	f := follower(t, w, FollowOptions{})
	if err := errors.Join(f.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Files(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Files: %v", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("Close twice does not panic")
		}
	}()
	_ = f.Close()
}
