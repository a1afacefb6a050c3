//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

func TestSpace_ZeroIsUsable(t *testing.T) {
	var s Space
	if s.Lookup(0x5100<<32) != nil || s.Stats().Windows != 0 || s.Trim() != nil {
		t.Error("an unused Space is not empty")
	}
	for range s.All() {
		t.Error("an unused Space has windows")
	}
	w, err := s.Reserve(1, ReserveOptions{})
	ok(t, err)
	ok(t, w.Release())
	ok(t, s.Trim())
	if a, b := Default(), Default(); a != b {
		t.Error("two defaults")
	}
}

func TestSpace_LookupAndAll(t *testing.T) {
	s := newSpace(t, Options{})
	var want []*Window
	for range 100 {
		want = append(want, reserve(t, s, 2*mib, ReserveOptions{}))
	}
	slices.SortFunc(want, func(a, b *Window) int { return int(a.start>>1) - int(b.start>>1) })
	if got := slices.Collect(s.All()); !slices.Equal(got, want) {
		t.Errorf("All gives %v, want %v", got, want)
	}
	for _, w := range want {
		r := w.Range()
		if s.Lookup(r.Start) != w || s.Lookup(r.End-1) != w || s.Lookup(r.End) == w || s.Lookup(r.Start-1) == w {
			t.Errorf("Lookup around %v", w)
		}
	}
	// A loop may release what it sees, and may end early.
	n := 0
	for w := range s.All() {
		at := w.Range().Start
		ok(t, w.Release())
		if s.Lookup(at) != nil {
			t.Errorf("%#x found after Release", at)
		}
		if n++; n == 50 {
			break
		}
	}
	if st := s.Stats(); st.Windows != 50 || st.Cached != 50 {
		t.Errorf("%d windows, %d cached", st.Windows, st.Cached)
	}
}

func TestSpace_Recycle(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib), CacheWindows: 3})
	fd := memfd(t, 2*mib)
	var at []uintptr
	var windows []*Window
	for range 5 {
		w := reserve(t, s, 4*mib, ReserveOptions{})
		windows, at = append(windows, w), append(at, w.start)
	}
	mapFile(t, windows[4], 2*mib, fd)
	for _, w := range windows {
		ok(t, w.Release())
	}
	s.agree(t)
	if st := s.Stats(); st.Cached != 3 || st.CachedBytes != 12*mib || st.Evicted != 2 {
		t.Errorf("%d cached of %d bytes, %d evicted", st.Cached, st.CachedBytes, st.Evicted)
	}
	reserve(t, s, 2*mib, ReserveOptions{})              // another size
	reserve(t, s, 4*mib, ReserveOptions{Compact: true}) // another kind
	for i := 4; i >= 2; i-- {                           // the latest first
		if w := reserve(t, s, 4*mib, ReserveOptions{}); w.start != at[i] || w == windows[i] || w.Mapped() != 0 {
			t.Errorf("window %v, want one at %#x", w, at[i])
		}
	}
	if st := s.Stats(); st.Recycled != 3 || st.Cached != 0 {
		t.Errorf("%d recycled, %d left", st.Recycled, st.Cached)
	}
	mustPanic(t, func() { windows[4].Size() }, "it was released") // a stale handle of a live place
	s.agree(t)
}

func TestSpace_RecycleMakesNoSystemCall(t *testing.T) {
	s := newSpace(t, Options{})
	ok(t, reserve(t, s, 2*mib, ReserveOptions{}).Release())
	calls := countCalls(func() {
		for range 10 {
			ok(t, reserve(t, s, 2*mib, ReserveOptions{}).Release())
		}
	})
	if calls != 0 {
		t.Errorf("%d system calls", calls)
	}
}

func TestSpace_CacheBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		o    Options
		size int
		want int
	}{
		"none by count":       {Options{CacheWindows: -1}, 2 * mib, 0},
		"none by bytes":       {Options{CacheBytes: -1}, 2 * mib, 0},
		"by bytes":            {Options{CacheBytes: 5 * mib}, 2 * mib, 2},
		"larger than all":     {Options{CacheBytes: 5 * mib}, 8 * mib, 0},
		"default of the zone": {Options{Zones: testZones(gib)}, 8 * mib, 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpace(t, tt.o)
			var windows []*Window
			for range 4 {
				windows = append(windows, reserve(t, s, tt.size, ReserveOptions{}))
			}
			for _, w := range windows {
				ok(t, w.Release())
			}
			if got := s.Stats().Cached; got != tt.want {
				t.Errorf("%d cached, want %d", got, tt.want)
			}
			s.agree(t)
		})
	}
}

