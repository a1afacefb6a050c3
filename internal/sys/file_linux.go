//go:build !portable

package sys

import (
	"errors"
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
	EDQUOT     = syscall.EDQUOT
	EEXIST     = syscall.EEXIST
	EFAULT     = syscall.EFAULT
	EFBIG      = syscall.EFBIG
	EINVAL     = syscall.EINVAL
	EMFILE     = syscall.EMFILE
	ENFILE     = syscall.ENFILE
	ENOLCK     = syscall.ENOLCK
	EINTR      = syscall.EINTR
	EIO        = syscall.EIO
	ENODEV     = syscall.ENODEV
	ENOENT     = syscall.ENOENT
	ENOMEM     = syscall.ENOMEM
	ENOSPC     = syscall.ENOSPC
	ENOSYS     = syscall.ENOSYS
	EOPNOTSUPP = syscall.EOPNOTSUPP
	ENXIO      = syscall.ENXIO
	EPERM      = syscall.EPERM
	EROFS      = syscall.EROFS
	ELOOP      = syscall.ELOOP
	EISDIR     = syscall.EISDIR
)

// NoMemory returns what mmap says where there is no room, for a limit that is
// checked before the kernel is asked.
func NoMemory() error { return result(CallMmap, ENOMEM) }

// once makes call c through f.
func once(c Call, f func() error) error {
	if e := injected(c); e != 0 {
		return result(c, e)
	}
	err := f()
	if e, ok := err.(syscall.Errno); ok {
		return result(c, e)
	}
	return err
}

