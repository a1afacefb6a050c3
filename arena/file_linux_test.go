package arena_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// tempFile makes an empty file on disk.
func tempFile(t *testing.T) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// fileSize returns the length of f.
func fileSize(t *testing.T, f *os.File) int64 {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// hasString reports whether f has s at off.
func hasString(f *os.File, s string, off int64) bool {
	b := make([]byte, len(s))
	_, err := f.ReadAt(b, off)
	return err == nil && string(b) == s
}

// TestArena_OthersAppend: what others append to the file of an arena stays through
// every growth, until the arena hands out the place, zeroed.
func TestArena_OthersAppend(t *testing.T) {
	for name, o := range map[string]arena.Options{
		"sparse":        {},
		"committed":     {Commit: true},
		"small pages":   {Commit: true, HugePages: arena.HugeNever},
		"own windows":   {Reserve: 1, Rungs: arena.RungAlias},
		"retired":       {Reserve: 1, Retire: true},
		"nothing ahead": {Headroom: -1},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t)
			o.File = f
			a := newArena(t, o)
			defer free(t, a)
			if _, err := a.Alloc(mib); err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte("theirs"), 7*mib); err != nil {
				t.Fatal(err)
			}
			size := fileSize(t, f)
			for a.Cap() < 6*mib {
				if err := a.Grow(a.Cap() - a.Len() + 1); err != nil || fileSize(t, f) < size || !hasString(f, "theirs", 7*mib) {
					t.Fatalf("Grow: %v, the file has %d bytes of %d, and theirs: %v", err, fileSize(t, f), size, hasString(f, "theirs", 7*mib))
				}
			}
			b, err := a.Alloc(9 * mib)
			if err != nil || !allZero(b) {
				t.Errorf("Alloc: %v, zeroed: %v", err, err == nil && allZero(b))
			}
		})
	}
	t.Run("commit undone", func(t *testing.T) {
		f := tempFile(t)
		a := newArena(t, arena.Options{File: f, Commit: true, HugePages: arena.HugeNever})
		defer free(t, a)
		if err := a.Grow(mib); err != nil {
			t.Fatal(err)
		}
		for _, off := range []int64{7 * mib, 9 * mib} {
			if _, err := f.WriteAt([]byte("theirs"), off); err != nil {
				t.Fatal(err)
			}
		}
		restore := testutil.FailAll(sys.CallAllocate, syscall.ENOSPC)
		err := a.Grow(8 * mib)
		restore()
		if !errors.Is(err, sys.ENOSPC) || !hasString(f, "theirs", 7*mib) {
			t.Errorf("Grow: %v, and theirs is there: %v", err, hasString(f, "theirs", 7*mib))
		}
	})
	t.Run("sealed", func(t *testing.T) {
		a := newArena(t, arena.Options{})
		defer free(t, a)
		if err := a.Grow(mib); err != nil {
			t.Fatal(err)
		}
		f, err := a.File()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(64 * mib); err != nil {
			t.Fatal(err)
		}
		for a.Cap() < 80*mib {
			if _, err := a.Alloc(a.Cap() - a.Len() + 1); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestArena_FreeKeepsOthers: Free cuts the file to Len where that takes nothing from
// anybody, and only there.
func TestArena_FreeKeepsOthers(t *testing.T) {
	appendTheirs := func(t *testing.T, f *os.File) {
		if _, err := f.WriteAt([]byte("theirs"), fileSize(t, f)); err != nil {
			t.Fatal(err)
		}
	}
	grow := func(t *testing.T, a *arena.Arena, n int) {
		if err := a.Grow(n); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		use  func(t *testing.T, a *arena.Arena, f *os.File)
		want int64
	}{
		"nobody else": {func(t *testing.T, a *arena.Arena, f *os.File) { grow(t, a, 8*mib) }, mib},
		"made shorter by the owner": {func(t *testing.T, a *arena.Arena, f *os.File) {
			a.Truncate(1000)
		}, 1000},
		"appended": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
		}, 2*mib + 6},
		"appended, and grown within": {func(t *testing.T, a *arena.Arena, f *os.File) {
			if _, err := f.WriteAt([]byte("theirs"), 8*mib); err != nil {
				t.Fatal(err)
			}
			grow(t, a, 4*mib)
		}, 8*mib + 6},
		"appended, and grown beyond": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			grow(t, a, 8*mib)
		}, 2*mib + 6},
		"appended twice": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			grow(t, a, 8*mib)
			if _, err := f.WriteAt([]byte("theirs"), 32*mib); err != nil {
				t.Fatal(err)
			}
		}, 32*mib + 6},
		"appended, and handed out": {func(t *testing.T, a *arena.Arena, f *os.File) {
			appendTheirs(t, f)
			if _, err := a.Alloc(8 * mib); err != nil {
				t.Fatal(err)
			}
		}, 9 * mib},
		"cut by others": {func(t *testing.T, a *arena.Arena, f *os.File) {
			if err := f.Truncate(10); err != nil {
				t.Fatal(err)
			}
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := tempFile(t)
			a := newArena(t, arena.Options{File: f})
			if _, err := a.Alloc(mib); err != nil {
				t.Fatal(err)
			}
			tt.use(t, a, f)
			free(t, a)
			if size := fileSize(t, f); size != tt.want {
				t.Errorf("after Free the file has %d bytes, want %d", size, tt.want)
			}
		})
	}
}

// TestArena_OneWriter: two arenas do not have one file, unless both are told to.
func TestArena_OneWriter(t *testing.T) {
	f := tempFile(t)
	a := newArena(t, arena.Options{Name: "index", File: f})
	_, err := arena.NewArena(arena.Options{Name: "other", File: f})
	if !errors.Is(err, arena.ErrInUse) || !strings.Contains(err.Error(), `"index" in this process`) {
		t.Errorf("a second arena: %v", err)
	}
	other := newArena(t, arena.Options{Name: "other", File: f, NoLock: true})
	for i, a := range []*arena.Arena{a, other} {
		if err := a.Grow((8 << i) * mib); err != nil {
			t.Error(err)
		}
	}
	if size := fileSize(t, f); size != 16*mib {
		t.Errorf("the file has %d bytes", size)
	}
	free(t, a) // It does not cut what the other has made longer.
	if size := fileSize(t, f); size != 16*mib {
		t.Errorf("after Free of one the file has %d bytes", size)
	}
	a = newArena(t, arena.Options{Name: "index", File: f})
	free(t, a)
	free(t, other)
}
