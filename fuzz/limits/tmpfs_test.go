//go:build linux && !(386 || arm || mips || mipsle)

package limits

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

// smallDisk mounts a tmpfs of n bytes for the test, or skips it.
func smallDisk(t *testing.T, n string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := unix.Mount("growarena limits", dir, "tmpfs", 0, "size="+n); err != nil {
		t.Skipf("cannot mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func create(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

// TestFullDisk_GoesOn fills a file system while an arena is on a file of it: a store is a
// fault that CatchFault makes an error of, at the right offset, all that was stored stays,
// and when somebody makes room the same store succeeds. (That Options.Commit makes it an
// error of Grow is tested in package arena.)
func TestFullDisk_GoesOn(t *testing.T) {
	testutil.NoLeaks(t, trim)
	dir := smallDisk(t, "8m")
	ballast := filepath.Join(dir, "ballast")
	must(t, os.WriteFile(ballast, make([]byte, 4*mib), 0o600))
	f := create(t, filepath.Join(dir, "data"))
	a, err := arena.NewArena(arena.Options{Name: "index", File: f})
	must(t, err)
	b, err := a.Alloc(7 * mib) // Growing is not refused.
	must(t, err)
	stored := 0
	store := func() error {
		for ; stored < len(b); stored += 4 * kib {
			b[stored] = byte(stored>>12) | 1
		}
		return nil
	}
	var fault *arena.FaultError
	if err := arena.CatchFault(nil, store); !errors.As(err, &fault) {
		t.Fatalf("storing more than there is room for: %v", err)
	}
	if fault.Offset != stored || fault.Window != "index" || stored < 3*mib || stored > 5*mib {
		t.Errorf("a fault at offset %d of %q, %d bytes were stored", fault.Offset, fault.Window, stored)
	}
	if err := arena.CatchFault(nil, store); err == nil {
		t.Error("the file system is full, and the second store is no fault")
	}
	must(t, os.Remove(ballast))
	must(t, arena.CatchFault(nil, store))
	for i := 0; i < len(b); i += 4 * kib {
		if b[i] != byte(i>>12)|1 {
			t.Fatalf("byte %d is %d", i, b[i])
		}
	}
	must(t, a.Free())
	if info, err := f.Stat(); err != nil || info.Size() != 7*mib {
		t.Errorf("the file is %d bytes long: %v", info.Size(), err)
	}
}

// TestFullDisk_Headroom: where memory is prepared ahead on a file system that gets full, the
// writer gets an error, and no fault but that of its own store.
func TestFullDisk_Headroom(t *testing.T) {
	testutil.NoLeaks(t, trim)
	f := create(t, filepath.Join(smallDisk(t, "8m"), "data"))
	a, err := arena.NewArena(arena.Options{Name: "index", File: f, Headroom: 64 * mib})
	must(t, err)
	// Growing takes a page at the new end of the file, so what does not fit is an error.
	err = arena.CatchFault(nil, func() error {
		for a.Len() < 32*mib {
			b, err := a.Alloc(64 * kib)
			if err != nil {
				return err
			}
			clear(b)
		}
		return nil
	})
	if !errors.Is(err, sys.ENOSPC) || !strings.Contains(err.Error(), "mount it larger") || a.Len() < 4*mib {
		t.Errorf("%v, with %d bytes handed out", err, a.Len())
	}
	must(t, a.Free())
}

// TestFullDisk_Decommit: what Decommit gives back on a full file system is room for others.
func TestFullDisk_Decommit(t *testing.T) {
	testutil.NoLeaks(t, trim)
	dir := smallDisk(t, "8m")
	f := create(t, filepath.Join(dir, "data"))
	a, err := arena.NewArena(arena.Options{Name: "index", File: f, Commit: true, HugePages: arena.HugeNever})
	must(t, err)
	b, err := a.Alloc(4 * mib)
	must(t, err)
	for i := range b {
		b[i] = 1
	}
	if err := a.Grow(8 * mib); !errors.Is(err, sys.ENOSPC) {
		t.Errorf("Grow on a full file system: %v", err)
	}
	must(t, a.Decommit(0, 2*mib))
	other := create(t, filepath.Join(dir, "other"))
	_, err = other.Write(make([]byte, 2*mib))
	must(t, err)
	if b[0] != 0 || b[2*mib] != 1 {
		t.Errorf("bytes %d and %d", b[0], b[2*mib])
	}
	must(t, a.Free())
}

// TestFullDisk_ReadFrom: a read into an arena on a full file system says what is missing, not
// only that the address is bad, and keeps what was read before.
func TestFullDisk_ReadFrom(t *testing.T) {
	testutil.NoLeaks(t, trim)
	dir := smallDisk(t, "4m")
	a, err := arena.NewArena(arena.Options{Name: "body", File: create(t, filepath.Join(dir, "data"))})
	must(t, err)
	must(t, a.Grow(8*mib)) // Growing takes no room but for the last page.
	source, err := os.Open("/dev/zero")
	must(t, err)
	defer source.Close()
	b := arena.NewBufferIn(a)
	n, err := b.ReadFrom(source)
	if !errors.Is(err, sys.ENOSPC) || !errors.Is(err, sys.EFAULT) || !strings.Contains(err.Error(), `arena: read into "body" at`) ||
		!strings.Contains(err.Error(), "mount it larger") {
		t.Errorf("%d bytes read: %v", n, err)
	}
	if n == 0 || int(n) != b.Len() {
		t.Errorf("%d bytes read, %d are there", n, b.Len())
	}
	must(t, a.Free())
}
