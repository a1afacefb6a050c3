//go:build !portable

package sys

import (
	"errors"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRetry: a call that a signal has interrupted, be it by the kernel's word or
// by a test's, is made again, and no other.
func TestRetry(t *testing.T) {
	for _, errno := range []syscall.Errno{0, unix.EINTR, unix.ENOSPC} {
		for _, injected := range []bool{false, true} {
			hooked, made := 0, 0
			restore := SetHook(func(Call) syscall.Errno {
				if hooked++; hooked == 1 && injected {
					return errno
				}
				return 0
			})
			err := retry(CallFtruncate, func() error {
				if made++; made == 1 && !injected && errno != 0 {
					return errno
				}
				return nil
			})
			restore()
			calls := made
			if injected {
				calls = hooked
			}
			if refused := errno == unix.ENOSPC; errors.Is(err, unix.ENOSPC) != refused || (err != nil) != refused {
				t.Errorf("%v, injected %v: %v", errno, injected, err)
			}
			if want := map[bool]int{false: 1, true: 2}[errno == unix.EINTR]; calls != want {
				t.Errorf("%v, injected %v: called %d times, want %d", errno, injected, calls, want)
			}
		}
	}
}

// TestAllocate: memory is taken part by part, so that a signal undoes one of them at
// most, and what was interrupted is made again for less.
func TestAllocate(t *testing.T) {
	fd, err := Memfd(t.Name(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	const n = 9 << 20
	if err := Truncate(fd, n); err != nil {
		t.Fatal(err)
	}
	made := 0
	restore := SetHook(func(c Call) syscall.Errno {
		if c != CallAllocate {
			return 0
		}
		if made++; made%2 == 0 { // Each other one is interrupted.
			return unix.EINTR
		}
		return 0
	})
	err = Allocate(fd, 0, n)
	restore()
	info, statErr := Stat(fd)
	if err != nil || statErr != nil || info.Allocated != n || info.Size != n {
		t.Errorf("%+v, %v, %v", info, err, statErr)
	}
	if made < 8 {
		t.Errorf("%d calls", made)
	}
	// The form that may change the size is used within the file only.
	restore = SetHook(func(c Call) syscall.Errno {
		if c == CallAllocate {
			return unix.EOPNOTSUPP
		}
		return 0
	})
	defer restore()
	if err := Allocate(fd, n-4096, 8192); !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("beyond the end: %v", err)
	}
	if info, err := Stat(fd); err != nil || info.Size != n {
		t.Errorf("%+v, %v", info, err)
	}
}
