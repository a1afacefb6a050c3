// Package testutil holds what the tests of several packages need: a check that
// nothing has leaked, and failures of system calls made to order.
package testutil

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// Main runs the tests of a package and fails if they leave a window, a
// descriptor or a goroutine behind. settle gives back what may legitimately be
// kept, such as a cache of windows; nil for nothing.
func Main(m *testing.M, settle func()) {
	// Who is told of signals leaves a goroutine of package signal behind for good.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt)
	signal.Stop(signals)
	before := Snapshot()
	code := m.Run()
	// The coordinator of fuzzing workers leaves a goroutine behind itself.
	fuzzing := flag.Lookup("test.fuzz").Value.String() != ""
	if code == 0 && !fuzzing {
		if leaks := before.Leaks(settle); leaks != "" {
			fmt.Fprintln(os.Stderr, "left behind by the tests:\n"+leaks)
			code = 1
		}
	}
	os.Exit(code)
}

// NoLeaks fails t if it leaves a window, a descriptor or a goroutine behind.
func NoLeaks(t *testing.T, settle func()) {
	t.Helper()
	before := Snapshot()
	t.Cleanup(func() {
		if leaks := before.Leaks(settle); leaks != "" {
			t.Error("left behind:\n" + leaks)
		}
	})
}

// State is what a process holds that is to be given back.
type State struct {
	windows    []string
	files      []string
	goroutines int
}

// Snapshot lists what the process holds.
func Snapshot() State {
	return State{windows: windows(), files: files(), goroutines: runtime.NumGoroutine()}
}

// Leaks describes what has been added since s, or returns "". Goroutines that
// are ending, and what they are giving back, get some time for it.
func (s State) Leaks(settle func()) (leaks string) {
	for range 200 {
		if settle != nil {
			settle()
		}
		if leaks = s.added(); leaks == "" {
			return ""
		}
		time.Sleep(10 * time.Millisecond)
	}
	return leaks
}

// Count returns how many mappings and descriptors there are.
func (s State) Count() (windows, files int) { return len(s.windows), len(s.files) }

// added describes what there is now and was not in s.
func (s State) added() string {
	now := Snapshot()
	var b strings.Builder
	report := func(what string, old, new []string) {
		for _, n := range new {
			if !slices.Contains(old, n) {
				fmt.Fprintf(&b, "  %s %s\n", what, n)
			}
		}
	}
	report("window", s.windows, now.windows)
	report("descriptor", s.files, now.files)
	if now.goroutines > s.goroutines {
		stacks := make([]byte, 64<<10)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprintf(&b, "  %d goroutines, there were %d\n%s", now.goroutines, s.goroutines, stacks)
	}
	return b.String()
}

// windows lists the mappings that can only be ours.
func windows() []string {
	var w []string
	heap := uint64(reflect.ValueOf(new([64 << 10]byte)).Pointer()) // an address in the Go heap
	_ = sys.Maps(func(v sys.VMA) bool {
		if isWindow(v, runtime.GOARCH, heap) {
			w = append(w, fmt.Sprintf("%x-%x %s %s", v.Start, v.End, v.Perms, v.Path))
		}
		return true
	})
	return w
}

// isWindow reports whether v can only be ours, in a process of such machines whose Go heap has
// an object at heap: a memfd, or anonymous inaccessible memory where neither the Go heap nor the
// kernel puts any, or more of it than they take while a program runs.
//
// The zones of package addrspace lie in these places, and those of tests. The heap is below
// them on amd64; elsewhere it is at random below 2^47, and what it has reserved and not yet used
// is inaccessible, too.
func isWindow(v sys.VMA, arch string, heap uint64) bool {
	if strings.HasPrefix(v.Path, "/memfd:") || strings.HasPrefix(v.Path, "[anon:growarena") {
		return true
	}
	start, end := uint64(v.Start), uint64(v.End)
	if v.Perms != "---p" {
		return false
	}
	if end-start >= 1<<30 {
		return true
	}
	const reach = 1 << 40 // Tests need less than that.
	if start < heap+reach && heap < end+reach {
		return false
	}
	return start >= 0x4000<<32 && end < 0x7c00<<32 ||
		arch == "arm64" && start >= 0x8000<<32 && end <= 0xdc00<<32 ||
		start >= 1<<48 && end <= 1<<56 // The rest is the kernel's own.
}

// files lists the open descriptors with what they refer to.
func files() []string {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return nil
	}
	var f []string
	for _, d := range dir {
		target, err := os.Readlink("/proc/self/fd/" + d.Name())
		// The directory just read, and the runtime's own, come and go.
		ours := strings.HasSuffix(target, "/pagemap") || target == "anon_inode:[userfaultfd]"
		if err != nil || !ours && (strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "anon_inode:")) {
			continue
		}
		f = append(f, d.Name()+" -> "+target)
	}
	return f
}
