//go:build !portable

package sys

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// memfdNameMax is the longest name memfd_create takes (memfd_create(2)).
const memfdNameMax = 249

// Memfd creates an anonymous file: sealable, closed on exec, not executable
// where the kernel knows how to say so (MFD_NOEXEC_SEAL, Linux 6.3). A huge
// page size other than 0 (2 MiB or 1 GiB) takes its pages from the hugetlb pool.
func Memfd(name string, hugePage int) (fd int, err error) {
	flags := unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	switch hugePage {
	case 0:
	case 2 << 20:
		flags |= unix.MFD_HUGETLB | unix.MFD_HUGE_2MB
	case 1 << 30:
		flags |= unix.MFD_HUGETLB | unix.MFD_HUGE_1GB
	default:
		return -1, result(CallMemfdCreate, unix.EINVAL)
	}
	name = printable(name, memfdNameMax)
	fd, err = memfdCreate(name, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = memfdCreate(name, flags)
	}
	if err != nil {
		e, ok := err.(syscall.Errno)
		if !ok {
			return -1, err
		}
		return -1, result(CallMemfdCreate, e)
	}
	return fd, nil
}

func memfdCreate(name string, flags int) (int, error) {
	if e := injected(CallMemfdCreate); e != 0 {
		return -1, e
	}
	return unix.MemfdCreate(name, flags)
}

// TempFile creates a file without a name in a directory: for its owner alone, closed on
// exec. Where the file system knows no such files it has a name for a moment.
func TempFile(dir string) (fd int, err error) {
	err = retry(CallOpen, func() (err error) {
		fd, err = unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return err
	})
	// EISDIR: a kernel that does not know the flag.
	if !IsDenied(err) && !errors.Is(err, unix.EISDIR) {
		return fd, err
	}
	return unnamed(unix.AT_FDCWD, fmt.Sprintf("%s/growarena-%016x", dir, rand.Uint64()))
}

// TempFileIn is TempFile in a directory that a descriptor is of, in which nothing else has the name:
// /proc/self/maps shows it as it shows a memory file of that name.
func TempFileIn(dir int, name string) (fd int, err error) {
	return unnamed(dir, "memfd:"+strings.ReplaceAll(name, "/", "_"))
}

// unnamed creates a file and takes its name away.
func unnamed(dir int, path string) (fd int, err error) {
	err = retry(CallOpen, func() (err error) {
		fd, err = unix.Openat(dir, path, unix.O_CREAT|unix.O_EXCL|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return -1, err
	}
	if err := retry(CallUnlink, func() error { return unix.Unlinkat(dir, path, 0) }); err != nil {
		_ = Close(fd)
		return -1, err
	}
	return fd, nil
}

// Opened tells how fd was opened: for reading and writing, and to append.
func Opened(fd int) (readWrite, appends bool, err error) {
	flags := 0
	err = retry(CallFlags, func() (err error) {
		flags, err = unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		return err
	})
	return flags&unix.O_ACCMODE == unix.O_RDWR, flags&unix.O_APPEND != 0, err
}

// Reopen opens the file of fd anew: closed on exec, with an offset, a way of opening and
// locks of its own. It needs /proc, and the permission that any opener needs.
func Reopen(fd int, write bool) (int, error) {
	nfd, flags := -1, unix.O_RDONLY|unix.O_CLOEXEC
	if write {
		flags = unix.O_RDWR | unix.O_CLOEXEC
	}
	err := retry(CallOpen, func() (err error) {
		nfd, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), flags, 0)
		return err
	})
	return nfd, err
}

// Own lets nobody but the owner open the file of fd.
func Own(fd int) error {
	return retry(CallFchmod, func() error { return unix.Fchmod(fd, 0o600) })
}

// Dup duplicates fd, closed on exec.
func Dup(fd int) (int, error) {
	nfd := -1
	err := retry(CallDup, func() (err error) {
		nfd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	return nfd, err
}

// Close closes fd. It is not repeated after EINTR: Linux has closed the
// descriptor by then (close(2)).
func Close(fd int) error {
	e := injected(CallClose)
	if e == 0 {
		_, _, e = unix.Syscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
	}
	return result(CallClose, e)
}
