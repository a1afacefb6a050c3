//go:build linux && !(386 || arm || mips || mipsle)

package limits

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// meetMapLimit runs f, which takes a mapping, while the process has nearly as many as it
// may, until it fails, and returns its error. The runtime must not need one meanwhile.
func meetMapLimit(t *testing.T, count int, f func() error) (err error) {
	t.Helper()
	provide(t, f)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// Pages of which every second has another protection.
	page := uintptr(os.Getpagesize())
	n := (uintptr(count) + 1000) * page
	start, rerr := sys.Reserve(0, n)
	must(t, rerr)
	defer func() { must(t, sys.Unmap(start, n)) }()
	off := page
	for ; off < n; off += 2 * page {
		if sys.Protect(start+off, page, unix.PROT_READ) != nil {
			break
		}
	}
	// Protecting is refused where one is left, and the runtime may give some back.
	for range 64 {
		if err = f(); err != nil {
			break
		}
	}
	return err
}

// provide lets the runtime take ahead what it may need while it can have no mapping:
// memory, what describes it, threads, and what f makes when it fails.
func provide(t *testing.T, f func() error) {
	t.Helper()
	runtime.MemProfileRate = 0
	var small [8 << 10][]byte // Each has a span for itself.
	for range 2 {
		ahead := make([]byte, 48*mib)
		for i := range ahead {
			ahead[i] = 1
		}
		for i := range small {
			small[i] = make([]byte, 8*kib-i%2)
		}
		runtime.KeepAlive(ahead)
		clear(small[:])
		runtime.GC()
	}
	var all sync.WaitGroup
	release := make(chan struct{})
	for range 16 {
		all.Add(1)
		go func() {
			runtime.LockOSThread() // A thread each, which stays when it is unlocked.
			all.Done()
			<-release
			runtime.UnlockOSThread()
		}()
	}
	all.Wait()
	close(release)
	restore := testutil.FailAll(sys.CallMmap, unix.ENOMEM)
	defer restore()
	if f() == nil {
		t.Error("mmap fails, and it does not")
	}
}

// wantError checks that err is what it should be and says what it should.
func wantError(t *testing.T, err, is error, says ...string) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%v, want %v", err, is)
		return
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not contain %q", err, text)
		}
	}
}

// hardFiles returns what RLIMIT_NOFILE may be raised to.
func hardFiles() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return r.Max
}
