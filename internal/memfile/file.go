// Package memfile is the file behind a buffer: how long it is, that nobody makes it
// shorter, its memory, its huge pages, and what the kernel can do with it. Those
// who have one (packages arena and pool) say when; this says how.
//
// Errors name the system call that failed and what to change; who calls adds the
// object and the step.
package memfile

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// ExtentSize is the unit in which the file grows and memory is prepared: a
// huge page. Bytes beyond the end of a file but in its last page survive a
// growth of the file, so its size is always a multiple of this.
const ExtentSize = 2 << 20

// ErrShrunk means that somebody has made the caller's backing file shorter.
var ErrShrunk = errors.New("backing file was made shorter by somebody else")

// File is the file behind an arena or a pool. Its descriptor is immutable until
// Close; who has a File protects the rest by a lock of his own.
type File struct {
	fd     int
	size   int  // length of the file as far as we need it
	made   int  // length of the file as we left it: others have not changed it if it still is
	others int  // end of what others have put behind the file; 0 for nothing
	page   int  // page size of the file: the system's, or hugetlb's
	memfd  bool // made by us: nobody else's content, and no name
	sealed bool // cannot be made shorter by anybody
	stored bool // made by us in a tmpfs, which may be bounded
	id     sys.FileID
	locked bool // id is in inUse
	shared bool // others write, too: the caller wants no lock
	disk   bool // what it holds is disk, and not memory
	owned  bool // by its owner alone, if made by us
	alone  bool // made by us in a tmpfs of its own, and nobody else was given a descriptor
}

// Grow makes the file at least n bytes long and never shorter, whatever others do to
// it: one that has become longer stays as it is. It makes sure that nobody has made
// it shorter meanwhile: growing over that would silently put zeros in place of data.
func (f *File) Grow(n int) error {
	if err := f.Room(n - f.size); err != nil {
		return err
	}
	return f.GrowSparse(n)
}

// GrowSparse is Grow for a file that is going to have memory here and there only: whether
// there is room for that, in a bounded tmpfs, is not looked at. See Room.
func (f *File) GrowSparse(n int) error {
	if err := f.Look(); err != nil {
		return err
	}
	if n <= f.size {
		return nil
	}
	n, ok := align.Up(n, max(ExtentSize, f.page))
	if !ok {
		return sys.EFBIG
	}
	var err error
	if n > f.made {
		err = f.extend(n)
	}
	switch limit := sys.LimitFileSize(); {
	case err == nil:
	case errors.Is(err, sys.EFBIG) && limit != math.MaxUint64:
		return fmt.Errorf("%w: RLIMIT_FSIZE is %d bytes (ulimit -f) and applies to memory files too", err, limit)
	case errors.Is(err, sys.EPERM) && sys.Seals(f.fd)&sys.SealGrow != 0:
		return fmt.Errorf("%w: the file is sealed against growing (F_SEAL_GROW)", err)
	default:
		return explainFull(err)
	}
	f.size, f.made = n, max(f.made, n)
	return nil
}

// Look notices what others have done to the length of the file, where they can.
func (f *File) Look() error {
	if f.memfd && f.sealed && f.page < ExtentSize {
		return nil
	}
	return f.look()
}

// look is Look whoever can.
func (f *File) look() error {
	info, err := sys.Stat(f.fd)
	if err != nil {
		return err
	}
	switch {
	case info.Size < int64(f.size):
		return fmt.Errorf("%w: from %d to %d bytes", ErrShrunk, f.size, info.Size)
	case f.memfd && f.page >= ExtentSize:
		// Mapping a hugetlb file has made it as long as the mapping
		// (hugetlbfs_file_mmap in fs/hugetlbfs/inode.c).
		f.size, f.made = int(info.Size), int(info.Size)
	case info.Size != int64(f.made):
		f.made = int(min(info.Size, math.MaxInt))
		f.others = max(f.others, f.made)
	}
	return nil
}

// extend makes the file n bytes long, or leaves it alone if it is longer.
func (f *File) extend(n int) error {
	if f.sealed || f.alone {
		// Takes no memory, and cannot cut: nobody makes one longer meanwhile that is ours alone.
		err := sys.Truncate(f.fd, int64(n))
		if !errors.Is(err, sys.EPERM) {
			return err
		}
		// Others may have made it longer than that, which is all that is wanted.
		if lookErr := f.look(); lookErr == nil && f.made >= n {
			return nil
		}
		return err
	}
	err := sys.Extend(f.fd, int64(n))
	if sys.IsDenied(err) {
		return sys.ExtendByWriting(f.fd, int64(n))
	}
	return err
}