// vmaName returns the name the maps file shows at addr.
func vmaName(t *testing.T, addr uintptr) (name string) {
	ok(t, sys.Maps(func(v sys.VMA) bool {
		if v.Start <= addr && addr < v.End {
			name = v.Path
		}
		return v.Start <= addr
	}))
	return name
}

func TestSpace_Names(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	fd := memfd(t, 4*mib)
	w := reserve(t, s, 8*mib, ReserveOptions{Name: "first"})
	if w.place.vmaName == "" {
		t.Skip("this kernel has no names for anonymous mappings (CONFIG_ANON_VMA_NAME)")
	}
	check := func(w *Window, off int, want string) {
		t.Helper()
		if got := vmaName(t, w.start+uintptr(off)); got != want {
			t.Errorf("%v at %d is called %q, want %q", w, off, got, want)
		}
		s.agree(t)
	}
	check(w, 0, "[anon:growarena: first]")
	mapFile(t, w, 4*mib, fd)
	check(w, 4*mib, "[anon:growarena: first]")
	ok(t, w.Extend(8*mib))
	check(w, 15*mib, "[anon:growarena: first]")
	ok(t, w.Unmap(2*mib, 2*mib))
	check(w, 2*mib, "[anon:growarena: first]")
	ok(t, w.Release())
	w = reserve(t, s, 16*mib, ReserveOptions{Name: "second"})
	check(w, 0, "[anon:growarena: second]")
	ok(t, w.Release())
	w = reserve(t, s, 16*mib, ReserveOptions{})
	check(w, 0, "")
}

// TestSpace_MapAllNeedsNoName: a window that is mapped as a whole is not named,
// neither when it is reserved nor when it is released; one that is named later has
// the right name.
func TestSpace_MapAllNeedsNoName(t *testing.T) {
	s := newSpace(t, Options{})
	fd := memfd(t, 2*mib)
	s.mu.Lock()
	s.initLocked()
	s.mu.Unlock()
	for range 3 {
		calls := testutil.CountCalls(func() {
			w := reserve(t, s, 2*mib, ReserveOptions{Name: "all", MapAll: true})
			mapFile(t, w, 2*mib, fd)
			ok(t, w.Release())
		})
		if calls[sys.CallPrctl] != 0 {
			t.Errorf("calls %v", calls)
		}
	}
	w := reserve(t, s, 2*mib, ReserveOptions{Name: "some"})
	if s.nameless {
		t.Skip("this kernel has no names for anonymous mappings (CONFIG_ANON_VMA_NAME)")
	}
	if got := vmaName(t, w.start); got != "[anon:growarena: some]" {
		t.Errorf("called %q", got)
	}
}

func TestSpace_LearnsForeignRanges(t *testing.T) {
	zones := testZones(256 * mib)
	s := newSpace(t, Options{Zones: zones, CacheWindows: -1})
	// A stranger takes all but the last 16 MiB, in two pieces.
	z := zones[0]
	for _, r := range []Range{{z.Start, z.Start + 64*mib}, {z.Start + 64*mib, z.End - 16*mib}} {
		_, err := sys.Reserve(r.Start, r.Len())
		ok(t, err)
		defer func() { ok(t, sys.Unmap(r.Start, r.Len())) }()
	}
	w := reserve(t, s, 8*mib, ReserveOptions{})
	if r := w.Range(); r.Start < z.End-16*mib+guard || r.End > z.End {
		t.Errorf("window at %v", w)
	}
	st := s.Stats()
	if st.Foreign != 1 || st.KernelCollisions == 0 || st.KernelPlaced != 0 {
		t.Errorf("%+v", st)
	}
	if s.Lookup(z.Start) != nil {
		t.Error("a foreign range is a window")
	}
	s.agree(t)
	ok(t, w.Release())
}

