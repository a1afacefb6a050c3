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
