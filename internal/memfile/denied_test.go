package memfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// deny makes all calls of the kinds fail with errno until the test ends.
func deny(t *testing.T, errno syscall.Errno, calls ...sys.Call) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	denied := make(map[sys.Call]bool)
	for _, c := range calls {
		denied[c] = true
	}
	t.Cleanup(sys.SetHook(func(c sys.Call) syscall.Errno {
		if denied[c] {
			return errno
		}
		return 0
	}))
}

// denials are what systems and filters answer for a call that is not to be had.
var denials = []syscall.Errno{syscall.EPERM, syscall.ENOSYS, syscall.EINVAL, syscall.EOPNOTSUPP}

// mapped maps n bytes of f, which it grows to that, and returns where: at a multiple of ExtentSize.
func mapped(t *testing.T, f *File, n int) uintptr {
	t.Helper()
	if err := f.Grow(n); err != nil {
		t.Fatal(err)
	}
	start, err := sys.Reserve(0, uintptr(n)+ExtentSize)
	addr := (start + ExtentSize - 1) &^ (ExtentSize - 1)
	if err == nil {
		err = sys.MapShared(addr, uintptr(n), f.Fd(), 0, sys.ProtRead|sys.ProtWrite)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sys.Unmap(start, uintptr(n)+ExtentSize); err != nil {
			t.Error(err)
		}
	})
	return addr
}

