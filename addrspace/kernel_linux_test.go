//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"slices"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestWindow_IsNotDumped: mapped parts are left out of core dumps, also where
// they came by rehoming.
func TestWindow_IsNotDumped(t *testing.T) {
	s := newSpace(t, Options{})
	w, v := reserve(t, s, 8*mib, ReserveOptions{}), reserve(t, s, 8*mib, ReserveOptions{})
	fd := memfd(t, 8*mib)
	mapFile(t, w, 4*mib, fd)
	ok(t, w.MapFile(4*mib, 4*mib, fd, 4*mib, readWrite))
	ok(t, w.Rehome(v))
	for _, w := range []*Window{w, v} {
		if flags := testutil.VMFlags(t, w.start); !slices.Contains(flags, "dd") {
			t.Errorf("%v has flags %v, not dd", w, flags)
		}
	}
}

// TestWindow_AdviceRefused: a part that is dumped after all is a VMA of its own
// until the advice is taken.
func TestWindow_AdviceRefused(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	w := reserve(t, s, 16*mib, ReserveOptions{})
	fd := memfd(t, 16*mib)
	mapFile(t, w, 2*mib, fd)
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMadvise {
			return syscall.EAGAIN
		}
		return 0
	})
	ok(t, w.MapFile(2*mib, 2*mib, fd, 2*mib, readWrite))
	ok(t, w.MapFile(4*mib, 2*mib, fd, 4*mib, readWrite))
	restore()
	s.agree(t)
	if st := s.Stats(); st.VMAs != 3 || st.AdviceIgnored != 2 {
		t.Errorf("%+v", st)
	}
	ok(t, w.MapFile(6*mib, 2*mib, fd, 6*mib, readWrite))
	s.agree(t)
	if st := s.Stats(); st.VMAs != 2 || len(w.segs) != 1 {
		t.Errorf("%+v", st)
	}
}

// TestWindow_DropsPagesFirst: a large mapped part loses its page tables before
// it is unmapped, which would hold up the whole process for as long.
func TestWindow_DropsPagesFirst(t *testing.T) {
	fd := memfd(t, 8*mib)
	for name, tt := range map[string]struct {
		f    func(w *Window) error
		want []sys.Call
	}{
		"unmap":      {func(w *Window) error { return w.Unmap(0, 8*mib) }, []sys.Call{sys.CallMadvise, sys.CallMmap}},
		"unmap less": {func(w *Window) error { return w.Unmap(0, 2*mib) }, []sys.Call{sys.CallMmap}},
		"quarantine": {(*Window).Quarantine, []sys.Call{sys.CallMadvise, sys.CallMmap}},
		"release":    {(*Window).Release, []sys.Call{sys.CallMadvise, sys.CallMunmap}},
		"release, half touched": {func(w *Window) error {
			w.SetTouched(4*mib - 1)
			return w.Release()
		}, []sys.Call{sys.CallMadvise, sys.CallMunmap}},
		"release, little touched": {func(w *Window) error {
			w.SetTouched(2 * mib)
			return w.Release()
		}, []sys.Call{sys.CallMunmap}},
		"release, touched after all": {func(w *Window) error {
			w.SetTouched(0)
			w.SetTouched(8 * mib)
			return w.Release()
		}, []sys.Call{sys.CallMadvise, sys.CallMunmap}},
	} {
		t.Run(name, func(t *testing.T) {
			w := reserve(t, newSpace(t, Options{CacheWindows: -1}), 8*mib, ReserveOptions{})
			mapFile(t, w, 8*mib, fd)
			var calls []sys.Call
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				calls = append(calls, c)
				return 0
			})
			err := tt.f(w)
			restore()
			ok(t, err)
			if !slices.Equal(calls, tt.want) {
				t.Errorf("calls %v, want %v", calls, tt.want)
			}
		})
	}
}
