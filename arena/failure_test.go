package arena_test

import (
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
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
			for a.Len() < 24*mib {
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

// TestArena_RetiredLimit fills a domain that takes hardly anything: with a shared
// one windows wait in the arena, and go when the reader has gone.
func TestArena_RetiredLimit(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{MaxRetired: mib})
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
