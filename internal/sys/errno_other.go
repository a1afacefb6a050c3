//go:build !unix

package sys

import "syscall"

// Distinct numbers that no system here uses.
const (
	errnoBase = 0x4000_0000

	EACCES     = syscall.Errno(errnoBase + 1)
	EAGAIN     = syscall.Errno(errnoBase + 2)
	EBUSY      = syscall.Errno(errnoBase + 3)
	EEXIST     = syscall.Errno(errnoBase + 4)
	EFAULT     = syscall.Errno(errnoBase + 5)
	EFBIG      = syscall.Errno(errnoBase + 6)
	EINVAL     = syscall.Errno(errnoBase + 7)
	EMFILE     = syscall.Errno(errnoBase + 8)
	ENFILE     = syscall.Errno(errnoBase + 9)
	ENOMEM     = syscall.Errno(errnoBase + 10)
	ENOSPC     = syscall.Errno(errnoBase + 11)
	ENOSYS     = syscall.Errno(errnoBase + 12)
	EOPNOTSUPP = syscall.Errno(errnoBase + 13)
	EPERM      = syscall.Errno(errnoBase + 14)
	EINTR      = syscall.Errno(errnoBase + 15)
	ENOENT     = syscall.Errno(errnoBase + 16)
	ENOLCK     = syscall.Errno(errnoBase + 17)
	EDQUOT     = syscall.Errno(errnoBase + 18)
	EIO        = syscall.Errno(errnoBase + 19)
	ENODEV     = syscall.Errno(errnoBase + 20)
	ENXIO      = syscall.Errno(errnoBase + 21)
	EROFS      = syscall.Errno(errnoBase + 22)
	ELOOP      = syscall.Errno(errnoBase + 23)
	EISDIR     = syscall.Errno(errnoBase + 24)
)
