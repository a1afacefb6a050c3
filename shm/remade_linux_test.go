//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
)

// TestName_Remade: a buffer that is taken away and made anew while it is looked at is no corrupt one.
func TestName_Remade(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		var w *Writer
		make := func() {
			var err error
			if w, err = Create(Options{Dir: dir, Name: "x"}); err == nil {
				_, err = w.Write([]byte("hello"))
			}
			if err != nil {
				t.Error(err)
			}
		}
		make()
		// remade calls f, and makes the buffer anew before its n-th open.
		remade := func(n int, f func()) {
			var mu sync.Mutex
			busy := false
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				if c != sys.CallOpen || busy {
					return 0
				}
				mu.Lock()
				defer mu.Unlock()
				if n--; n == 0 {
					busy = true
					if err := errors.Join(w.Remove(), w.Close()); err != nil {
						t.Error(err)
					}
					make()
					busy = false
				}
				return 0
			})
			defer restore()
			f()
		}
		for n := range 6 {
			remade(n+1, func() {
				all, err := List(dir)
				if err != nil || len(all) != 1 || all[0].Err != nil || all[0].Leftover || all[0].Published != 5 && all[0].Published != 0 {
					t.Errorf("before open %d: %+v, %v", n+1, all, err)
				}
			})
			remade(n+1, func() {
				f, err := Open(dir, "x", FollowOptions{})
				if err != nil {
					t.Errorf("before open %d: %v", n+1, err)
					return
				}
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		// Without its data it is there, and corrupt.
		if err := os.Remove(filepath.Join(dir, "x"+dataSuffix)); err != nil {
			t.Fatal(err)
		}
		if all, err := List(dir); err != nil || len(all) != 1 || !errors.Is(all[0].Err, ErrCorrupt) {
			t.Errorf("without data: %+v, %v", all, err)
		}
		if err := errors.Join(w.Remove(), w.Close()); err != nil {
			t.Error(err)
		}
	})
}

// TestName_ReadLock: a lock for reading, which whoever may read a file can take, is not called a
// writer.
func TestName_ReadLock(t *testing.T) {
	dir := tmpfsDir(t)
	for _, suffix := range []string{controlSuffix, dataSuffix} {
		w := create(t, Options{Dir: dir, Name: "x", Perm: 0o644})
		abandon(t, w)
		f, err := os.Open(filepath.Join(dir, "x"+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK, Len: 1}); err != nil {
			t.Fatal(err)
		}
		if err := Remove(dir, "x"); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "no writer") || !strings.Contains(err.Error(), "process") {
			t.Errorf("%s: %v", suffix, err)
		}
		f.Close()
		if err := Remove(dir, "x"); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(dir, "x", FollowOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestList_Grows: a buffer that grows while it is looked at is no corrupt one.
func TestList_Grows(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	busy := false
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if (c == sys.CallClose || c == sys.CallFstat) && !busy {
			busy = true
			write(t, w, 3<<20)
			busy = false
		}
		return 0
	})
	all, err := List(dir)
	restore()
	if err != nil || len(all) != 1 || all[0].Err != nil || all[0].Published == 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
