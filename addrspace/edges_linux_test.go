//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// rss returns how much of the VMA at addr has page tables, in bytes.
func rss(t *testing.T, addr uintptr) (n int) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	ok(t, err)
	defer f.Close()
	in := bufio.NewScanner(f)
	for here := false; in.Scan(); {
		if here {
			if _, err := fmt.Sscanf(in.Text(), "Rss: %d kB", &n); err == nil {
				return n << 10
			}
		}
		here = here || strings.HasPrefix(in.Text(), fmt.Sprintf("%x-", addr))
	}
	t.Fatalf("no VMA at %#x", addr)
	return 0
}

// TestWindow_DropPages: of what is unmapped page tables go before where there is much, and of nothing else.
func TestWindow_DropPages(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	w := reserve(t, s, 32*mib, ReserveOptions{})
	ok(t, w.MapFile(4*mib, 24*mib, memfd(t, 24*mib), 0, readWrite))
	touch := func() {
		b := w.Bytes(4*mib, 24*mib)
		for i := 0; i < len(b); i += 4096 {
			b[i]++
		}
	}
	for _, tt := range []struct {
		off, n, touched, gone uintptr
	}{
		{0, 32 * mib, 32 * mib, 24 * mib},
		{8 * mib, dropMin, 32 * mib, dropMin},
		{8 * mib, dropMin - 4096, 32 * mib, 0},
		{24 * mib, 8 * mib, 32 * mib, 4 * mib},
		{28 * mib, 4 * mib, 32 * mib, 0},
		{0, 32 * mib, 8*mib + 1, 4*mib + 4096},
		{0, 32 * mib, 8*mib - 4096, 0},
		{16 * mib, 8 * mib, 8 * mib, 0},
	} {
		touch()
		before := rss(t, w.start+4*mib)
		w.SetTouched(int(tt.touched))
		w.mu.Lock()
		large := w.dropPages(tt.off, tt.n)
		w.mu.Unlock()
		if gone := uintptr(before - rss(t, w.start+4*mib)); gone != tt.gone || large != (tt.gone > 0) {
			t.Errorf("%+v: %d bytes less, %v", tt, gone, large)
		}
	}
}

// TestWindow_HoleIsKnown: a hole that cannot be closed is remembered as where it is.
func TestWindow_HoleIsKnown(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	w := reserve(t, s, 16*mib, ReserveOptions{})
	restore := testutil.FailAll(sys.CallMmap, syscall.ENOMEM)
	err := w.MapFile(6*mib, 4*mib, memfd(t, 4*mib), 0, readWrite)
	restore()
	if want := (Range{w.start + 6*mib, w.start + 10*mib}); err == nil || w.place.hole != want {
		t.Errorf("%v; a hole at %v, want %v", err, w.place.hole, want)
	}
	ok(t, w.Release())
}

// TestWindow_GrowALittle: where there is no room for twice the length, what was asked for is enough.
func TestWindow_GrowALittle(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	w := reserve(t, s, 4*mib, ReserveOptions{Compact: true})
	at := w.start + 6*mib + guard
	_, err := sys.Reserve(at, s.page)
	ok(t, err)
	defer func() { ok(t, sys.Unmap(at, s.page)) }()
	s.mu.Lock()
	s.learnLocked(Range{at, at + s.page})
	s.mu.Unlock()
	if v, err := w.Grow(4*mib + 1); v != w || err != nil || w.Size() != 6*mib {
		t.Errorf("%v of %d bytes, %v", v, w.Size(), err)
	}
}

// TestSegments_Strangers: what is mapped by address has a number that no descriptor has, and of its own.
func TestSegments_Strangers(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	from := reserve(t, s, 2*mib, ReserveOptions{})
	mapFile(t, from, 2*mib, memfd(t, 2*mib))
	defer strangers.Store(strangers.Swap(0))
	w, seen := reserve(t, s, 8*mib, ReserveOptions{}), map[int]bool{}
	for off := 0; off < 8*mib; off += 2 * mib {
		ok(t, w.MapAlias(off, 2*mib, from.start))
	}
	for _, g := range w.segs {
		if g.fd >= -1 || seen[g.fd] {
			t.Errorf("number %d", g.fd)
		}
		seen[g.fd] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d parts, want 4", len(seen))
	}
}

// TestSpace_Collisions: where the kernel says again and again that somebody is where nobody is to
// be seen, a reservation gives up after a few places, which are counted, as it is.
func TestSpace_Collisions(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(64 * gib)})
	restore := testutil.FailAll(sys.CallMmap, syscall.EEXIST)
	_, err := s.Reserve(2*mib, ReserveOptions{})
	restore()
	st := s.Stats()
	if !errors.Is(err, ErrNoSpace) || st.Hints != blindMax || st.KernelCollisions != blindMax || st.Refused != 1 || st.Reserves != 0 {
		t.Errorf("%v: %+v", err, st)
	}
	z := s.Zones()[0]
	at := z.Start + 32*mib
	_, err = sys.Reserve(at, 4*mib)
	ok(t, err)
	defer func() { ok(t, sys.Unmap(at, 4*mib)) }()
	s.mu.Lock()
	learned, err := s.hintLocked(at+2*mib, 2*mib)
	s.mu.Unlock()
	if st := s.Stats(); !learned || !errors.Is(err, sys.EEXIST) || st.ForeignLearned != 1 || st.Foreign != 1 {
		t.Errorf("%v, %v: %+v", learned, err, st)
	}
}

