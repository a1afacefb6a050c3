//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// kills returns how many processes of the group were killed for want of memory.
func kills(t *testing.T, dir string) int {
	t.Helper()
	for _, name := range []string{"memory.oom_control", "memory.events"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			if n, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
				count, err := strconv.Atoi(n)
				must(t, err)
				return count
			}
		}
	}
	t.Skip("the kernel does not count what it kills (Linux 4.13)")
	return 0
}

const groupLimit = 96 * mib

// inGroup runs the test in a child that is in a memory cgroup of groupLimit bytes. It
// returns nil in the child.
func inGroup(t *testing.T) (r *testutil.ChildResult, killed int) {
	t.Helper()
	if testutil.Race {
		t.Skip("the race detector takes more memory than the limit")
	}
	// The child is there already when the test begins in it.
	if testutil.IsChild(t) {
		return nil, 0
	}
	dir := testutil.MemoryGroup(t, groupLimit)
	before := kills(t, dir)
	r = testutil.Child(t, testutil.ChildOptions{Enter: testutil.EnterGroup(dir)})
	return r, kills(t, dir) - before
}

// TestMemoryGroup_Committed: with Options.Commit the limit of a memory cgroup is an error
// from Grow, and all is as it was; what is given back can be had again. It needs
// MADV_COLLAPSE: everything else that takes memory ends in the OOM killer there.
func TestMemoryGroup_Committed(t *testing.T) {
	if !collapses() {
		t.Skip("no MADV_COLLAPSE: at a cgroup's limit the OOM killer comes first")
	}
	if r, killed := inGroup(t); r != nil {
		if !r.Passed() || killed > 0 {
			t.Errorf("%d processes were killed; the child: %v", killed, r)
		}
		return
	}
	a, err := arena.NewArena(arena.Options{Name: "index", Commit: true})
	must(t, err)
	var parts objects
	for err == nil {
		if err = a.Grow(4 * mib); err == nil {
			must(t, parts.take(a.Alloc(4*mib)))
		}
	}
	for range 3 {
		length, capacity, committed := a.Len(), a.Cap(), a.Stats().Committed
		err = a.Grow(capacity - length + 8*mib)
		if !errors.Is(err, sys.EBUSY) && !errors.Is(err, sys.ENOMEM) {
			t.Fatalf("at the limit: %v", err)
		}
		if !strings.HasPrefix(err.Error(), `arena: grow "index" by `) {
			t.Errorf("at the limit: %v", err)
		}
		if s := a.Stats(); s.Len != length || s.Cap != capacity || s.Committed != committed {
			t.Errorf("was %d of %d bytes, %d committed; after the error %+v", length, capacity, committed, s)
		}
	}
	if n := len(parts.all); n < 10 || n*4*mib > groupLimit {
		t.Errorf("%d times 4 MiB fit into %d bytes", n, groupLimit)
	}
	parts.check(t)
	a.Truncate(8 * mib)
	must(t, a.Trim())
	parts.all = parts.all[:2]
	b, err := arena.NewArena(arena.Options{Name: "other", Commit: true})
	must(t, err)
	must(t, b.Grow(16*mib))
	must(t, parts.take(b.Alloc(16*mib)))
	parts.check(t)
	must(t, b.Free())
	must(t, a.Free())
}

// TestMemoryGroup_Lazy: without Options.Commit there is no error to be had: the store that
// is one page too many is answered by the OOM killer, which kills the process. This is
// what README's table of settings says.
func TestMemoryGroup_Lazy(t *testing.T) {
	if r, killed := inGroup(t); r != nil {
		status, ok := r.State.Sys().(syscall.WaitStatus)
		if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL || killed == 0 {
			t.Errorf("%d processes were killed; the child: %v", killed, r)
		}
		return
	}
	a, err := arena.NewArena(arena.Options{Name: "index", Headroom: -1})
	must(t, err)
	for a.Len() < 2*groupLimit { // Growing takes nothing, and is never refused.
		b, err := a.Alloc(mib)
		must(t, err)
		clear(b) // Already zero: it is the touch that counts.
	}
	t.Error("twice the limit was touched, and the process lives")
}

// collapses reports whether the kernel makes huge pages of shared memory on demand.
func collapses() bool {
	for _, f := range arena.Features() {
		if f.Name == "collapse" {
			return f.Err == nil
		}
	}
	return false
}
