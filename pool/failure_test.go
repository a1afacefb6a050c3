package pool_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
)

// TestPool_HoleLeftByMove plays a kernel that has unmapped the goal before it
// refuses to move page tables there.
func TestPool_HoleLeftByMove(t *testing.T) {
	testutil.NeedsMoves(t)
	probeKernel(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Name: "hole", Band: 256 * kib})
	defer closePool(t, p)
	b := alloc(t, p, 200*kib)
	fill(b, 0)
	holes := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c != sys.CallMremap {
			return 0
		}
		for w := range addrspace.Default().All() {
			// The window that is new has nothing mapped yet.
			if w.Name() == "hole" && w.Mapped() == 0 {
				if err := sys.Unmap(w.Range().Start, 256*kib); err != nil {
					t.Error(err)
				}
				holes++
			}
		}
		return sys.ENOMEM
	})
	b, err := p.Grow(b, mib)
	restore()
	if err != nil {
		t.Fatal(err)
	}
	if k := check(b[:200*kib], 0); holes != 1 || k >= 0 {
		t.Errorf("%d holes; byte %d is wrong", holes, k)
	}
	p.Free(b)
}

// TestPool_FileSizeLimit plays a limit on the size of files: the tail of a buffer
// is as long as it must be where it cannot be as long as it would be.
func TestPool_FileSizeLimit(t *testing.T) {
	testutil.NeedsMoves(t)
	probeKernel(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, pool.Options{Band: mib})
	defer closePool(t, p)
	b := alloc(t, p, 10)
	fill(b, 0)
	restore := testutil.FailNth(sys.CallFtruncate, 1, sys.EFBIG)
	b = grow(t, p, b, 3*mib)
	restore()
	if s := p.Stats(); s.Far != 4*mib {
		t.Errorf("%+v", s)
	}
	restore = testutil.FailAll(sys.CallFtruncate, sys.EFBIG)
	_, err := p.Grow(b, 100*mib)
	restore()
	if !errors.Is(err, sys.EFBIG) {
		t.Error(err)
	}
	most := 100 * mib
	if testing.Short() {
		most = 20 * mib
	}
	b = grow(t, p, b, most)
	if k := check(b[:10], 0); k >= 0 || !isZero(b[10:]) {
		t.Errorf("byte %d is wrong", k)
	}
	p.Free(b)
}