// Room looks whether a tmpfs that stands in for memfds has room for n bytes more, where
// touching what it has no room for would be a signal.
func (f *File) Room(n int) error {
	if !f.stored || n <= 0 {
		return nil
	}
	free, err := sys.FreeIn(f.fd)
	if err == nil && int64(n) > free {
		err = sys.ENOSPC
	}
	if err != nil {
		return fmt.Errorf("%w: the tmpfs that stands in for memfd_create has %d bytes left: mount it with a larger size, or allow memfd_create", err, free)
	}
	return nil
}

// Cut makes a caller's file n bytes long, or as long as what others have put there, if
// nobody has changed its length since we did. (Who appends between the look and the cut
// loses it: no call compares and cuts.) A file that cannot be cut stays as it is, and so
// does one without a lock: others may use what we have made longer.
func (f *File) Cut(n int) error {
	if f.memfd || f.sealed || f.shared {
		return nil
	}
	info, err := sys.Stat(f.fd)
	n = max(n, f.others)
	if err != nil || info.Size != int64(f.made) || f.made <= n {
		return err
	}
	return sys.Truncate(f.fd, int64(n))
}

// Others returns the end of what others have put behind the file, as far as that has
// been noticed, and 0 for nothing: bytes that are not zero where the file has grown.
func (f *File) Others() int { return f.others }

// Shared reports whether others may use what has been made longer here: it has no lock.
func (f *File) Shared() bool { return f.shared }

// Open opens the file anew: with an offset of its own, and for reading alone unless
// write is set. A file of ours becomes its owner's alone, so that who gets the descriptor
// cannot open one that does more. Where it cannot be opened anew a writable one is a
// duplicate of ours.
func (f *File) Open(write bool) (int, error) {
	if f.memfd && !f.owned {
		if err := sys.Own(f.fd); err != nil {
			return -1, err
		}
		f.owned = true
	}
	f.alone = false // Who has one that reads opens another that writes, if he is the same user.
	fd, err := f.reopen(write)
	switch {
	case err == nil || errors.Is(err, sys.EMFILE) || errors.Is(err, sys.ENFILE):
		return fd, ExplainFiles(err)
	case write:
		fd, err = sys.Dup(f.fd)
		return fd, ExplainFiles(err)
	}
	return -1, fmt.Errorf("%w: a descriptor that cannot write needs /proc/self/fd, and the permission to open the file: mount /proc, or take one that can write", err)
}

// reopen opens the file anew.
func (f *File) reopen(write bool) (int, error) { return reopen(f.fd, write) }

// reopen opens the file of ours anew, and makes sure that it is the same.
func reopen(ours int, write bool) (int, error) {
	fd, err := sys.Reopen(ours, write)
	if err != nil {
		return -1, err
	}
	want, err := sys.Stat(ours)
	if err == nil {
		var info sys.FileInfo
		if info, err = sys.Stat(fd); err == nil && info.ID != want.ID {
			err = errors.New("/proc/self/fd shows another file")
		}
	}
	if err != nil {
		_ = sys.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Allocated returns the bytes of memory (or disk) the file holds.
func (f *File) Allocated() int {
	info, err := sys.Stat(f.fd)
	if err != nil {
		return 0
	}
	return int(info.Allocated)
}

// Disk reports whether what the file holds is on a disk. The pages of it that are in memory are
// the kernel's, who writes them out and gives them to others when it needs to.
func (f *File) Disk() bool { return f.disk }

// SealWriting sees to it that nobody can write to the file any more but through mappings
// that are there, nor make it shorter, nor seal it against growing.
func (f *File) SealWriting() error {
	if err := sys.Seal(f.fd, sys.SealShrink|sys.SealFutureWrite|sys.SealSeal); err != nil {
		return err
	}
	f.sealed = true
	return nil
}

// Fd returns the descriptor.
func (f *File) Fd() int { return f.fd }

// Size returns the length of the file as far as it was asked for, or found at first.
func (f *File) Size() int { return f.size }

// Page returns the page size of the file: the system's, or that of the hugetlb pool.
func (f *File) Page() int { return f.page }

// Memfd reports whether the file is one that we made, without a name, and not the caller's.
func (f *File) Memfd() bool { return f.memfd }

// Sealed reports whether nobody can make the file shorter.
func (f *File) Sealed() bool { return f.sealed }

// Close closes the descriptor, and unlocks a caller's file. Mappings of the file stay.
func (f *File) Close() {
	f.unlock()
	f.closeFd()
}

func (f *File) closeFd() {
	if err := sys.Close(f.fd); err != nil {
		panic(fmt.Sprintf("memfile: BUG: close of descriptor %d: %v", f.fd, err))
	}
	f.fd = -1
}

// ExplainFiles adds what to change to an error that comes from a limit on
// descriptors.
func ExplainFiles(err error) error {
	if errors.Is(err, sys.EMFILE) {
		return fmt.Errorf("%w: RLIMIT_NOFILE is %d (ulimit -n): raise it, or keep many small buffers in one Pool", err, sys.LimitFiles())
	}
	return err
}
