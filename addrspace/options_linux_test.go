//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestReserve_Align: a window is aligned as it was asked for, in its start and its length,
// wherever it comes from: a gap, a zone that is nearly full, the cache, the kernel.
func TestReserve_Align(t *testing.T) {
	check := func(t *testing.T, w *Window) {
		t.Helper()
		if !align.Is(w.start, gib) || !align.Is(w.len(), gib) {
			t.Errorf("%v is not aligned", w)
		}
	}
	t.Run("wherever", func(t *testing.T) { alignWherever(t, check) })
	t.Run("less", func(t *testing.T) {
		s := newSpace(t, Options{Zones: testZones(64 * gib)})
		restore := limitAS(t, 3*gib)
		w, err := s.Reserve(5*gib, ReserveOptions{Align: gib, Min: 1})
		restore()
		ok(t, err)
		check(t, w)
		ok(t, w.Release())
		mustPanic(t, func() { s.Reserve(1, ReserveOptions{Align: 3 * gib}) }, "Align is 3221225472, want a power of two")
		mustPanic(t, func() { s.Reserve(1, ReserveOptions{Align: -gib}) }, "want a power of two")
		if w := reserve(t, s, 1, ReserveOptions{Align: 1}); w.Size() != Alignment {
			t.Errorf("%d bytes", w.Size())
		}
	})
}

func alignWherever(t *testing.T, check func(*testing.T, *Window)) {
	s := newSpace(t, Options{Zones: testZones(16 * gib), CacheBytes: 8 * gib})
	aligned := ReserveOptions{Align: gib}
	check(t, reserve(t, s, 5, aligned))
	for _, compact := range []bool{false, true} { // The cache has windows that are not aligned, on top.
		loose := ReserveOptions{Compact: compact}
		var all []*Window
		for range 4 {
			all = append(all, reserve(t, s, gib, loose))
		}
		for _, w := range all {
			ok(t, w.Release())
		}
		loose.Align = gib
		check(t, reserve(t, s, gib, loose))
	}
	for s.Stats().KernelPlaced < 3 {
		w := reserve(t, s, 2*mib, aligned)
		check(t, w)
		if err := w.Extend(2 * mib); err != nil && !errors.Is(err, ErrNoSpace) {
			t.Error(err)
		}
		check(t, w)
	}
	s.agree(t)
}

// TestWindow_Advice: what is advised for a window holds for each part that is mapped there,
// all of which stay one VMA, and for the windows it grows to.
func TestWindow_Advice(t *testing.T) {
	for name, tt := range map[string]struct {
		advice    []int
		want, not []string
	}{
		"none":     {nil, []string{"dd"}, []string{"rr", "dc"}},
		"two":      {[]int{unix.MADV_RANDOM, unix.MADV_DONTFORK}, []string{"dd", "rr", "dc"}, nil},
		"dumped":   {[]int{unix.MADV_SEQUENTIAL, unix.MADV_DODUMP}, []string{"sr"}, []string{"dd"}},
		"populate": {[]int{unix.MADV_POPULATE_WRITE}, []string{"dd"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t, Options{Zones: testZones(gib)})
			fd := memfd(t, 16*mib)
			w := reserve(t, s, 8*mib, ReserveOptions{Advice: tt.advice})
			mapFile(t, w, 2*mib, fd)
			ok(t, w.MapFile(2*mib, 2*mib, fd, 2*mib, readWrite))
			block(t, w)
			v, err := w.Grow(16 * mib)
			ok(t, err)
			defer func() { ok(t, v.Release()) }()
			ok(t, v.MapFile(4*mib, 4*mib, fd, 4*mib, readWrite))
			if v == w || len(w.segs) != 1 || len(v.segs) != 1 {
				t.Errorf("%v with %v, %v with %v", w, w.segs, v, v.segs)
			}
			for _, w := range []*Window{w, v} {
				flags := testutil.VMFlags(t, w.start)
				for _, f := range tt.want {
					if !slices.Contains(flags, f) {
						t.Errorf("%v has flags %v, not %s", w, flags, f)
					}
				}
				for _, f := range tt.not {
					if slices.Contains(flags, f) {
						t.Errorf("%v has flags %v, also %s", w, flags, f)
					}
				}
			}
			if info, err := sys.Stat(fd); err != nil || name == "populate" && info.Allocated != 8*mib {
				t.Errorf("%d bytes have memory: %v", info.Allocated, err)
			}
			s.agree(t, strangerAt(w))
		})
	}
}

// TestWindow_AdviceRefusedOnce: advice that is refused is no error, and is given again with the next part.
func TestWindow_AdviceRefusedOnce(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	fd := memfd(t, 16*mib)
	w := reserve(t, s, 16*mib, ReserveOptions{Advice: []int{unix.MADV_RANDOM}})
	asked := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMadvise {
			if asked++; asked == 2 { // The first one is against dumping.
				return syscall.EAGAIN
			}
		}
		return 0
	})
	mapFile(t, w, 2*mib, fd)
	restore()
	if st := s.Stats(); asked != 2 || st.AdviceIgnored != 1 || slices.Contains(testutil.VMFlags(t, w.start), "rr") {
		t.Errorf("asked %d times, %+v", asked, st)
	}
	ok(t, w.MapFile(2*mib, 2*mib, fd, 2*mib, readWrite))
	if st := s.Stats(); st.AdviceIgnored != 1 || len(w.segs) != 1 || !slices.Contains(testutil.VMFlags(t, w.start), "rr") {
		t.Errorf("%+v, %v", w.segs, st)
	}
	s.agree(t)
}

// TestWindow_MapFlags: the flags reach the kernel, which may refuse them.
func TestWindow_MapFlags(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	fd := memfd(t, 16*mib)
	lazy, eager := reserve(t, s, 8*mib, ReserveOptions{}), reserve(t, s, 8*mib, ReserveOptions{MapFlags: unix.MAP_POPULATE | unix.MAP_NORESERVE})
	for i, w := range []*Window{lazy, eager} {
		mapFile(t, w, 4*mib, fd)
		if info, err := sys.Stat(fd); err != nil || info.Allocated != int64(i)*4*mib {
			t.Errorf("%d bytes have memory: %v", info.Allocated, err)
		}
	}
	mustPanic(t, func() { lazy.Rehome(eager) }, "their MapFlags or Advice differ")
	synced := reserve(t, s, 8*mib, ReserveOptions{MapFlags: 0x80000}) // MAP_SYNC
	if err := synced.MapFile(0, 4*mib, fd, 0, readWrite); !errors.Is(err, sys.EOPNOTSUPP) || synced.Mapped() != 0 {
		t.Errorf("MAP_SYNC of a memory file: %v", err)
	}
	s.agree(t)
	for _, flags := range []int{unix.MAP_FIXED, unix.MAP_ANONYMOUS, unix.MAP_GROWSDOWN, unix.MAP_PRIVATE, unix.MAP_HUGETLB, unix.MAP_POPULATE | unix.MAP_FIXED_NOREPLACE, -1} {
		mustPanic(t, func() { s.Reserve(1, ReserveOptions{MapFlags: flags}) }, "addrspace: Reserve of 1 bytes: MapFlags is ")
	}
	for _, advice := range []int{unix.MADV_REMOVE, unix.MADV_FREE, unix.MADV_DONTNEED, unix.MADV_WIPEONFORK, unix.MADV_HWPOISON, sys.AdviseGuardInstall, -1} {
		mustPanic(t, func() { s.Reserve(1, ReserveOptions{Advice: []int{unix.MADV_RANDOM, advice}}) }, "addrspace: Reserve of 1 bytes: Advice has ")
	}
}