// TestSpace_StuckMakesRoom: what the kernel did not take back is tried again, and made inaccessible until
// then, before a reservation is refused for the number of mappings.
func TestSpace_StuckMakesRoom(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib), CacheWindows: -1, MaxVMAs: 2})
	w := reserve(t, s, 4*mib, ReserveOptions{})
	mapFile(t, w, 4*mib, memfd(t, 4*mib))
	p := w.place
	refuse := func(calls ...sys.Call) func() {
		return sys.SetHook(func(c sys.Call) syscall.Errno {
			for _, one := range calls {
				if c == one {
					return sys.ENOMEM
				}
			}
			return 0
		})
	}
	restore := refuse(sys.CallMunmap, sys.CallMmap, sys.CallMprotect)
	if w.Release() == nil || !p.exposed {
		t.Errorf("%v is not exposed", p)
	}
	restore()
	restore = refuse(sys.CallMunmap, sys.CallMmap)
	s.mu.Lock()
	any := s.makeRoomLocked()
	s.mu.Unlock()
	if st := s.Stats(); !any || p.exposed || st.Stuck != 1 || st.Retried != 1 {
		t.Errorf("there was something: %v; exposed: %v; %+v", any, p.exposed, st)
	}
	restore()
	v, x := reserve(t, s, 2*mib, ReserveOptions{}), reserve(t, s, 2*mib, ReserveOptions{})
	if st := s.Stats(); st.Stuck != 0 || st.Retried != 2 {
		t.Errorf("%+v", st)
	}
	ok(t, x.Release())
	ok(t, v.Release())
	s.mu.Lock()
	any = s.makeRoomLocked()
	s.mu.Unlock()
	if any {
		t.Error("there was nothing to give back")
	}
}

// TestSpace_Floor: windows do not lie below the lowest zone, but where the caller says which there are; and it is
// known that there is a Space, besides the one of the process.
func TestSpace_Floor(t *testing.T) {
	s, own := newSpace(t, Options{}), newSpace(t, Options{Zones: testZones(gib)})
	for _, one := range []*Space{s, own, Default()} {
		w := reserve(t, one, 2*mib, ReserveOptions{})
		if got := slices.Contains(census.Mentioned(), any(one)); got != (one != Default()) {
			t.Errorf("it is known that there is a Space: %v", got)
		}
		if w.String() != w.Range().String() {
			t.Errorf("a window without a name is %v", w)
		}
	}
	lowest := s.Zones()[0].Start
	for _, z := range s.Zones() {
		lowest = min(lowest, z.Start)
	}
	if s.floor != lowest || own.floor != 0 {
		t.Errorf("the lowest are %#x and %#x, want %#x and 0", s.floor, own.floor, lowest)
	}
	for _, bits := range []int{0, 36, 57} {
		New(Options{AddressBits: bits})
	}
}

// TestSpace_NamesIgnored: names that the kernel does not take are counted.
func TestSpace_NamesIgnored(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	restore := testutil.FailAll(sys.CallPrctl, syscall.ENOMEM)
	for n := range uint64(3) {
		reserve(t, s, 2*mib, ReserveOptions{Name: "a name"})
		if st := s.Stats(); st.AdviceIgnored != n+1 {
			t.Errorf("%d times, want %d", st.AdviceIgnored, n+1)
		}
	}
	restore()
}

// TestLimit_KeepsSome: of a limit on addresses some is left to the Go runtime; the limit is read anew, and here there
// is none, where that would be taken.
func TestLimit_KeepsSome(t *testing.T) {
	if sys.LimitAS() != math.MaxUint64 || sys.AddressesUsed() == 0 {
		t.Skip("RLIMIT_AS is set, or there is no /proc")
	}
	const limit = 1 << 44
	for _, tt := range []struct {
		left uint64
		fits bool
	}{{addressesKept + addressesKept/2, true}, {addressesKept / 2, false}} {
		s := newSpace(t, Options{Zones: testZones(gib)})
		reserve(t, s, 2*mib, ReserveOptions{})
		s.mu.Lock()
		s.limitAS = limit
		err := s.addressBudgetLocked(uintptr(limit - sys.AddressesUsed() - tt.left))
		if fits := s.limitAS == limit; err != nil || fits != tt.fits {
			t.Errorf("%d bytes are left: it fits: %v, %v", tt.left, fits, err)
		}
		s.mu.Unlock()
	}
}
