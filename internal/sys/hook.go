package sys

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
)

// Call is a kind of system call, the unit in which failures are injected. Of calls that
// do several things each is one: systems and filters refuse one and not the others.
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
	CallAllocate      // fallocate that keeps the size
	CallAllocatePlain // fallocate without any flag
	CallPunch         // fallocate that punches a hole
	CallFstat
	CallFstatfs
	CallDup  // fcntl that duplicates
	CallSeal // fcntl that seals
	CallOpen
	CallUnlink
	CallExtend // fallocate that makes the file longer
	CallPwrite
	CallFlags // fcntl that asks how a file was opened
	CallLock  // fcntl that locks or unlocks
	CallFchmod
	CallSeek
	CallClock
	CallClose
	CallFutexWait
	CallFutexWake
	CallAskLock // fcntl that asks for a lock
	CallLink
	CallFsync
	CallSendmsg
	CallRecvmsg
	CallMkdir
	CallFsopen
	CallFsconfig // fsconfig that sets an option
	CallFscreate // fsconfig that makes the file system
	CallFsmount
	CallMoveMount
	CallUserfaultfd
	CallUffdAPI // ioctl that says what a userfaultfd is for
	CallUffdRegister
	CallUffdUnregister
	CallUffdProtect
	CallPagemapScan
	CallFindData // lseek to where a file has data, or has none
	CallMsync    // that asks whether memory is mapped
	CallPread
	NumCalls
)

var callNames = [NumCalls]string{
	"mmap", "munmap", "mremap", "mprotect", "madvise", "mincore", "prctl",
	"memfd_create", "ftruncate", "fallocate", "fallocate", "fallocate",
	"fstat", "fstatfs", "fcntl", "fcntl", "openat", "unlinkat", "fallocate", "pwrite64", "fcntl", "fcntl", "fchmod", "lseek", "clock_gettime", "close",
	"futex", "futex", "fcntl", "linkat", "fdatasync", "sendmsg", "recvmsg", "mkdirat",
	"fsopen", "fsconfig", "fsconfig", "fsmount", "move_mount",
	"userfaultfd", "ioctl UFFDIO_API", "ioctl UFFDIO_REGISTER", "ioctl UFFDIO_UNREGISTER", "ioctl UFFDIO_WRITEPROTECT", "ioctl PAGEMAP_SCAN", "lseek", "msync", "pread64",
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

// OptionError says which option of a file system is refused.
type OptionError struct {
	Option string
	Err    error
}

// Error says the option, and why.
func (e *OptionError) Error() string { return e.Option + ": " + e.Err.Error() }

// Unwrap returns the error of the call.
func (e *OptionError) Unwrap() error { return e.Err }

// IsDenied reports whether err says that a call is not to be had here: that the system
// does not know it, does not do it for such a file, or does not let us (a seccomp filter).
// It is about this call; memory and room have nothing to do with it.
func IsDenied(err error) bool {
	for _, e := range []error{EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EACCES, errors.ErrUnsupported} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// result turns an errno into the error of call c; zero is no error.
func result(c Call, e syscall.Errno) error {
	if e == 0 {
		return nil
	}
	return os.NewSyscallError(c.String(), e)
}
