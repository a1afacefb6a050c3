//go:build !portable

package arena

import (
	"errors"
	"math"
	"os"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// The tests in this file are about what a refusal leaves behind: nothing.

// TestArena_FailedMoveLeavesNothing: the window that was meant to be moved to is
// given back when the move fails, and the one that there is serves on.
func TestArena_FailedMoveLeavesNothing(t *testing.T) {
	if !memfile.CanRehome() {
		t.Skip("this kernel does not move page tables of shared memory")
	}
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	a := orderArena(t, Options{Space: space})
	a.mapping.Rungs = RungInWindow | RungRehome // Without an alias to fall back to.
	for range 3 {
		restore := testutil.FailAll(sys.CallMremap, syscall.ENOMEM)
		err := a.Grow(2 * extentSize)
		restore()
		if !errors.Is(err, sys.ENOMEM) {
			t.Fatalf("moved although that failed: %v", err)
		}
		if s := space.Stats(); s.Windows != 1 {
			t.Fatalf("%d windows after a failed move", s.Windows)
		}
	}
	if err := a.Grow(2 * extentSize); err != nil {
		t.Error(err)
	}
}

// descriptors returns how many descriptors the process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(dir)
}

// TestNewArena_RefusedLeavesNothing: an arena that gets no window has no file
// either.
func TestNewArena_RefusedLeavesNothing(t *testing.T) {
	before := descriptors(t)
	for range 10 {
		full := addrspace.New(addrspace.Options{MaxVMAs: 1})
		w, err := full.Reserve(1, addrspace.ReserveOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewArena(Options{Space: full}); !errors.Is(err, addrspace.ErrNoSpace) {
			t.Errorf("an arena without a window: %v", err)
		}
		if err := errors.Join(w.Release(), full.Trim()); err != nil {
			t.Error(err)
		}
	}
	// Somebody else may have opened one meanwhile, but not ten.
	if after := descriptors(t); after >= before+10 {
		t.Errorf("%d descriptors, there were %d", after, before)
	}
}

// TestArena_RefusedAliasLeavesNothing: an alias of which only a part could be
// mapped has no window.
func TestArena_RefusedAliasLeavesNothing(t *testing.T) {
	space := addrspace.New(addrspace.Options{MaxVMAs: 4, CacheWindows: -1})
	a := orderArena(t, Options{Space: space})
	if _, err := a.Alias(AliasOptions{Len: os.Getpagesize(), Repeat: 5}); !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("an alias of 5 mappings, where 3 more may be: %v", err)
	}
	if s := space.Stats(); s.Windows != 1 || s.VMAs != 1 {
		t.Errorf("%d windows of %d VMAs after a refused alias", s.Windows, s.VMAs)
	}
}

// TestArena_DomainClosedUnderIt: a domain of the arena's own that somebody has
// closed takes no new view, and the arena stays as it is.
func TestArena_DomainClosedUnderIt(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	for name, reserve := range map[string]int{"in the window": 8 * extentSize, "in another": extentSize} {
		t.Run(name, func(t *testing.T) {
			a, err := NewArena(Options{Name: "shut", Reserve: reserve, Rungs: RungInWindow | RungRehome | RungAlias, Retire: true, Space: space})
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Grow(extentSize); err != nil {
				t.Fatal(err)
			}
			before := a.Cap()
			if err := a.Domain().Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.Grow(2 * extentSize); !errors.Is(err, epoch.ErrClosed) || a.Cap() != before {
				t.Errorf("grown from %d to %d: %v", before, a.Cap(), err)
			}
			if s := space.Stats(); s.Windows != 1 {
				t.Errorf("%d windows", s.Windows)
			}
			if err := a.Free(); err != nil {
				t.Error(err)
			}
			if s := space.Stats(); s.Windows != 0 {
				t.Errorf("%d windows after Free", s.Windows)
			}
		})
	}
}

// TestArena_StatRefused: a file that cannot be looked at is not adopted, does not
// grow, and counts as empty.
func TestArena_StatRefused(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	refuse := func() func() { return testutil.FailAll(sys.CallFstat, syscall.EIO) }
	restore := refuse()
	_, err = NewArena(Options{File: f})
	restore()
	if !errors.Is(err, syscall.EIO) {
		t.Errorf("adopted: %v", err)
	}
	a, err := NewArena(Options{File: f})
	if err != nil {
		t.Fatal(err)
	}
	restore = refuse()
	err = a.Grow(1)
	committed := a.Stats().Committed
	restore()
	if !errors.Is(err, syscall.EIO) || a.Cap() != 0 || committed != 0 {
		t.Errorf("grown to %d, %d bytes committed: %v", a.Cap(), committed, err)
	}
	if err := a.Free(); err != nil {
		t.Error(err)
	}
}

// TestNewArena_NoSuchWindow: sizes that no window has are refused, not rounded to
// something else.
func TestNewArena_NoSuchWindow(t *testing.T) {
	if a, err := NewArena(Options{Reserve: math.MaxInt}); a != nil || !errors.Is(err, addrspace.ErrNoSpace) {
		t.Errorf("a window of MaxInt bytes: %v", err)
	}
}

// TestArena_LongerWindowServesLater: a window that was made longer, but whose new
// part could not be mapped, stays longer, and is mapped when the next growth can.
func TestArena_LongerWindowServesLater(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	a := orderArena(t, Options{Space: space})
	a.mapping.Rungs = RungInWindow | RungExtend
	size := a.load().Window.Size()
	for range 2 {
		// The addresses can be had, the mapping of the file over them fails.
		mmaps := 0
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMmap {
				if mmaps++; mmaps > 1 || a.load().Window.Size() > size {
					return syscall.ENOMEM
				}
			}
			return 0
		})
		err := a.Grow(2 * extentSize)
		restore()
		// The second time the hole that the first has left cannot be closed.
		if !errors.Is(err, sys.ENOMEM) && !errors.Is(err, addrspace.ErrNoSpace) || a.Cap() != extentSize {
			t.Fatalf("capacity %d, %v", a.Cap(), err)
		}
		if got := a.load().Window.Size(); got <= size {
			t.Fatalf("the window is %d bytes long", got)
		}
	}
	if err := a.Grow(2 * extentSize); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Growth.InWindow != 2 || s.Windows != 1 {
		t.Errorf("%+v", s)
	}
}