// retry makes call c through f until it is not interrupted by a signal.
func retry(c Call, f func() error) error {
	for {
		if err := once(c, f); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// Truncate sets the length of fd.
func Truncate(fd int, n int64) error {
	if err := underLimit(CallFtruncate, fd, n); err != nil {
		return err
	}
	return retry(CallFtruncate, func() error { return unix.Ftruncate(fd, n) })
}

// Extend makes fd n bytes long, or leaves it alone if it is longer: the one call that
// can do so, whoever else changes the length meanwhile. It takes the page, or block,
// of the last byte.
func Extend(fd int, n int64) error {
	if err := underLimit(CallExtend, fd, n); err != nil {
		return err
	}
	return retry(CallExtend, func() error { return unix.Fallocate(fd, 0, n-1, 1) })
}

// ExtendByWriting is Extend where the file system does not know fallocate. A byte that
// somebody writes at n-1 at this very moment is lost, nothing else.
//
// Preconditions: fd was not opened with O_APPEND, which would put the byte elsewhere.
func ExtendByWriting(fd int, n int64) error {
	info, err := Stat(fd)
	if err != nil || info.Size >= n {
		return err
	}
	if err := underLimit(CallPwrite, fd, n); err != nil {
		return err
	}
	return retry(CallPwrite, func() error {
		_, err := unix.Pwrite(fd, []byte{0}, n-1)
		return err
	})
}

// underLimit returns what the kernel answers where call c would make fd longer than
// RLIMIT_FSIZE. The kernel sends SIGXFSZ with it, which ends a process whose main
// program is not Go's.
func underLimit(c Call, fd int, n int64) error {
	if uint64(n) <= LimitFileSize() {
		return nil
	}
	if info, err := Stat(fd); err != nil || info.Size >= n {
		return err
	}
	return result(c, EFBIG)
}

// How much one fallocate asks for. A kernel that looks for signals on the way (tmpfs
// does) gives everything back at one and returns EINTR: with a profiler's timer a long
// call would never end. A call that was interrupted is made again for half as much.
const (
	allocateMost  = 2 << 20
	allocateLeast = 64 << 10
)

// Allocate makes the file system give pages to [off, off+n) of fd, so that
// touching them cannot fail. After a failure some of the range may have pages. Where the
// system refuses the form that leaves the file's size alone (gVisor) the other one
// serves, as far as the range lies within the file.
func Allocate(fd int, off, n int64) error {
	if err := underLimit(CallAllocate, fd, off+n); err != nil {
		return err
	}
	call, mode := CallAllocate, uint32(unix.FALLOC_FL_KEEP_SIZE)
	for step := int64(allocateMost); n > 0; {
		part := min(n, step)
		err := once(call, func() error { return unix.Fallocate(fd, mode, off, part) })
		switch {
		case err == nil:
			off, n = off+part, n-part
			step = min(2*step, allocateMost)
		case errors.Is(err, unix.EINTR):
			step = max(step/2, allocateLeast)
		case mode != 0 && IsDenied(err) && within(fd, off+n):
			call, mode = CallAllocatePlain, 0
		default:
			return err
		}
	}
	return nil
}

// within reports whether fd is at least end bytes long.
func within(fd int, end int64) bool {
	info, err := Stat(fd)
	return err == nil && info.Size >= end
}

// Punch gives the pages of [off, off+n) back: they read as zero through every
// alias. Whole pages leave the file, the rest is zeroed.
func Punch(fd int, off, n int64) error {
	return retry(CallPunch, func() error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}

// FileSystem is what FileSystemOf tells.
type FileSystem struct {
	HugePage int  // size of its pages, if they are of the hugetlb pool; else 0
	Made     bool // its files are made up as they are read: /proc, /sys
	Memory   bool // its files are memory, in the system's pages: tmpfs, ramfs
}

// FileSystemOf tells what fd lies in.
func FileSystemOf(fd int) (FileSystem, error) {
	var st unix.Statfs_t
	err := retry(CallFstatfs, func() error { return unix.Fstatfs(fd, &st) })
	if err != nil {
		return FileSystem{}, err
	}
	switch uint32(st.Type) { // Signed, and of 32 bits, on some.
	case unix.HUGETLBFS_MAGIC:
		return FileSystem{HugePage: int(st.Bsize)}, nil
	case unix.TMPFS_MAGIC, unix.RAMFS_MAGIC:
		return FileSystem{Memory: true}, nil
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC:
		return FileSystem{Made: true}, nil
	}
	return FileSystem{}, nil
}

// FreeIn returns how many bytes the file system of fd has room for, math.MaxInt64 where
// it has no bound.
func FreeIn(fd int) (int64, error) {
	var st unix.Statfs_t
	err := retry(CallFstatfs, func() error { return unix.Fstatfs(fd, &st) })
	if st.Blocks == 0 {
		return math.MaxInt64, err
	}
	return int64(st.Bavail) * int64(st.Bsize), err
}

// FileInfo is what Stat tells about a file.
type FileInfo struct {
	ID        FileID
	Size      int64 // length in bytes
	Allocated int64 // bytes the file system holds for it
	Regular   bool  // a regular file, as a memfd is
	Perm      uint32
}

// FileID tells files apart.
type FileID struct{ Device, Inode uint64 }

// SeekData returns the first offset of fd at or behind off at which it has data, or ENXIO if there
// is none up to its end. It moves the offset of the opening.
func SeekData(fd int, off int64) (at int64, err error) {
	return seek(CallSeek, fd, off, unix.SEEK_DATA)
}

// DataIn returns the first range of [off, end) of fd that has data, and no more of it; an empty one at end if none
// has. It moves the offset of the opening.
func DataIn(fd int, off, end int64) (from, to int64, err error) {
	from, err = seek(CallFindData, fd, off, unix.SEEK_DATA)
	if errors.Is(err, ENXIO) || err == nil && from >= end {
		return end, end, nil // None up to the end of the file.
	}
	if err == nil {
		to, err = seek(CallFindData, fd, from, unix.SEEK_HOLE)
	}
	return from, min(to, end), err
}

func seek(c Call, fd int, off int64, whence int) (at int64, err error) {
	err = retry(c, func() error {
		var err error
		at, err = unix.Seek(fd, off, whence)
		return err
	})
	return at, err
}

// Stat describes fd.
func Stat(fd int) (FileInfo, error) {
	var st unix.Stat_t
	err := retry(CallFstat, func() error { return unix.Fstat(fd, &st) })
	return FileInfo{ID: idOf(&st), Size: st.Size, Allocated: st.Blocks * 512, Regular: st.Mode&unix.S_IFMT == unix.S_IFREG, Perm: uint32(st.Mode) & 0o777}, err
}

func idOf(st *unix.Stat_t) FileID {
	return FileID{Device: uint64(st.Dev), Inode: uint64(st.Ino)} // Narrower on some.
}

// Seals that a memory file can have (fcntl(2)).
const (
	SealSeal        = unix.F_SEAL_SEAL         // nobody can add one
	SealShrink      = unix.F_SEAL_SHRINK       // nobody can make the file shorter
	SealGrow        = unix.F_SEAL_GROW         // nor longer
	SealWrite       = unix.F_SEAL_WRITE        // nor write to it
	SealFutureWrite = unix.F_SEAL_FUTURE_WRITE // nor map it anew to write to it; Linux 5.1
)

// Seal gives fd seals, for ever. A file that knows none (EINVAL) stays as it is.
func Seal(fd, seals int) error {
	return retry(CallSeal, func() error {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals)
		return err
	})
}

// Seals returns the seals of fd; 0 also where it knows none.
func Seals(fd int) int {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return 0
	}
	return seals
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