// TestSpace_ForgetsForeignRanges: a stranger that has gone is found to be gone
// before a request is refused.
func TestSpace_ForgetsForeignRanges(t *testing.T) {
	zones := testZones(64 * mib)
	s := newSpace(t, Options{Zones: zones, CacheWindows: -1})
	z := zones[0]
	_, err := sys.Reserve(z.Start+32*mib, 2*mib)
	ok(t, err)
	w := reserve(t, s, 48*mib, ReserveOptions{}) // placed by the kernel
	if st := s.Stats(); st.KernelPlaced != 1 || st.Foreign != 1 {
		t.Errorf("%+v", st)
	}
	ok(t, sys.Unmap(z.Start+32*mib, 2*mib))
	v := reserve(t, s, 48*mib, ReserveOptions{})
	if !z.Contains(v.start) || z.Contains(w.start) {
		t.Errorf("windows %v and %v", w, v)
	}
	if st := s.Stats(); st.Foreign != 0 || st.KernelPlaced != 1 {
		t.Errorf("%+v", st)
	}
	s.agree(t)
}

// TestSpace_ExtendExactly: a window can be made longer up to the very end of its zone, and
// up to the guard before its neighbour, and what was done and refused is counted.
func TestSpace_ExtendExactly(t *testing.T) {
	zones := testZones(64 * mib)
	s := newSpace(t, Options{Zones: zones})
	counted := func(extends, refused int) {
		t.Helper()
		if st := s.Stats(); int(st.Extends) != extends || int(st.ExtendsRefused) != refused {
			t.Errorf("%d and %d refused, want %d and %d", st.Extends, st.ExtendsRefused, extends, refused)
		}
		s.agree(t)
	}
	a, b := reserve(t, s, 4*mib, ReserveOptions{}), reserve(t, s, 4*mib, ReserveOptions{})
	if a.start > b.start {
		a, b = b, a
	}
	room := int(b.start - a.Range().End - guard)
	if room <= 0 {
		t.Fatalf("%v and %v have nothing between them", a, b)
	}
	if err := a.Extend(room + Alignment); !errors.Is(err, ErrNoSpace) {
		t.Errorf("over the neighbour's guard: %v", err)
	}
	counted(0, 1)
	ok(t, a.Extend(room))
	counted(1, 1)
	room = int(zones[0].End - b.Range().End)
	if err := b.Extend(room + Alignment); !errors.Is(err, ErrNoSpace) {
		t.Errorf("beyond the zone: %v", err)
	}
	counted(1, 2)
	ok(t, b.Extend(room))
	counted(2, 2)
	ok(t, b.Release())
	ok(t, a.Release())
}

func TestSpace_Extend(t *testing.T) {
	zones := testZones(64 * mib)
	z := zones[0]
	s := newSpace(t, Options{Zones: zones, CacheBytes: 64 * mib})
	refused := func(w *Window, n int, why string) {
		t.Helper()
		r := w.Range()
		err := w.Extend(n)
		if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), why) {
			t.Errorf("%v; want %q", err, why)
		}
		if w.Range() != r {
			t.Errorf("%v changed to %v", r, w)
		}
		s.agree(t)
	}
	a := reserve(t, s, 4*mib, ReserveOptions{})
	refused(a, 64*mib, "the zone ends")
	refused(a, math.MaxInt, "no address space")
	for a.Range().End+8*mib <= z.End {
		ok(t, a.Extend(2*mib))
	}
	s.agree(t)
	ok(t, a.Release())
	ok(t, s.Trim())

	// [ a ] gap [ b ]: not over b, over b when it is only cached.
	a, b := reserve(t, s, 16*mib, ReserveOptions{}), reserve(t, s, 16*mib, ReserveOptions{})
	if a.start > b.start {
		a, b = b, a
	}
	room := int(b.start - a.Range().End - guard)
	if room > 0 {
		ok(t, a.Extend(room))
	}
	refused(a, 2*mib, "is taken")
	ok(t, b.Release())
	if s.Stats().Cached != 1 {
		t.Fatal("not cached")
	}
	ok(t, a.Extend(2*mib))
	if s.Stats().Cached != 0 {
		t.Error("the cached neighbour was kept")
	}
	s.agree(t)

	// A stranger behind.
	at := a.Range().End + 2*mib
	_, err := sys.Reserve(at, 4096)
	ok(t, err)
	refused(a, 4*mib, "foreign")
	refused(a, 4*mib, "is taken") // known by now
	ok(t, sys.Unmap(at, 4096))
	if st := s.Stats(); st.ExtendsRefused < 4 || st.Foreign != 1 {
		t.Errorf("%+v", st)
	}
}

