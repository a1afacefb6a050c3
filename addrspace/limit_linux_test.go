//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// refusal checks that err is a refusal that says each of the parts.
func refusal(t *testing.T, err error, parts ...string) {
	t.Helper()
	if !errors.Is(err, ErrNoSpace) {
		t.Errorf("%v, want ErrNoSpace", err)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not contain %q", err, part)
		}
	}
}

func TestLimit_MaxVMAs(t *testing.T) {
	s := newSpace(t, Options{Zones: testZones(gib), MaxVMAs: 6})
	fd := memfd(t, 8*mib)
	var windows []*Window
	for range 5 {
		windows = append(windows, reserve(t, s, 8*mib, ReserveOptions{}))
	}
	w := windows[0]
	mapFile(t, w, 2*mib, fd)
	_, err := s.Reserve(2*mib, ReserveOptions{Min: 1})
	refusal(t, err, "addrspace: reserve 2097152 bytes", "6 mappings in use", "Options.MaxVMAs is 6")
	refusal(t, w.MapFile(4*mib, 2*mib, fd, 0, readWrite), "addrspace: map 2097152 bytes at 4194304", "MaxVMAs is 6")
	refusal(t, windows[1].MapFile(0, 2*mib, fd, 0, readWrite), "MaxVMAs")
	refusal(t, w.Rehome(windows[1]), "addrspace: rehome", "MaxVMAs")
	ok(t, w.MapFile(2*mib, 2*mib, fd, 2*mib, readWrite)) // no VMA more
	page := os.Getpagesize()
	refusal(t, w.Unmap(2*mib, page), fmt.Sprintf("addrspace: unmap %d bytes", page), "MaxVMAs")
	ok(t, windows[1].MapFile(0, 8*mib, fd, 0, readWrite)) // its only VMA
	refusal(t, windows[1].Extend(2*mib), "addrspace: extend", "MaxVMAs")
	ok(t, windows[2].Extend(2*mib))
	s.agree(t)

	// Cached windows make room before anything is refused.
	ok(t, windows[3].Release())
	ok(t, windows[4].Release())
	if st := s.Stats(); st.Cached != 2 || st.VMAs != 6 {
		t.Errorf("%+v", st)
	}
	reserve(t, s, 2*mib, ReserveOptions{})
	ok(t, w.Unmap(2*mib, 2*mib))
	if st := s.Stats(); st.Cached != 1 || st.VMAs != 6 {
		t.Errorf("%+v", st)
	}
	s.agree(t)
}

func TestLimit_MaxMapCount(t *testing.T) {
	s := newSpace(t, Options{})
	reserve(t, s, 2*mib, ReserveOptions{})
	if st := s.Stats(); st.MaxVMAs != sys.MaxMapCount()/2 {
		t.Errorf("refuses beyond %d, with vm.max_map_count %d", st.MaxVMAs, sys.MaxMapCount())
	}
	s.mu.Lock()
	real := s.vmas
	s.vmas = s.vmasMax // as if there were so many
	err := s.budgetLocked(1)
	s.vmasMax = 1 // as if the setting had been lower when it was read
	s.vmas = real
	if err := s.budgetLocked(1); err != nil {
		t.Errorf("the setting was not read anew: %v", err)
	}
	s.mu.Unlock()
	refusal(t, err, fmt.Sprintf("vm.max_map_count is %d", sys.MaxMapCount()), "sysctl -w vm.max_map_count=")
}

// TestLimit_AddressSpace lets RLIMIT_AS refuse: cached windows go first, and
// the error names the limit.
func TestLimit_AddressSpace(t *testing.T) {
	s := newSpace(t, Options{CacheBytes: gib})
	ok(t, reserve(t, s, 512*mib, ReserveOptions{}).Release())
	w := reserve(t, s, 64*mib, ReserveOptions{})
	restore := limitAS(t, 300*mib)
	defer restore()
	reserve(t, s, 600*mib, ReserveOptions{}) // in place of the cached one
	_, err := s.Reserve(gib, ReserveOptions{})
	refusal(t, err, "RLIMIT_AS is ", "in use", "ulimit -v")
	refusal(t, w.Extend(gib), "RLIMIT_AS is ")
	mapFile(t, w, 2*mib, memfd(t, 2*mib)) // takes no addresses more
	s.agree(t)
}

// TestLimit_ExtendInAddressSpace has RLIMIT_AS from the Space's start: extending a
// window leaves to the Go runtime what reserving does, and when the limit is
// raised that is noticed.
func TestLimit_ExtendInAddressSpace(t *testing.T) {
	restore := limitAS(t, 600*mib)
	defer restore()
	s := newSpace(t, Options{})
	w := reserve(t, s, 64*mib, ReserveOptions{})
	refusal(t, w.Extend(590*mib), "addrspace: extend", "RLIMIT_AS is ", "left to the Go runtime")
	restore()
	ok(t, w.Extend(590*mib))
	s.agree(t)
}

// TestLimit_InChild has a limit of the address space from the process's start.
func TestLimit_InChild(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector needs more than any limit")
	}
	if !testutil.InChild(t, "-v 8388608") { // 8 GiB
		return
	}
	s := newSpace(t, Options{})
	_, err := s.Reserve(64*gib, ReserveOptions{})
	refusal(t, err, fmt.Sprintf("RLIMIT_AS is %d bytes", uint64(8*gib)))
	w := reserve(t, s, 64*gib, ReserveOptions{Min: 2 * mib})
	if w.Size() < gib || w.Size() > 8*gib {
		t.Errorf("%d bytes", w.Size())
	}
	if st := s.Stats(); st.KernelPlaced != 0 || s.pl.zoneOf(w.start) == nil {
		t.Errorf("%v lies in no zone", w)
	}
	mapFile(t, w, 2*mib, memfd(t, 2*mib))
	w.data(1)[0] = 1
	ok(t, w.Release())
	ok(t, reserve(t, s, 6*gib, ReserveOptions{}).Release())
	s.agree(t)
}

// TestLimit_LeavesRoomForTheRuntime asks for windows under RLIMIT_AS until they
// are refused: what is left then is enough for the runtime to go on, with a new
// heap and new threads.
func TestLimit_LeavesRoomForTheRuntime(t *testing.T) {
	leavesRoom(t, func(sys.Call) syscall.Errno { return 0 }, "left to the Go runtime")
}

// TestLimit_NoProc is the same without /proc, which tells how many addresses are in use.
func TestLimit_NoProc(t *testing.T) {
	leavesRoom(t, func(c sys.Call) syscall.Errno {
		if c == sys.CallOpen {
			return syscall.ENOENT
		}
		return 0
	}, "an unknown number")
}

func leavesRoom(t *testing.T, hook sys.Hook, says string) {
	if raceEnabled {
		t.Skip("the race detector needs more than any limit")
	}
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	restore := sys.SetHook(hook)
	s := New(Options{})
	defer func() { ok(t, s.Trim()) }()
	for {
		w, err := s.Reserve(64<<20, ReserveOptions{Min: Alignment})
		if err == nil {
			defer func() { ok(t, w.Release()) }()
		} else {
			refusal(t, err, "RLIMIT_AS is ", says, "ulimit -v")
			break
		}
	}
	restore()
	// The runtime may have taken some of it since.
	if left := sys.LimitAS() - sys.AddressesUsed(); left < addressesKept/2 {
		t.Errorf("%d bytes of addresses are left", left)
	}
	heap := make([][]byte, 0, 100)
	for range 100 {
		heap = append(heap, make([]byte, 1<<20))
	}
	runtime.KeepAlive(heap)
}
