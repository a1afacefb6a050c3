//go:build !portable

package memfile

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// systems are what there may be to lock by, each as what calls answer.
var systems = map[string]map[sys.Call]syscall.Errno{
	"all there is":   {},
	"no /proc":       {sys.CallOpen: syscall.ENOENT},
	"no locks":       {sys.CallLock: syscall.ENOLCK},
	"locks unknown":  {sys.CallLock: syscall.EINVAL},
	"neither of all": {sys.CallOpen: syscall.EPERM, sys.CallLock: syscall.EPERM},
}

// onSystem runs f on each of the systems.
func onSystem(t *testing.T, f func(t *testing.T, locks bool)) {
	for name, answers := range systems {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(sys.SetHook(func(c sys.Call) syscall.Errno { return answers[c] }))
			f(t, answers[sys.CallLock] == 0)
		})
	}
}

// again opens the file a second time.
func again(t *testing.T, f *os.File, flags int) *os.File {
	t.Helper()
	other, err := os.OpenFile(f.Name(), flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

// TestAdopt_Once: one writer in the process has a file, by whichever opening, and the
// other is told who.
func TestAdopt_Once(t *testing.T) {
	onSystem(t, func(t *testing.T, locks bool) {
		theirs := tempFile(t)
		defer theirs.Close()
		other := again(t, theirs, os.O_RDWR)
		f, err := Adopt(theirs, "the first", true)
		if err != nil {
			t.Fatal(err)
		}
		for name, file := range map[string]*os.File{"same": theirs, "other": other} {
			_, err := Adopt(file, "the second", true)
			if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), `"the first" in this process`) || !strings.Contains(err.Error(), "NoLock") {
				t.Errorf("by the %s opening: %v", name, err)
			}
			free, err := Adopt(file, "the second", false)
			if err != nil {
				t.Errorf("without a lock, by the %s opening: %v", name, err)
				continue
			}
			free.Close()
		}
		if locks {
			if err := sys.Lock(int(other.Fd())); !errors.Is(err, sys.EAGAIN) {
				t.Errorf("a lock by somebody else: %v", err)
			}
		}
		f.Close()
		if locks { // Also where the descriptor was the caller's.
			if err := sys.Lock(int(other.Fd())); err != nil {
				t.Errorf("a lock by somebody else after Close: %v", err)
			}
			if err := sys.Unlock(int(other.Fd())); err != nil {
				t.Error(err)
			}
		}
		f, err = Adopt(other, "the third", true)
		if err != nil {
			t.Fatalf("after Close: %v", err)
		}
		f.Close()
	})
}

// TestAdopt_OtherProcess: a second process is told which one has the file.
func TestAdopt_OtherProcess(t *testing.T) {
	if testutil.IsChild(t) {
		_, err := Adopt(os.NewFile(3, "index"), "the second", true)
		if want := fmt.Sprintf("process %d (", os.Getppid()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		return
	}
	theirs := tempFile(t)
	defer theirs.Close()
	f := adopt(t, theirs)
	defer f.Close()
	if r := testutil.Child(t, testutil.ChildOptions{Files: []*os.File{theirs}}); !r.Passed() {
		t.Errorf("the child: %v", r)
	}
}

// TestAdopt_ForeignLock: the caller's own lock, or another program's, is one.
func TestAdopt_ForeignLock(t *testing.T) {
	theirs := tempFile(t)
	defer theirs.Close()
	if err := sys.Lock(int(theirs.Fd())); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("process %d (", os.Getpid())
	if _, err := Adopt(theirs, "test", true); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	f, err := Adopt(theirs, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := sys.Lock(int(again(t, theirs, os.O_RDWR).Fd())); !errors.Is(err, sys.EAGAIN) {
		t.Errorf("the caller's lock is gone: %v", err)
	}
}

// TestAdopt_NotBothWays: a file that is open for one of reading and writing is refused, with
// what to change.
func TestAdopt_NotBothWays(t *testing.T) {
	theirs := tempFile(t)
	defer theirs.Close()
	for _, flag := range []int{os.O_RDONLY, os.O_WRONLY} {
		_, err := Adopt(again(t, theirs, flag), "test", true)
		if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "os.O_RDWR") || !strings.Contains(err.Error(), theirs.Name()) {
			t.Errorf("flag %#x: %v", flag, err)
		}
	}
}

// TestAdopt_Appending: what is open to append grows all the same, by each way, or is
// refused.
func TestAdopt_Appending(t *testing.T) {
	theirs := tempFile(t)
	defer theirs.Close()
	log := again(t, theirs, os.O_RDWR|os.O_APPEND)
	restore := testutil.FailAll(sys.CallExtend, syscall.EOPNOTSUPP)
	f := adopt(t, log)
	err := f.Grow(mib)
	restore()
	if err != nil || sizeOf(t, theirs) != 2*mib {
		t.Errorf("Grow: %v, the file has %d bytes", err, sizeOf(t, theirs))
	}
	f.Close()
	defer testutil.FailAll(sys.CallOpen, syscall.EACCES)()
	if _, err := Adopt(log, "test", true); !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "os.O_APPEND") {
		t.Errorf("where it cannot be opened anew: %v", err)
	}
}

// TestAdopt_RefusedLeavesNothing: whichever call fails, the file can be had afterwards.
func TestAdopt_RefusedLeavesNothing(t *testing.T) {
	testutil.NoLeaks(t, nil)
	theirs := tempFile(t)
	defer theirs.Close()
	calls := testutil.CountCalls(func() { adopt(t, theirs).Close() })
	for call, made := range calls {
		for n := range made {
			for _, errno := range testutil.Errnos(call) {
				restore := testutil.FailNth(call, n+1, errno)
				f, err := Adopt(theirs, "test", true)
				if err == nil {
					f.Close()
				}
				restore()
				f, err = Adopt(theirs, "test", true)
				if err != nil {
					t.Fatalf("after %v of %v number %d: %v", errno, call, n, err)
				}
				f.Close()
			}
		}
	}
}
