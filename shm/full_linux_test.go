//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
)

// TestFull_Tmpfs fills a tmpfs that has a size: Write says so, with and without Commit, followers
// have what was published, and the buffer can be closed.
func TestFull_Tmpfs(t *testing.T) {
	for name, commit := range map[string]bool{"sparse": false, "commit": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m,mode=700"); err != nil {
				t.Skipf("cannot mount a tmpfs: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			w, err := Create(Options{Dir: dir, Name: "x", Arena: arena.Options{Commit: commit}})
			if err != nil {
				t.Fatal(err)
			}
			f := follower(t, w, FollowOptions{})
			for err == nil {
				if w.Published() > 16<<20 {
					t.Fatal("it is never full")
				}
				_, err = w.Write(pattern(w.Published(), w.Published()+100_000))
			}
			var fault *arena.FaultError
			if !errors.Is(err, sys.ENOSPC) && (commit || !errors.As(err, &fault)) {
				t.Errorf("full: %v", err)
			}
			if n, err := f.Poll(); n != w.Published() || n < 4<<20 || err != nil {
				t.Errorf("Poll: %d, %v; want %d", n, err, w.Published())
			}
			if err := f.Read(func(b []byte) error {
				if at := wrongAt(b, 0); at >= 0 {
					t.Errorf("wrong at %d of %d", at, len(b))
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
			if err := errors.Join(f.Close(), w.Close()); err != nil {
				t.Error(err)
			}
		})
	}
}