// TestSpace_FullZone fills a small zone with large windows, then to the brim.
func TestSpace_FullZone(t *testing.T) {
	zones := testZones(16 * gib)
	s := newSpace(t, Options{Zones: zones, CacheWindows: -1})
	for range 50 { // 50 × 256 MiB are 78 %
		reserve(t, s, 256*mib, ReserveOptions{})
	}
	if st := s.Stats(); st.KernelPlaced != 0 {
		t.Errorf("%d windows outside the zone", st.KernelPlaced)
	}
	n := 0
	for ; s.Stats().KernelPlaced == 0; n++ {
		reserve(t, s, 2*mib, ReserveOptions{Compact: n%2 == 0})
	}
	// Every gap of 6 MiB and more has been used: what is left are guards.
	s.mu.Lock()
	if addr, ok := s.pl.place(2*mib, Alignment, false, true); ok {
		t.Errorf("room at %#x", addr)
	}
	s.mu.Unlock()
	s.agree(t)
	t.Logf("%d windows more, a load of %d %%", n, s.pl.load(0))
}

func TestSpace_Min(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	defer limitAS(t, 100*mib)() // anything above is refused
	if _, err := s.Reserve(gib, ReserveOptions{}); !errors.Is(err, ErrNoSpace) || !errors.Is(err, sys.ENOMEM) {
		t.Errorf("without Min: %v", err)
	}
	if _, err := s.Reserve(gib, ReserveOptions{Min: 200 * mib}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("Min above the limit: %v", err)
	}
	w := reserve(t, s, gib, ReserveOptions{Min: 1})
	if w.Size() > 100*mib || w.Size() < 32*mib {
		t.Errorf("%d bytes", w.Size())
	}
}

func TestSpace_HugeSize(t *testing.T) {
	s := newSpace(t, Options{})
	if _, err := s.Reserve(math.MaxInt, ReserveOptions{}); !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v", err)
	}
	if _, err := s.Reserve(1<<50, ReserveOptions{}); !errors.Is(err, ErrNoSpace) || !errors.Is(err, sys.ENOMEM) {
		t.Errorf("%v", err)
	}
	w := reserve(t, s, 1<<50, ReserveOptions{Min: 1 << 30})
	if w.Size() < 1<<40 {
		t.Errorf("%d bytes", w.Size())
	}
}

// TestSpace_AddressBits: zones that the CPU does not reach are dropped, and the
// others serve.
func TestSpace_AddressBits(t *testing.T) {
	for _, bits := range []int{39, 42, 47, 52, 57} {
		s := newSpace(t, Options{AddressBits: bits})
		w := reserve(t, s, 2*mib, ReserveOptions{})
		if s.pl.zoneOf(w.start) == nil || bits < 48 && uint64(w.start)>>bits != 0 {
			t.Errorf("%d bits: window at %v", bits, w)
		}
		if s.Stats().KernelPlaced != 0 {
			t.Errorf("%d bits: placed by the kernel", bits)
		}
		for _, z := range s.pl.zones {
			_, err := sys.Reserve(z.Start+64*mib, 4096)
			if err != nil && !errors.Is(err, sys.EEXIST) {
				t.Errorf("%d bits: zone %v is dead: %v", bits, z, err)
			} else if err == nil {
				ok(t, sys.Unmap(z.Start+64*mib, 4096))
			}
		}
	}
}

// TestSpace_KernelPlaces: without a zone the kernel chooses, and the window is
// aligned and apart from others all the same.
func TestSpace_KernelPlaces(t *testing.T) {
	s := newSpace(t, Options{Zones: []Range{{1 << 60, 1<<60 + gib}}})
	var windows []*Window
	for range 10 {
		w := reserve(t, s, 2*mib, ReserveOptions{})
		if w.start%Alignment != 0 {
			t.Errorf("%v is not aligned", w)
		}
		windows = append(windows, w)
	}
	s.agree(t)
	if st := s.Stats(); st.KernelPlaced != 10 {
		t.Errorf("%+v", st)
	}
	mapFile(t, windows[0], 2*mib, memfd(t, 2*mib))
	if err := windows[3].Extend(2 * mib); err != nil && !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	s.agree(t)
	for _, w := range windows {
		ok(t, w.Release())
	}
	s.agree(t)
}

// TestSpace_NothingToCheck: the invariants hold where nothing was reserved yet.
func TestSpace_NothingToCheck(t *testing.T) { New(Options{}).checkInvariantsLocked() }
