//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"math"
	"os"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// block puts a stranger behind w, until the test ends.
func block(t *testing.T, w *Window) {
	t.Helper()
	r := strangerAt(w)
	_, err := sys.Reserve(r.Start, r.Len())
	ok(t, err)
	t.Cleanup(func() { ok(t, sys.Unmap(r.Start, r.Len())) })
}

// strangerAt returns where block puts its stranger.
func strangerAt(w *Window) Range {
	return Range{w.rng().End + guard/2, w.rng().End + guard/2 + uintptr(os.Getpagesize())}
}

// TestWindow_Grow follows a window that becomes longer where it is, and then somewhere else:
// with all of its parts, holes included, at the same offsets; the old window stays.
func TestWindow_Grow(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib)})
	one, two := memfd(t, 16*mib), memfd(t, 16*mib)
	w := reserve(t, s, 2*mib, ReserveOptions{Name: "grows", Compact: true})
	mapFile(t, w, 2*mib, one)
	for _, step := range []struct{ n, size int }{{1, 2 * mib}, {2 * mib, 2 * mib}, {2*mib + 1, 4 * mib}, {16 * mib, 16 * mib}} {
		if v, err := w.Grow(step.n); v != w || err != nil || w.Size() != step.size {
			t.Fatalf("grown to %d: %v, %v; %d bytes, want %d", step.n, v, err, w.Size(), step.size)
		}
	}
	ok(t, w.MapFile(4*mib, 2*mib, two, 0, sys.ProtRead))
	ok(t, w.MapFile(6*mib, 4*mib, one, 6*mib, readWrite))
	w.Bytes(0, 1)[0], w.Bytes(10*mib-1, 1)[0] = 1, 2
	block(t, w)
	v, err := w.Grow(16*mib + 1)
	ok(t, err)
	defer func() { ok(t, v.Release()) }()
	if v == w || v.Size() != 32*mib || v.Name() != "grows" || v.place.compact || v.Mapped() != w.Mapped() || len(v.segs) != 3 || w.Size() != 16*mib {
		t.Fatalf("%v of %d bytes with %v", v, v.Size(), v.segs)
	}
	if v.Bytes(0, 1)[0] != 1 || v.Bytes(10*mib-1, 1)[0] != 2 {
		t.Error("the bytes have not come along")
	}
	v.Bytes(0, 1)[0] = 3
	if w.Bytes(0, 1)[0] != 3 {
		t.Error("a write to the new window does not show in the old one")
	}
	mustPanic(t, func() { v.Bytes(2*mib, 1) }, "part of it is not mapped")
	s.agree(t, strangerAt(w))
	ok(t, w.Release())
	if v.Bytes(0, 1)[0] != 3 {
		t.Error("the new window does not outlive the old one")
	}
	s.agree(t, strangerAt(w))
}

// TestWindow_GrowRefused: what refuses the move is an error with nothing changed.
func TestWindow_GrowRefused(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib), CacheWindows: -1, MaxVMAs: 4})
	w := reserve(t, s, 4*mib, ReserveOptions{})
	fd := memfd(t, 4*mib)
	mapFile(t, w, 2*mib, fd)
	w.Bytes(0, 1)[0] = 7
	block(t, w)
	still := func(step string) {
		t.Helper()
		if st := s.Stats(); st.Windows != 1 || w.Size() != 4*mib || w.Bytes(0, 1)[0] != 7 {
			t.Errorf("%s: %+v", step, st)
		}
		s.agree(t, strangerAt(w))
	}
	restore := testutil.FailAll(sys.CallMremap, syscall.EINVAL)
	v, err := w.Grow(8 * mib)
	restore()
	if v != nil || !errors.Is(err, sys.EINVAL) || !errors.Is(err, ErrNoSpace) {
		t.Errorf("without mremap: %v, %v", v, err)
	}
	still("without mremap")
	if v, err = w.Grow(math.MaxInt); v != nil || !errors.Is(err, ErrNoSpace) {
		t.Errorf("to MaxInt: %v, %v", v, err)
	}
	still("MaxInt")
	ok(t, w.MapFile(2*mib, mib, fd, 0, readWrite)) // A VMA more.
	ok(t, w.MapFile(3*mib, mib, fd, 0, readWrite))
	if v, err = w.Grow(8 * mib); v != nil || !errors.Is(err, ErrNoSpace) {
		t.Errorf("above MaxVMAs: %v, %v", v, err)
	}
	still("MaxVMAs")
}

func TestWindow_GrowMisuse(t *testing.T) {
	s := newSpace(t, Options{})
	w, gone, shut := reserve(t, s, 4*mib, ReserveOptions{}), reserve(t, s, 4*mib, ReserveOptions{}), reserve(t, s, 4*mib, ReserveOptions{})
	ok(t, gone.Release())
	ok(t, shut.Quarantine())
	mapFile(t, w, 2*mib, memfd(t, 2*mib))
	for name, tt := range map[string]struct {
		f    func()
		want string
	}{
		"to nothing":          {func() { w.Grow(0) }, "addrspace: Grow of window"},
		"to less":             {func() { w.Grow(-1) }, "to -1 bytes"},
		"a released one":      {func() { gone.Grow(1) }, "it was released"},
		"a quarantined one":   {func() { shut.Grow(8 * mib) }, "it is quarantined"},
		"bytes released":      {func() { gone.Bytes(0, 0) }, "Bytes of window"},
		"bytes quarantined":   {func() { shut.Bytes(0, 0) }, "it is quarantined"},
		"bytes not mapped":    {func() { w.Bytes(2*mib-1, 2) }, "addrspace: Bytes of 2 bytes at 2097151 of window"},
		"bytes before":        {func() { w.Bytes(-1, 1) }, "Bytes of 1 bytes at -1"},
		"less than no bytes":  {func() { w.Bytes(0, -1) }, "Bytes of -1 bytes"},
		"beyond what is held": {func() { w.Bytes(math.MaxInt, math.MaxInt) }, "part of it is not mapped"},
	} {
		t.Run(name, func(t *testing.T) { mustPanic(t, tt.f, tt.want) })
	}
	if b := w.Bytes(mib, mib); len(b) != mib || cap(b) != mib || &b[0] != &w.data(2 * mib)[mib] {
		t.Errorf("%d bytes, capacity %d", len(b), cap(b))
	}
	if b := w.Bytes(4*mib, 0); len(b) != 0 {
		t.Errorf("%d bytes, want none", len(b))
	}
}