func newFile(t *testing.T) *File {
	t.Helper()
	f, err := New(t.Name(), HugeAuto)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// TestNew_Denied: where memfds are refused a file in a tmpfs serves, and where seals are the
// file goes unsealed; who makes it shorter is noticed.
func TestNew_Denied(t *testing.T) {
	for name, calls := range map[string][]sys.Call{
		"memfd":            {sys.CallMemfdCreate, sys.CallSeal},
		"memfd, O_TMPFILE": {sys.CallMemfdCreate, sys.CallSeal},
		"seals":            {sys.CallSeal},
	} {
		for _, errno := range denials {
			t.Run(name+"/"+errno.Error(), func(t *testing.T) {
				deny(t, errno, calls...)
				if strings.Contains(name, "O_TMPFILE") {
					opened := 0
					t.Cleanup(sys.SetHook(func(c sys.Call) syscall.Errno {
						if c == sys.CallMemfdCreate {
							return errno
						}
						if opened++; c == sys.CallOpen && opened == 1 {
							return syscall.EOPNOTSUPP
						}
						return 0
					}))
				}
				f := newFile(t)
				addr := mapped(t, f, ExtentSize)
				bytesAt(sys.Pointer(addr), ExtentSize)[ExtentSize-1] = 1
				if !f.Memfd() || f.Sealed() || f.Allocated() == 0 {
					t.Errorf("%+v", f)
				}
				if err := sys.Truncate(f.Fd(), 4096); err != nil {
					t.Fatal(err)
				}
				if err := f.Grow(2 * ExtentSize); !errors.Is(err, ErrShrunk) {
					t.Errorf("grown after it was cut: %v", err)
				}
				if err := sys.Truncate(f.Fd(), ExtentSize); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestNew_NoFile: where no file is to be had at all the error says what to change.
func TestNew_NoFile(t *testing.T) {
	deny(t, syscall.EPERM, sys.CallMemfdCreate, sys.CallOpen)
	f, err := New("", HugeAuto)
	if f != nil || !errors.Is(err, syscall.EPERM) || !strings.Contains(err.Error(), "memfd_create: operation not permitted") ||
		!strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("%v, %v", f, err)
	}
	sys.SetHook(nil)
	deny(t, syscall.ENOSYS, sys.CallMemfdCreate)
	t.Cleanup(func() { tmpfsDirs = usualDirs })
	tmpfsDirs = func() []string { return []string{"/proc", "/nowhere", "."} } // The last one is on a disk, as a rule.
	if f, err = New("", HugeAuto); err == nil {
		f.Close()
		t.Skip("the tests lie in a tmpfs")
	}
	if !strings.Contains(err.Error(), ".: is not a tmpfs") || !strings.Contains(err.Error(), "/nowhere: ") {
		t.Error(err)
	}
}

// TestNew_TmpfsFull: a tmpfs that has no room is an error, not a signal at a store.
func TestNew_TmpfsFull(t *testing.T) {
	deny(t, syscall.EPERM, sys.CallMemfdCreate)
	f := newFile(t)
	free, err := sys.FreeIn(f.Fd())
	if err != nil || free > 1<<50 {
		t.Skipf("a tmpfs without a bound: %v", err)
	}
	if err := f.Grow(int(free) + ExtentSize); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "larger size") {
		t.Errorf("grown beyond the file system: %v", err)
	}
	if f.Size() != 0 {
		t.Errorf("%d bytes long", f.Size())
	}
}

// TestAllocate_Denied: some way to take memory is found, of three.
func TestAllocate_Denied(t *testing.T) {
	ways := []sys.Call{sys.CallAllocate, sys.CallAllocatePlain, sys.CallMadvise}
	for n := range len(ways) + 1 {
		for _, errno := range denials {
			t.Run(errno.Error(), func(t *testing.T) {
				f := newFile(t)
				addr := mapped(t, f, 2*ExtentSize)
				bytesAt(sys.Pointer(addr), 1)[0] = 7
				deny(t, errno, ways[:n]...)
				err := Allocate(f.Fd(), 0, addr, ExtentSize)
				if n == len(ways) {
					if !errors.Is(err, errno) || !strings.Contains(err.Error(), "without Options.Commit") {
						t.Error(err)
					}
					return
				}
				if err != nil || f.Allocated() != ExtentSize {
					t.Errorf("%d ways denied: %d bytes, %v", n, f.Allocated(), err)
				}
				if info, err := sys.Stat(f.Fd()); err != nil || info.Size != 2*ExtentSize || bytesAt(sys.Pointer(addr), 1)[0] != 7 {
					t.Errorf("%d ways denied: %+v, %v", n, info, err)
				}
			})
		}
	}
}

// TestZero_Denied: bytes become zero by one of three ways, and only the last one keeps
// their memory.
func TestZero_Denied(t *testing.T) {
	page := os.Getpagesize()
	ways := []sys.Call{sys.CallPunch, sys.CallMadvise}
	errnos := denials
	if testing.Short() {
		errnos = denials[:1]
	}
	for n := range len(ways) + 1 {
		for _, errno := range errnos {
			for _, r := range [][2]int{{page, ExtentSize}, {page + 1, ExtentSize - 1}, {page, 2*page + 3}, {page + 5, page + 9}} {
				f := newFile(t)
				addr := mapped(t, f, ExtentSize)
				b := bytesAt(sys.Pointer(addr), ExtentSize)
				want := bytes.Repeat([]byte{1}, ExtentSize)
				copy(b, want)
				clear(want[r[0]:r[1]])
				deny(t, errno, ways[:n]...)
				given, err := Zero(f.Fd(), int64(r[0]), addr+uintptr(r[0]), r[1]-r[0])
				sys.SetHook(nil)
				whole := r[1]/page > (r[0]+page-1)/page
				if err != nil || n == len(ways) && whole && given || n < len(ways) && whole && !given {
					t.Errorf("%d ways denied, %v: given %v, %v", n, r, given, err)
				}
				if less := f.Allocated() < ExtentSize; less != (given && whole) {
					t.Errorf("%d ways denied, %v: %d bytes of memory", n, r, f.Allocated())
				}
				if !bytes.Equal(b, want) {
					t.Errorf("%d ways denied, %v: other bytes are zero", n, r)
				}
			}
		}
	}
}

// TestJoinOnce: each text once, with its number.
func TestJoinOnce(t *testing.T) {
	err := JoinOnce(nil, sys.ENOSPC, sys.EPERM, nil, sys.ENOSPC, sys.ENOSPC)
	if fmt.Sprint(err) != "no space left on device (3 times)\noperation not permitted" || !errors.Is(err, sys.ENOSPC) || !errors.Is(err, sys.EPERM) {
		t.Error(err)
	}
	if err := JoinOnce(nil, nil); err != nil {
		t.Error(err)
	}
}
