//go:build unix && (!linux || portable)

package sys

import "syscall"

// Errnos that callers decide by.
const (
	EACCES     = syscall.EACCES
	EAGAIN     = syscall.EAGAIN
	EBUSY      = syscall.EBUSY
	EEXIST     = syscall.EEXIST
	EFAULT     = syscall.EFAULT
	EFBIG      = syscall.EFBIG
	EINVAL     = syscall.EINVAL
	EMFILE     = syscall.EMFILE
	ENFILE     = syscall.ENFILE
	ENOMEM     = syscall.ENOMEM
	ENOSPC     = syscall.ENOSPC
	ENOSYS     = syscall.ENOSYS
	EOPNOTSUPP = syscall.EOPNOTSUPP
	EPERM      = syscall.EPERM
	EINTR      = syscall.EINTR
	ENOENT     = syscall.ENOENT
	ENOLCK     = syscall.ENOLCK
	EDQUOT     = syscall.EDQUOT
	EIO        = syscall.EIO
	ENODEV     = syscall.ENODEV
	ENXIO      = syscall.ENXIO
	EROFS      = syscall.EROFS
	ELOOP      = syscall.ELOOP
	EISDIR     = syscall.EISDIR
)
