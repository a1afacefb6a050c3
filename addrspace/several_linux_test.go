//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// TestRehome_SeveralMappings: what others have made several mappings of, of which the second cannot move, is
// refused, and both windows are as they were, also where the kernel has moved the first.
func TestRehome_SeveralMappings(t *testing.T) {
	fd, err := sys.Watch()
	if err != nil {
		t.Skip("nothing to make it several mappings: ", err)
	}
	defer sys.Close(fd)
	sc := newScene(t, Options{})
	sc.w.data(8 * mib)[mib] = 7
	half := sc.w.start + 4*mib
	ok(t, sys.WatchRange(fd, half, 4*mib)) // As somebody else does: dirty does not know.
	err = sc.w.Rehome(sc.v)
	if !errors.Is(err, sys.EFAULT) {
		t.Errorf("the error is %v, want EFAULT", err)
	}
	ok(t, sys.UnwatchRange(fd, half, 4*mib))
	sc.s.agree(t)
	if sc.v.Mapped() != 0 || sc.w.data(8 * mib)[mib] != 7 {
		t.Error("the windows are not as they were")
	}
	ok(t, sc.w.Rehome(sc.v))
	sc.s.agree(t)
	if sc.v.data(8 * mib)[mib] != 7 {
		t.Error("other bytes")
	}
}

// TestRehome_PartlyTracked: so is a window of which a part is tracked, before anything is moved, and that is said.
// One that is tracked as a whole moves.
func TestRehome_PartlyTracked(t *testing.T) {
	sc := newScene(t, Options{})
	w, err := dirty.Open()
	if err != nil {
		t.Skip(err)
	}
	if _, err := w.Add(sc.w.start, sc.w.start+mib); err != nil {
		t.Fatal(err)
	}
	calls := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMremap {
			calls++
		}
		return 0
	})
	err = sc.w.Rehome(sc.v)
	restore()
	if !errors.Is(err, sys.EINVAL) || calls > 0 || !strings.Contains(err.Error(), "is tracked (package track)") {
		t.Errorf("the error is %v, of %d calls, want EINVAL and none", err, calls)
	}
	w.Close()
	sc.s.agree(t)
	if w, err = dirty.Open(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Add(sc.w.start, sc.w.start+8*mib); err != nil {
		t.Fatal(err)
	}
	ok(t, sc.w.Rehome(sc.v))
}
