// Package memfile is the file behind a buffer: how long it is, that nobody makes it
// shorter, its memory, its huge pages, and what the kernel can do with it. Those
// who map it (packages arena and pool) say when; this says how.
//
// Errors name the system call that failed and what to change; who calls adds the
// object and the step.
package memfile

import (
	"errors"
	"fmt"
	"os"

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
	size   int  // length of the file as far as we made it
	page   int  // page size of the file: the system's, or hugetlb's
	memfd  bool // made by us: sealed, and nobody else's content
	sealed bool // cannot be made shorter by anybody
}

// New creates an empty, sealed memfd. A huge page size of 0 means ordinary
// pages.
func New(name string, hugePage int) (*File, error) {
	fd, err := sys.Memfd(name, hugePage)
	if err != nil {
		return nil, ExplainFiles(err)
	}
	f := &File{fd: fd, page: max(os.Getpagesize(), hugePage), memfd: true}
	if err := sys.SealShrink(fd); err != nil {
		f.Close()
		return nil, err
	}
	f.sealed = true
	return f, nil
}

// Adopt takes a file of the caller's. The descriptor is duplicated: the caller
// may close its own.
func Adopt(theirs *os.File) (*File, error) {
	fd := -1
	var dupErr error
	conn, err := theirs.SyscallConn()
	if err == nil {
		err = conn.Control(func(number uintptr) { fd, dupErr = sys.Dup(int(number)) })
	}
	if err != nil {
		// The error of package poll for it wraps nothing.
		return nil, fmt.Errorf("%s: %w: %w", theirs.Name(), os.ErrClosed, err)
	}
	if dupErr != nil {
		return nil, ExplainFiles(dupErr)
	}
	f := &File{fd: fd, page: os.Getpagesize()}
	info, err := sys.Stat(fd)
	if err == nil && !info.Regular {
		err = fmt.Errorf("%s: %w: not a regular file", theirs.Name(), errors.ErrUnsupported)
	}
	if err == nil && info.Size != int64(int(info.Size)) {
		err = fmt.Errorf("%s: %w: %d bytes do not fit the address space", theirs.Name(), errors.ErrUnsupported, info.Size)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	f.size = int(info.Size)
	// Sealing it is the caller's business. Touching what somebody cut off an
	// unsealed file is a fault: see CatchFault.
	f.sealed = sys.SealedShrink(fd)
	return f, nil
}

// Grow makes the file at least n bytes long. It makes sure that nobody has made
// it shorter meanwhile: growing over that would silently put zeros in place of
// data.
func (f *File) Grow(n int) error {
	if !f.sealed || f.page >= ExtentSize {
		info, err := sys.Stat(f.fd)
		if err != nil {
			return err
		}
		if info.Size < int64(f.size) {
			return fmt.Errorf("%w: from %d to %d bytes", ErrShrunk, f.size, info.Size)
		}
		if f.memfd {
			// Mapping a hugetlb file has made it as long as the mapping
			// (hugetlbfs_file_mmap in fs/hugetlbfs/inode.c).
			f.size = int(info.Size)
		}
	}
	if n <= f.size {
		return nil
	}
	n, ok := align.Up(n, max(ExtentSize, f.page))
	if !ok {
		return sys.EFBIG
	}
	if err := sys.Truncate(f.fd, int64(n)); err != nil {
		if errors.Is(err, sys.EFBIG) {
			return fmt.Errorf("%w: RLIMIT_FSIZE is %d bytes (ulimit -f) and applies to memory files too", err, sys.LimitFileSize())
		}
		return err
	}
	f.size = n
	return nil
}

// Allocated returns the bytes of memory (or disk) the file holds.
func (f *File) Allocated() int {
	info, err := sys.Stat(f.fd)
	if err != nil {
		return 0
	}
	return int(info.Allocated)
}

// Fd returns the descriptor.
func (f *File) Fd() int { return f.fd }

// Size returns the length of the file as far as we have made it or found it.
func (f *File) Size() int { return f.size }

// Page returns the page size of the file: the system's, or that of the hugetlb pool.
func (f *File) Page() int { return f.page }

// Memfd reports whether the file is one of ours that has no name, and not the caller's.
func (f *File) Memfd() bool { return f.memfd }

// Sealed reports whether nobody can make the file shorter.
func (f *File) Sealed() bool { return f.sealed }

// Close closes the descriptor. Mappings of the file stay.
func (f *File) Close() {
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
