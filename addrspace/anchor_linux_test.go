//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// churn reserves a window, maps n bytes into it, and releases it, times times.
func churn(t *testing.T, s *Space, n, fd, times int) (start uintptr) {
	for range times {
		w := reserve(t, s, 16*mib, ReserveOptions{})
		mapFile(t, w, n, fd)
		w.data(n)[0] = 1
		start = w.start
		ok(t, w.Release())
		s.agree(t)
	}
	return start
}

// place returns the place that starts at start.
func (s *Space) placeAt(start uintptr) *place {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pl.reg.at(start)
}

// TestAnchor_Life follows the anchor of a place: it comes when the place is given
// back for the second time, stays while it is handed out, and goes with it.
func TestAnchor_Life(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	fd := memfd(t, 16*mib)
	for i, want := range []anchor{noAnchor, hasAnchor, hasAnchor} {
		if got := s.placeAt(churn(t, s, 2*mib, fd, 1)).anchor; got != want {
			t.Errorf("anchor %d after release %d, want %d", got, i+1, want)
		}
	}
	if st := s.Stats(); st.VMAs != 2 || st.Anchors != 1 {
		t.Errorf("%d VMAs of a cached window and its anchor", st.VMAs)
	}
	calls := testutil.CountCalls(func() { churn(t, s, 2*mib, fd, 1) })
	if calls[sys.CallMmap] != 2 || calls[sys.CallMunmap] != 0 {
		t.Errorf("a window used again takes %v", calls)
	}
	w := reserve(t, s, 16*mib, ReserveOptions{})
	ok(t, w.Extend(2*mib))
	s.agree(t)
	ok(t, w.Release())
	ok(t, s.Trim())
	s.agree(t)
	if st := s.Stats(); st.VMAs != 0 || st.Anchors != 0 {
		t.Errorf("%d VMAs after Trim", st.VMAs)
	}
}

// TestAnchor_NotForLargeParts: where much was touched the page tables are dropped
// anyway, and that there are some more to make is not felt.
func TestAnchor_NotForLargeParts(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	if got := s.placeAt(churn(t, s, 8*mib, memfd(t, 16*mib), 4)).anchor; got != noAnchor {
		t.Errorf("anchor %d", got)
	}
}

// TestAnchor_Refused lets somebody else be there, and lets it be one VMA too many:
// it is not asked for again.
func TestAnchor_Refused(t *testing.T) {
	fd := memfd(t, 16*mib)
	t.Run("a stranger", func(t *testing.T) {
		s := newSpace(t, Options{Zones: testZones(gib)})
		start := churn(t, s, 2*mib, fd, 1)
		foreign := Range{start - 2*s.page, start - s.page}
		_, err := sys.Reserve(foreign.Start, foreign.Len())
		ok(t, err)
		defer sys.Unmap(foreign.Start, foreign.Len())
		for range 3 {
			w := reserve(t, s, 16*mib, ReserveOptions{})
			mapFile(t, w, 2*mib, fd)
			ok(t, w.Release())
			s.agree(t, foreign)
		}
		if got := s.placeAt(start).anchor; got != refusedAnchor {
			t.Errorf("anchor %d", got)
		}
		ok(t, s.Trim())
	})
	t.Run("the start of the zone", func(t *testing.T) {
		s := newSpace(t, Options{Zones: testZones(16 * mib), CacheBytes: gib})
		start := churn(t, s, 2*mib, fd, 3)
		if got := s.placeAt(start).anchor; start != testZones(1)[0].Start || got != refusedAnchor {
			t.Errorf("anchor %d at %#x", got, start)
		}
	})
	t.Run("the limit", func(t *testing.T) {
		s := newSpace(t, Options{Zones: testZones(gib), MaxVMAs: 3})
		start := churn(t, s, 2*mib, fd, 1)
		w := reserve(t, s, 16*mib, ReserveOptions{}) // one VMA, and one more when mapped
		mapFile(t, w, 2*mib, fd)
		reserve(t, s, 2*mib, ReserveOptions{})
		ok(t, w.Release())
		s.agree(t)
		if got := s.placeAt(start).anchor; got != refusedAnchor {
			t.Errorf("anchor %d", got)
		}
	})
}

// TestAnchor_NotTakenBack lets the kernel refuse an anchor: the place is stuck with
// it, and both go when the kernel comes to its senses.
func TestAnchor_NotTakenBack(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	start := churn(t, s, 2*mib, memfd(t, 16*mib), 3)
	restore := testutil.FailAll(sys.CallMunmap, sys.ENOMEM)
	err := s.Trim()
	restore()
	if err == nil {
		t.Error("Trim succeeded")
	}
	s.agree(t)
	if p := s.placeAt(start); p == nil || p.kind != stuck || p.anchor != hasAnchor {
		t.Errorf("%v", p)
	}
	ok(t, s.Trim())
	s.agree(t)
}

// TestAnchor_IsNoStranger learns who else is there: anchors are ours.
func TestAnchor_IsNoStranger(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	start := churn(t, s, 2*mib, memfd(t, 16*mib), 3)
	if got := s.placeAt(start).anchor; got != hasAnchor {
		t.Fatalf("anchor %d", got)
	}
	s.mu.Lock()
	s.relearnLocked()
	s.mu.Unlock()
	if got := s.Stats(); got.Foreign != 0 {
		t.Errorf("%d strangers, there are none", got.Foreign)
	}
	ok(t, s.Trim())
}
