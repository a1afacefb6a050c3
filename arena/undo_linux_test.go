package arena

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// The tests in this file are about what a refusal leaves behind: nothing.

// TestArena_FailedMoveLeavesNothing: the window that was meant to be moved to is
// given back when the move fails, and the one that there is serves on.
func TestArena_FailedMoveLeavesNothing(t *testing.T) {
	if !canMoveKeep() {
		t.Skip("this kernel does not move page tables of shared memory")
	}
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	a := orderArena(t, Options{Space: space})
	a.rungs = RungInWindow | RungRehome // Without an alias to fall back to.
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

// TestPool_RefusedGrowthLeavesNothing: a buffer that cannot leave its band has
// taken nothing of the file of tails, wherever it failed.
func TestPool_RefusedGrowthLeavesNothing(t *testing.T) {
	canMoveKeep() // Finds out with system calls of its own, once.
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	p, err := NewPool(PoolOptions{Name: t.Name(), Band: bandMin, Space: space})
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Alloc(100)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for n := 1; ; n++ {
		made := 0
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMmap {
				made++
			}
			if c == sys.CallMmap && made >= n { // and whatever is tried instead
				return syscall.ENOMEM
			}
			return 0
		})
		got, err := p.Grow(b, 3*bandMin)
		restore()
		if err == nil {
			b = got
			break
		}
		refused++
		if s := p.Stats(); s.Far != 0 || s.Windows != 0 || s.Len != 100 {
			t.Errorf("mappings from number %d on failed: %+v", n, s)
		}
	}
	if refused < 2 {
		t.Errorf("refused %d times: not at the tail", refused)
	}
	p.Free(b)
	if s := p.Stats(); s.Far != 0 {
		t.Errorf("all is free: %+v", s)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
