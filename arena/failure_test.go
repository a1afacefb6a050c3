package arena_test

import (
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestArena_PrepareFails makes preparing ahead fail: the writer must not notice.
func TestArena_PrepareFails(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.EINVAL, syscall.EAGAIN, syscall.ENOMEM} {
		t.Run(errno.Error(), func(t *testing.T) {
			a := newArena(t, arena.Options{})
			defer free(t, a)
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				if c == sys.CallAllocate || c == sys.CallAllocatePlain || c == sys.CallMadvise {
					return errno
				}
				return 0
			})
			total := 24 * mib
			if testing.Short() {
				total = 8 * mib
			}
			for a.Len() < total {
				off := a.Len()
				b, err := a.Alloc(mib)
				if err != nil {
					restore()
					t.Fatal(err)
				}
				fill(b, off)
			}
			restore()
			if i := check(a.Bytes(), 0); i >= 0 {
				t.Errorf("byte %d is wrong", i)
			}
			if s := a.Stats(); s.PreparedByWriter > 0 && !s.HeadroomOff {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// TestArena_PrepareResumes: memory that was short while the arena grew, as at a memory
// cgroup's limit, is prepared again once there is some, and is not asked for in each extent meanwhile.
func TestArena_PrepareResumes(t *testing.T) {
	a := newArena(t, arena.Options{Reserve: 256 * mib})
	defer free(t, a)
	if !memfile.CanCollapse() {
		t.Skip("this kernel makes no huge pages")
	}
	grow := func(to int) {
		t.Helper()
		for a.Len() < to {
			if _, err := a.Alloc(mib); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, errno := range []syscall.Errno{syscall.EBUSY, syscall.ENOMEM, syscall.EINVAL} {
		if testing.Short() && errno != syscall.EBUSY {
			continue
		}
		a.Reset()
		if err := a.Trim(); err != nil {
			t.Fatal(err)
		}
		var tries atomic.Int32
		restore := sys.SetHook(func(c sys.Call) syscall.Errno {
			if c == sys.CallMadvise {
				tries.Add(1)
				return errno
			}
			return 0
		})
		grow(100 * mib)
		restore()
		before := a.Stats()
		// Each pause is twice as long as the one before: of 1, 2, 4, 8, 16 extents, and so on.
		if n := tries.Load(); n < 2 || n > 8 || !before.HeadroomOff {
			t.Errorf("%v: tried %d times, %+v", errno, n, before)
		}
		grow(240 * mib)
		after := a.Stats()
		if after.PreparedByWriter+after.PreparedByHelper <= before.PreparedByWriter+before.PreparedByHelper || after.HeadroomOff {
			t.Errorf("%v: %+v, and when there is memory again %+v", errno, before, after)
		}
	}
}

// TestArena_RetiredLimit fills a domain that takes hardly anything: with a shared
// one windows wait in the arena, and go when the reader has gone.
func TestArena_RetiredLimit(t *testing.T) {
	testutil.NeedsMoves(t)
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: mib})
	a := newArena(t, arena.Options{Reserve: 2 * mib, Domain: d, Rungs: arena.RungInWindow | arena.RungRehome})
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	for a.Len() < 20*mib {
		off := a.Len()
		b, err := a.Alloc(mib)
		if err != nil {
			t.Fatal(err)
		}
		fill(b, off)
	}
	if s := a.Stats(); s.Windows < 3 || s.Growth.Rehomed < 3 {
		t.Errorf("stats %+v: the reader holds up no window", s)
	}
	if i := check(a.Bytes(), 0); i >= 0 {
		t.Errorf("byte %d is wrong", i)
	}
	free(t, a)
	g.Unpin()
	if err := d.Barrier(t.Context()); err != nil {
		t.Error(err)
	}
}
