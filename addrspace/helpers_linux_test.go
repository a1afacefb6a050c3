//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/internal/sys"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// testZones are zones of the tests' own, small enough to look at all of.
func testZones(size uintptr) []Range {
	start := uintptr(zonesFor("amd64", 47)[2].Start) + 0x800<<32
	return []Range{{start, start + size}}
}

// newSpace returns a Space that must be empty at the end of the test.
func newSpace(t testing.TB, o Options) *Space {
	t.Helper()
	if o.Seed == 0 {
		o.Seed = 1
	}
	s := New(o)
	t.Cleanup(func() {
		for w := range s.All() {
			t.Errorf("window %v was not released", w)
			_ = w.Release()
		}
		if err := s.Trim(); err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Windows != 0 || st.VMAs != 0 || st.ReservedBytes != 0 || st.MappedBytes != 0 ||
			st.Quarantined != 0 || st.Stuck != 0 || st.Cached != 0 {
			t.Errorf("the Space is not empty: %+v", st)
		}
		s.agree(t)
	})
	return s
}

// reserve is Reserve that must succeed, with a Release at the end of the test
// for those the test itself does not release.
func reserve(t testing.TB, s *Space, size int, o ReserveOptions) *Window {
	t.Helper()
	w, err := s.Reserve(size, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if state(w.state.Load()) != released {
			ok(t, w.Release())
		}
	})
	return w
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// memfd returns a file of n bytes in which each page begins with its number.
func memfd(t testing.TB, n int) int {
	t.Helper()
	fd, err := sys.Memfd("addrspace test", 0)
	ok(t, err)
	t.Cleanup(func() { _ = sys.Close(fd) }) // of a memfd: cannot fail
	ok(t, sys.Truncate(fd, int64(n)))
	return fd
}

const readWrite = sys.ProtRead | sys.ProtWrite

// mapFile maps the prefix [0, n) of fd to the start of w.
func mapFile(t testing.TB, w *Window, n, fd int) {
	t.Helper()
	ok(t, w.MapFile(0, n, fd, 0, readWrite))
}

// data returns the first n bytes of w.
func (w *Window) data(n int) []byte { return unsafe.Slice((*byte)(w.Base()), n) }

// agree compares what s holds with what the kernel says: in the zones of s lie
// its places, their anchors and nothing else but strangers, and each has as many
// VMAs as was counted.
func (s *Space) agree(t testing.TB, strangers ...Range) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkInvariantsLocked()
	type held struct {
		Range
		vmas int
	}
	var want, got []held
	anchors := make(map[uintptr]bool)
	for p := s.pl.reg.head.next; p != nil; p = p.next {
		if p.kind.ours() {
			want = append(want, held{p.rng(), p.vmas})
			if p.anchor == hasAnchor {
				anchors[s.anchorAddr(p)] = true
			}
		}
	}
	err := sys.Maps(func(v sys.VMA) bool {
		r := Range{v.Start, v.End}
		if anchors[v.Start] && r.Len() == s.page && v.Perms == "---p" {
			delete(anchors, v.Start)
			return true
		}
		q := s.pl.reg.first(v.Start)
		if q == nil || !q.rng().Overlaps(r) || !q.kind.ours() {
			if slices.ContainsFunc(strangers, r.Overlaps) {
				return true
			}
			if s.opts.Zones != nil && s.pl.inZones(r) > 0 && (q == nil || q.kind.ours()) {
				t.Errorf("VMA %v %s %s is no place's", r, v.Perms, v.Path)
			}
			return true
		}
		if v.End > q.end || v.Start < q.start {
			t.Errorf("VMA %v sticks out of %v", r, q)
		}
		if len(got) > 0 && got[len(got)-1].Start == q.start && got[len(got)-1].End == v.Start {
			got[len(got)-1].End = v.End
			got[len(got)-1].vmas++
		} else {
			got = append(got, held{r, 1})
		}
		return true
	})
	ok(t, err)
	if len(anchors) > 0 {
		t.Errorf("the kernel has no anchors at %#x", slices.Collect(maps.Keys(anchors)))
	}
	if !slices.Equal(want, got) {
		t.Errorf("places and VMAs of ours:\n%v\nof the kernel:\n%v", want, got)
	}
}

// panicText returns what f panics with, as text.
func panicText(t testing.TB, f func()) (text string) {
	t.Helper()
	defer func() { text = fmt.Sprint(recover()) }()
	f()
	t.Error("no panic")
	return ""
}

// mustPanic checks that f panics with a text that contains each part.
func mustPanic(t testing.TB, f func(), parts ...string) {
	t.Helper()
	text := panicText(t, f)
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("panic %q does not contain %q", text, part)
		}
	}
}
