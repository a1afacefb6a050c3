package sys

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// Errnos that callers decide by. They are syscall.Errno values, so errors.Is
// finds them in whatever this package returns.
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
)

// NoMemory returns what mmap says where there is no room, for a limit that is
// checked before the kernel is asked.
func NoMemory() error { return result(CallMmap, ENOMEM) }

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

// retry makes call c through f until it is not interrupted by a signal.
func retry(c Call, f func() error) error {
	for {
		if e := injected(c); e != 0 {
			if e == unix.EINTR {
				continue
			}
			return result(c, e)
		}
		err := f()
		if err == unix.EINTR {
			continue
		}
		if e, ok := err.(syscall.Errno); ok {
			return result(c, e)
		}
		return err
	}
}

// Truncate sets the length of fd.
func Truncate(fd int, n int64) error {
	return retry(CallFtruncate, func() error { return unix.Ftruncate(fd, n) })
}

// Allocate makes the file system give pages to [off, off+n) of fd, so that
// touching them cannot fail. A failure gives back what it had taken.
func Allocate(fd int, off, n int64) error {
	return retry(CallFallocate, func() error { return unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, off, n) })
}

// Punch gives the pages of [off, off+n) back: they read as zero through every
// alias. Whole pages leave the file, the rest is zeroed.
func Punch(fd int, off, n int64) error {
	return retry(CallFallocate, func() error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

// FileInfo is what Stat tells about a file.
type FileInfo struct {
	Size      int64 // length in bytes
	Allocated int64 // bytes the file system holds for it
	Regular   bool  // a regular file, as a memfd is
}

// Stat describes fd.
func Stat(fd int) (FileInfo, error) {
	var st unix.Stat_t
	err := retry(CallFstat, func() error { return unix.Fstat(fd, &st) })
	return FileInfo{Size: st.Size, Allocated: st.Blocks * 512, Regular: st.Mode&unix.S_IFMT == unix.S_IFREG}, err
}

// SealShrink forbids for ever that anybody makes fd shorter. A file that knows
// no seals (EINVAL) stays as it is.
func SealShrink(fd int) error {
	return retry(CallFcntl, func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK)
		return err
	})
}

// SealedShrink reports whether fd can no longer be made shorter.
func SealedShrink(fd int) bool {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && seals&unix.F_SEAL_SHRINK != 0
}

// Dup duplicates fd, closed on exec.
func Dup(fd int) (int, error) {
	nfd := -1
	err := retry(CallFcntl, func() (err error) {
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

// limit returns the soft limit of a resource, math.MaxUint64 where there is none.
func limit(resource int) uint64 {
	var r unix.Rlimit
	if err := unix.Getrlimit(resource, &r); err != nil || r.Cur == unix.RLIM_INFINITY {
		return math.MaxUint64
	}
	return r.Cur
}

// LimitAS returns RLIMIT_AS in bytes, math.MaxUint64 where there is none.
func LimitAS() uint64 { return limit(unix.RLIMIT_AS) }

// LimitFiles returns RLIMIT_NOFILE.
func LimitFiles() uint64 { return limit(unix.RLIMIT_NOFILE) }

// LimitFileSize returns RLIMIT_FSIZE in bytes, math.MaxUint64 where there is none.
func LimitFileSize() uint64 { return limit(unix.RLIMIT_FSIZE) }
