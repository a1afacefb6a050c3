//go:build !portable

package sys

import (
	"errors"
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations of futex(2), in their form for memory shared among processes.
const (
	futexWait = 0
	futexWake = 1
)

// FutexWait sleeps until the word at addr is woken, for timeout at most, and returns at
// once if it is not old. It may return for no reason: the caller looks again. woken says that
// somebody has woken it. The page need not be writable.
//
// Preconditions: addr is a multiple of 4 in a shared mapping of ours that stays; timeout is
// positive.
func FutexWait(addr uintptr, old uint32, timeout time.Duration) (woken bool, err error) {
	ts := unix.NsecToTimespec(int64(timeout))
	err = once(CallFutexWait, func() error {
		_, _, e := unix.Syscall6(unix.SYS_FUTEX, addr, futexWait, uintptr(old),
			uintptr(unsafe.Pointer(&ts)), 0, 0) // safety: ts is alive for the call.
		return errnoOf(e)
	})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ETIMEDOUT) || errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// FutexWake wakes all that sleep on the word at addr, in whatever process.
//
// Preconditions: as of FutexWait.
func FutexWake(addr uintptr) error {
	return once(CallFutexWake, func() error {
		_, _, e := unix.Syscall6(unix.SYS_FUTEX, addr, futexWake, math.MaxInt32, 0, 0, 0)
		return errnoOf(e)
	})
}

// errnoOf returns e as an error, nil if it is none.
func errnoOf(e unix.Errno) error {
	if e == 0 {
		return nil
	}
	return e
}
