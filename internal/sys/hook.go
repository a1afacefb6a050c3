package sys

import (
	"os"
	"sync/atomic"
	"syscall"
)

// Call is a kind of system call, the unit in which failures are injected.
type Call uint8

// The kinds of system calls this package makes.
const (
	CallMmap Call = iota
	CallMunmap
	CallMremap
	CallMprotect
	CallMadvise
	CallMincore
	CallPrctl
	CallMemfdCreate
	CallFtruncate
	CallFallocate
	CallFstat
	CallFcntl
	CallClose
	NumCalls
)

var callNames = [NumCalls]string{
	"mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "prctl",
	"memfd_create", "ftruncate", "fallocate", "fstat", "fcntl", "close",
}

// String returns the system call's name as in its man page.
func (c Call) String() string { return callNames[c] }

// Hook is asked before each system call. A result other than zero is returned
// to the caller as the call's errno, and the kernel is not asked.
type Hook func(Call) syscall.Errno

// hook is nil outside tests: one load and one branch beside a system call.
var hook atomic.Pointer[Hook]

// SetHook installs h for the whole process until restore is called. For tests
// only: it must not be used by two tests at the same time.
func SetHook(h Hook) (restore func()) {
	old := hook.Swap(&h)
	return func() { hook.Store(old) }
}

// injected returns the errno a test wants call c to fail with, or zero.
func injected(c Call) syscall.Errno {
	if h := hook.Load(); h != nil && *h != nil {
		return (*h)(c)
	}
	return 0
}

// result turns an errno into the error of call c; zero is no error.
func result(c Call, e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return os.NewSyscallError(c.String(), e)
}
