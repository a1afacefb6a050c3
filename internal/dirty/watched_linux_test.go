//go:build !portable

package dirty

import (
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestGuard: no guard is installed in what is watched, whoever watches it, and where it is not any more.
func TestGuard(t *testing.T) {
	m := kinds["memfd"](t, 4*extent)
	at := RangeOf(m.b).Start
	if err := Guard(at, at+pageSize); err != nil {
		t.Skip("no guards here: ", err)
	}
	add := func(w *Watcher, start, end uintptr) *Area {
		t.Helper()
		a, err := w.Add(start, end)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	watcher(t) // Skips where there is none.
	var watchers [2]*Watcher
	for i := range watchers {
		var err error
		if watchers[i], err = Open(); err != nil {
			t.Fatal(err)
		}
	}
	w, other := watchers[0], watchers[1]
	area := add(w, at+extent, at+2*extent)
	add(other, at+3*extent, at+4*extent)
	for _, tt := range []struct {
		start, end   uintptr
		some, partly bool
	}{
		{0, extent, false, false},
		{extent - pageSize, extent, false, false},
		{extent - pageSize, extent + pageSize, true, true},
		{extent, extent + pageSize, true, false},
		{extent, 2 * extent, true, false},
		{2*extent - pageSize, 2 * extent, true, false},
		{2*extent - pageSize, 2*extent + pageSize, true, true},
		{2 * extent, 3 * extent, false, false},
		{0, 4 * extent, true, true},
		{3*extent + pageSize, 4 * extent, true, false},
	} {
		if got := IsPartlyWatched(at+tt.start, at+tt.end); got != tt.partly {
			t.Errorf("[%#x, %#x) is partly watched: %v", tt.start, tt.end, got)
		}
		if err := Guard(at+tt.start, at+tt.end); errors.Is(err, ErrWatched) != tt.some || !tt.some && err != nil {
			t.Errorf("a guard of [%#x, %#x): %v", tt.start, tt.end, err)
		}
	}
	if err := w.Extend(area, at+2*extent+pageSize); err != nil {
		t.Fatal(err)
	}
	if err := Guard(at+2*extent, at+2*extent+pageSize); !errors.Is(err, ErrWatched) {
		t.Errorf("where the area was made longer: %v", err)
	}
	restore := testutil.FailNth(sys.CallUffdRegister, 1, syscall.ENOMEM)
	err := w.Extend(area, at+3*extent)
	restore()
	if err == nil {
		t.Error("no error")
	}
	if err := Guard(at+2*extent+pageSize, at+3*extent); err != nil {
		t.Errorf("where it could not be made longer: %v", err)
	}
	w.Forget(area.Start())
	if IsPartlyWatched(at, at+extent+pageSize) {
		t.Error("what was unmapped is watched")
	}
	other.Close()
	if err := Guard(at+3*extent, at+4*extent); err != nil {
		t.Errorf("after Close: %v", err)
	}
	add(w, at+3*extent, at+4*extent)
	if err := w.Remove(at+3*extent, at+4*extent); err != nil {
		t.Fatal(err)
	}
	if err := Guard(at+3*extent, at+4*extent); err != nil {
		t.Errorf("after Remove: %v", err)
	}
	w.Close()
	if len(watched.by) > 0 {
		t.Errorf("%v is left of watchers that are closed", watched.by)
	}
}
