package pool

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// denied returns a pool, in a system that denies the calls until the test ends.
func denied(t *testing.T, o Options, errno syscall.Errno, calls ...sys.Call) *Pool {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	// What the system has is remembered: it must not be found out while all is denied.
	memfile.CanCollapse()
	memfile.CanGuard()
	memfile.CanRehome()
	t.Cleanup(sys.SetHook(func(c sys.Call) syscall.Errno {
		for _, d := range calls {
			if c == d {
				return errno
			}
		}
		return 0
	}))
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// take returns a buffer of n bytes, which must be zero, and fills it.
func take(t *testing.T, p *Pool, n int) []byte {
	t.Helper()
	b, err := p.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	return dirtied(t, b, 0)
}

// dirtied fills b from off on, where it must be zero.
func dirtied(t *testing.T, b []byte, off int) []byte {
	t.Helper()
	for i := off; i < len(b); i += 512 {
		if b[i] != 0 {
			t.Fatalf("byte %d of %d is %d", i, len(b), b[i])
		}
		b[i] = 1
	}
	return b
}

// TestPool_NoPunch: what is freed is cleared and used again where nothing can be given back.
func TestPool_NoPunch(t *testing.T) {
	testutil.NeedsMoves(t)
	const mib = 1 << 20
	for _, errno := range []syscall.Errno{syscall.EOPNOTSUPP, syscall.EPERM} {
		if errno == syscall.EPERM && testing.Short() {
			continue
		}
		p := denied(t, Options{Limit: 64 * mib, Keep: -1}, errno, sys.CallPunch, sys.CallMadvise)
		large, others := 5, 20
		if testing.Short() {
			large, others = 3, 8
		}
		for range large {
			p.Free(take(t, p, 20*mib))
		}
		if s := p.Stats(); s.Committed > 21*mib {
			t.Errorf("%v: %d bytes of memory for 20 MiB at a time", errno, s.Committed)
		}
		rng := rand.New(rand.NewPCG(1, 1))
		for range others { // Other sizes, also grown out of a band.
			b := take(t, p, 1+rng.IntN(4*mib))
			for range 2 {
				old := len(b)
				var err error
				if b, err = p.Grow(b, old+1+rng.IntN(8*mib)); err != nil {
					t.Fatal(err)
				}
				dirtied(t, b, (old+511)/512*512)
			}
			b = p.Shrink(b, len(b)/2)
			p.Free(b)
		}
		if s := p.Stats(); s.Committed > 64*mib {
			t.Errorf("%v: %+v; owed %v", errno, s, p.far.owed)
		}
		var b [3][]byte
		for i := range b {
			b[i] = take(t, p, 2*mib)
		}
		for i := range b {
			p.Free(b[i])
		}
		err := p.Trim()
		if !errors.Is(err, memfile.ErrNoPunch) || !errors.Is(err, errno) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("Trim: %v", err)
		}
	}
}

// TestPool_PunchThroughMapping: where fallocate does not punch, MADV_REMOVE gives all back.
func TestPool_PunchThroughMapping(t *testing.T) {
	testutil.NeedsMoves(t)
	const mib = 1 << 20
	p := denied(t, Options{Keep: -1}, syscall.EOPNOTSUPP, sys.CallPunch)
	small, moved := take(t, p, 100<<10), take(t, p, 5*mib)
	moved, err := p.Grow(moved, 9*mib)
	if err != nil {
		t.Fatal(err)
	}
	before := p.Stats().Committed
	moved = p.Shrink(moved, mib)
	if after := p.Stats().Committed; after >= before {
		t.Errorf("%d bytes of memory, after shrinking %d", before, after)
	}
	p.Free(small)
	p.Free(moved)
	if err := p.Trim(); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Committed != 0 || s.Far != 0 {
		t.Errorf("%+v", s)
	}
}

// TestPool_PreparesAgain: what was short a second ago is tried again.
func TestPool_PreparesAgain(t *testing.T) {
	const mib = 1 << 20
	p := denied(t, Options{}, 0)
	if !p.prepares(4 * mib) {
		t.Skip("this kernel makes no huge pages")
	}
	b := take(t, p, 4*mib)
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMadvise {
			return syscall.EBUSY
		}
		return 0
	})
	b, err := p.Grow(b, 9*mib)
	restore()
	if err != nil || !p.Stats().PreparedOff || p.prepares(4*mib) {
		t.Errorf("%+v, %v", p.Stats(), err)
	}
	p.prepareAt.Add(-int64(prepareAgain)) // As if so long had passed.
	dirtied(t, b, 4*mib)
	before := p.Stats()
	if b, err = p.Grow(b, 20*mib); err != nil {
		t.Fatal(err)
	}
	p.Free(b) // Waits for who prepares.
	if s := p.Stats(); s.PreparedOff || s.Prepared <= before.Prepared {
		t.Errorf("%+v, before %+v", s, before)
	}
}

// TestPool_InTmpfs: without memfds a pool lies in a tmpfs, whose room bounds what is used
// and not the length of sparse files.
func TestPool_InTmpfs(t *testing.T) {
	testutil.NeedsMoves(t)
	p := denied(t, Options{}, syscall.EPERM, sys.CallMemfdCreate)
	p.Free(take(t, p, 100))
	p.Free(take(t, p, 3<<20))
	const most = math.MaxInt >> 18 // 32 TiB.
	if b, err := p.Alloc(most); err == nil {
		p.Free(b)
		t.Skip("a tmpfs without a bound")
	} else if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "allow memfd_create") {
		t.Error(err)
	}
}
