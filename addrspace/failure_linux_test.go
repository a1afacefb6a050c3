//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// scene is what the failure tests start from, in a zone of their own:
//
//	w  64 MiB, the first 8 MiB mapped      v  64 MiB, Reserved
//	q  8 MiB, quarantined                  c  4 MiB, cached
type scene struct {
	t       *testing.T
	s       *Space
	w, v, q *Window
	fd      int
}

func newScene(t *testing.T, o Options) *scene {
	o.Zones = testZones(4 * gib)
	s := newSpace(t, o)
	sc := &scene{t: t, s: s, fd: memfd(t, 16*mib)}
	sc.w = reserve(t, s, 64*mib, ReserveOptions{Name: "w"})
	sc.v = reserve(t, s, 64*mib, ReserveOptions{})
	sc.q = reserve(t, s, 8*mib, ReserveOptions{})
	mapFile(t, sc.w, 8*mib, sc.fd)
	sc.w.data(8 * mib)[5*mib] = 7
	ok(t, sc.q.Quarantine())
	if o.CacheWindows >= 0 {
		ok(t, reserve(t, s, 4*mib, ReserveOptions{}).Release())
	}
	return sc
}

func (sc *scene) reserve(n int, o ReserveOptions) error {
	w, err := sc.s.Reserve(n, o)
	if err == nil {
		sc.t.Cleanup(func() { ok(sc.t, w.Release()) })
	}
	return err
}

// TestFailure_Always lets a kind of call fail for as long as it takes: nothing
// loops, and nothing is lost when the kernel comes to its senses.
func TestFailure_Always(t *testing.T) {
	for _, tt := range []struct {
		call  sys.Call
		errno syscall.Errno
	}{
		{sys.CallMmap, syscall.ENOMEM}, {sys.CallMmap, syscall.EEXIST}, {sys.CallMmap, syscall.EPERM},
		{sys.CallMmap, syscall.EAGAIN}, {sys.CallMunmap, syscall.ENOMEM}, {sys.CallMunmap, syscall.EPERM},
		{sys.CallMremap, syscall.EINVAL}, {sys.CallMremap, syscall.ENOSYS},
		{sys.CallMadvise, syscall.EINVAL}, {sys.CallPrctl, syscall.EINVAL},
	} {
		t.Run(fmt.Sprintf("%v=%v", tt.call, tt.errno), func(t *testing.T) {
			sc := newScene(t, Options{CacheWindows: 1})
			w := sc.w
			restore := testutil.FailAll(tt.call, tt.errno)
			defer restore()
			for range 3 {
				_, err := sc.s.Reserve(2*mib, ReserveOptions{Name: "n"})
				if tt.call == sys.CallMmap && !errors.Is(err, ErrNoSpace) {
					t.Errorf("reserve: %v", err)
				}
				if w.Mapped() == 8*mib {
					_ = w.MapFile(8*mib, 2*mib, sc.fd, 8*mib, readWrite)
				}
				if sc.v.Mapped() == 0 {
					_ = w.Rehome(sc.v)
				}
				_ = w.Extend(2 * mib)
				_ = w.Unmap(8*mib, 2*mib)
				_ = sc.s.Trim()
			}
			err := w.Release()
			restore()
			t.Log(err)
			sc.s.agree(t)
			for w := range sc.s.All() {
				ok(t, w.Release())
			}
			ok(t, sc.s.Trim())
			sc.s.agree(t)
			ok(t, sc.reserve(2*mib, ReserveOptions{}))
		})
	}
}

// TestFailure_Hole takes the memory from under a window as a kernel does that
// unmaps a destination and then fails: the hole is closed at once.
func TestFailure_Hole(t *testing.T) {
	for _, call := range []sys.Call{sys.CallMremap, sys.CallMmap} {
		t.Run(call.String(), func(t *testing.T) {
			sc := newScene(t, Options{})
			for _, closed := range []bool{true, false} {
				mmaps := 0
				restore := sys.SetHook(func(c sys.Call) syscall.Errno {
					if c == sys.CallMmap {
						mmaps++
					}
					if c == call && (c == sys.CallMremap || mmaps == 1) {
						sc.tear(t)
						return syscall.ENOMEM
					}
					if c == sys.CallMmap && !closed {
						return syscall.ENOMEM
					}
					return 0
				})
				var err error
				if call == sys.CallMremap {
					err = sc.w.Rehome(sc.v)
				} else {
					err = sc.v.MapFile(0, 8*mib, sc.fd, 0, readWrite)
				}
				restore()
				if !errors.Is(err, sys.ENOMEM) {
					t.Errorf("%v", err)
				}
				if (sc.v.place.hole.Len() == 0) != closed {
					t.Errorf("hole %v", sc.v.place.hole)
				}
				if closed {
					sc.s.agree(t)
				}
			}
			// While it cannot be closed nothing is mapped over it: by now it may be
			// somebody else's.
			moved := false
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				moved = moved || c == sys.CallMremap
				if c == sys.CallMmap {
					return syscall.ENOMEM
				}
				return 0
			})
			err := sc.w.Rehome(sc.v)
			restore()
			if !errors.Is(err, ErrNoSpace) || moved {
				t.Errorf("over a hole: %v", err)
			}
			ok(t, sc.w.Rehome(sc.v)) // closes the hole, then does its work
			sc.s.agree(t)
		})
	}
}

// tear unmaps the first 8 MiB of v, past the hook.
func (sc *scene) tear(t *testing.T) {
	_, _, e := syscall.Syscall(syscall.SYS_MUNMAP, sc.v.start, 8*mib, 0)
	if e != 0 {
		t.Error(e)
	}
}
