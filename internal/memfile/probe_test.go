package memfile

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// TestFeatures_EachFailure fails the system calls of the probes in turn: at most
// one feature is said not to work then. (But for giving back: what munmap refuses
// stays mapped.)
func TestFeatures_EachFailure(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	working := func() (n int) {
		for _, f := range Features() {
			if f.Err == nil {
				n++
			}
		}
		return n
	}
	offered := working()
	calls := testutil.CountCalls(func() { working() })
	for call, made := range calls {
		if call == sys.CallMunmap || call == sys.CallClose {
			continue
		}
		noticed := 0
		for n := range made {
			restore := testutil.FailNth(call, n+1, syscall.ENOMEM)
			left := working()
			restore()
			if left < offered-1 {
				t.Errorf("%v number %d failed, and %d features work instead of %d", call, n, left, offered)
			}
			noticed += offered - left
		}
		// Other calls may belong to features that this kernel lacks anyway.
		if needed := call == sys.CallMemfdCreate || call == sys.CallFtruncate || call == sys.CallMmap; needed && noticed == 0 {
			t.Errorf("no failure of %v was noticed", call)
		}
	}
}

// TestFeatures_Seals: seals are missing where a file of ours has none, and nowhere else.
func TestFeatures_Seals(t *testing.T) {
	f, err := New("seals", HugeAuto)
	if err != nil {
		t.Skip(err)
	}
	defer f.Close()
	for _, feature := range Features() {
		if feature.Name == "seals" && (feature.Err == nil) != f.sealed {
			t.Errorf("%+v, and a file is sealed: %v", feature, f.sealed)
		}
	}
}

// TestRemember: what a probe found is remembered. A want of memory or room is no
// finding: nothing counts as missing, and a second later somebody looks again.
func TestRemember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			err    error
			absent bool
			tries  int // of three, each after a while
		}{
			{nil, false, 1}, {errors.ErrUnsupported, true, 1}, {sys.EINVAL, true, 1}, {sys.EPERM, true, 1},
			{sys.ENOSYS, true, 1}, {errFaked, true, 1},
			{sys.ENOMEM, false, 3}, {sys.EBUSY, false, 3}, {sys.ENOSPC, false, 3}, {sys.EAGAIN, false, 3},
			{sys.EMFILE, false, 3}, {sys.ENFILE, false, 3},
		} {
			tries := 0
			missing := remember(func() error {
				tries++
				return tt.err
			})
			for range 3 {
				for range 2 { // The second one at once.
					if err := missing(); (err != nil) != tt.absent || tt.absent && !errors.Is(err, tt.err) {
						t.Errorf("%v: missing is %v", tt.err, err)
					}
				}
				time.Sleep(tryAgain)
			}
			if tries != tt.tries {
				t.Errorf("%v: tried %d times, want %d", tt.err, tries, tt.tries)
			}
		}
	})
}

// TestTrial_SameBytes: a kernel that says yes and shows other bytes is found out.
func TestTrial_SameBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	err := withTrial(func(tr *trial) error {
		other, err := sys.Memfd("growarena probe", 0)
		if err != nil {
			return err
		}
		defer sys.Close(other)
		if err := sys.Truncate(other, ExtentSize); err != nil {
			return err
		}
		if err := sys.MapShared(tr.spare, ExtentSize, other, 0, sys.ProtRead|sys.ProtWrite); err != nil {
			return err
		}
		if tr.sameBytes() == nil {
			t.Error("two files are taken for one")
		}
		return sys.MapShared(tr.spare, uintptr(os.Getpagesize()), tr.fd, 0, sys.ProtRead|sys.ProtWrite)
	})()
	if err != nil {
		t.Error(err)
	}
}
