package arena_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/addrspace"
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
		if !errors.Is(err, sys.ENOSPC) || !strings.HasPrefix(err.Error(), `arena: grow "index" by `) {
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

// TestArena_LimitAS grows as far as a limit on the address space allows.
func TestArena_LimitAS(t *testing.T) {
	if runtime.GOARCH == "386" {
		t.Skip("no room")
	}
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	a := newArena(t, arena.Options{Name: "index"})
	defer free(t, a)
	for {
		off := a.Len()
		b, err := a.Alloc(8 * mib)
		if err != nil {
			if !errors.Is(err, addrspace.ErrNoSpace) || !strings.Contains(err.Error(), "RLIMIT_AS") {
				t.Errorf("at the limit: %v", err)
			}
			break
		}
		b[0], b[len(b)-1] = pattern(off), pattern(off+len(b)-1)
	}
	if a.Len() < 512*mib {
		t.Errorf("only %d bytes fit", a.Len())
	}
	for off := 0; off < a.Len(); off += 8 * mib {
		if a.Bytes()[off] != pattern(off) {
			t.Fatalf("byte %d is wrong", off)
		}
	}
	t.Logf("%d bytes fit, %+v", a.Len(), a.Stats().Growth)
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

// TestArena_LimitNoFile makes arenas until there is no descriptor left.
func TestArena_LimitNoFile(t *testing.T) {
	if !testutil.InChild(t, "-n 64") {
		return
	}
	var all []*arena.Arena
	for {
		a, err := arena.NewArena(arena.Options{Name: "index"})
		if err != nil {
			if !errors.Is(err, sys.EMFILE) || !strings.Contains(err.Error(), "RLIMIT_NOFILE is 64") {
				t.Errorf("at the limit: %v", err)
			}
			break
		}
		all = append(all, a)
	}
	if len(all) < 40 {
		t.Errorf("only %d arenas", len(all))
	}
	for _, a := range all {
		free(t, a)
	}
}
