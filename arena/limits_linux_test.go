//go:build !portable

package arena_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// mountTmpfs mounts a tmpfs of n bytes for the test, or skips it.
func mountTmpfs(t *testing.T, n string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("growarena test", dir, "tmpfs", 0, "size="+n); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestArena_FullTmpfs runs out of a small file system: with Commit that is an
// error from Grow and nothing has changed; without it a store faults, which
// CatchFault makes an error, and all else stays.
func TestArena_FullTmpfs(t *testing.T) {
	dir := mountTmpfs(t, "8m")
	f, err := os.Create(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a := newArena(t, arena.Options{Name: "index", File: f, Commit: true})
	b, err := a.Alloc(4 * mib)
	if err != nil {
		t.Fatal(err)
	}
	fill(b, 0)
	capacity := a.Cap()
	for range 2 {
		err := a.Grow(16 * mib)
		if !errors.Is(err, sys.ENOSPC) || !strings.HasPrefix(err.Error(), `arena: grow "index" by `) || !strings.Contains(err.Error(), "mount it larger") {
			t.Errorf("Grow beyond the file system: %v", err)
		}
		if a.Cap() != capacity || a.Len() != 4*mib {
			t.Errorf("after the error Len is %d, Cap %d", a.Len(), a.Cap())
		}
	}
	if i := check(a.Bytes(), 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
	free(t, a)

	lazy := newArena(t, arena.Options{Name: "lazy", File: f})
	c, err := lazy.Alloc(16 * mib)
	if err != nil {
		t.Fatal(err)
	}
	var fault *arena.FaultError
	err = arena.CatchFault(nil, func() error { clear(c); return nil })
	if !errors.As(err, &fault) || fault.Window != "lazy" {
		t.Errorf("filling a file system: %v", err)
	}
	if i := check(lazy.Bytes()[:4*mib], 0); i >= 0 {
		t.Errorf("byte %d is wrong after the fault", i)
	}
	free(t, lazy)
}

// TestArena_LimitFSize meets a limit on the size of files, which memory files
// have too; it comes with a signal, which Go ignores.
func TestArena_LimitFSize(t *testing.T) {
	if !testutil.InChild(t, "-f 32768") { // Units of 512 bytes in dash, of 1024 in others.
		return
	}
	a := newArena(t, arena.Options{Name: "index"})
	defer free(t, a)
	for {
		_, err := a.Alloc(mib)
		if err == nil {
			continue
		}
		if !errors.Is(err, sys.EFBIG) || !strings.Contains(err.Error(), "RLIMIT_FSIZE") {
			t.Errorf("at the limit: %v", err)
		}
		break
	}
	if a.Len() < 14*mib {
		t.Errorf("only %d bytes fit", a.Len())
	}
}
