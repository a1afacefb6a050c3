package memfile

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/growarena/growarena/internal/sys"
)

// Followed is a file of the caller's that others make longer. Nothing here writes to it,
// locks it, or changes its length. It belongs to one goroutine at a time.
type Followed struct {
	fd   int // -1 after Close
	page int // page size of the file: the system's, or hugetlb's
	size int // length as far as it was seen

	// MayShrink says that a file that has become shorter is no error.
	MayShrink bool
}

// Follow opens a file of the caller's anew, for reading alone, so that its mappings hold
// no lock of the caller's; or, where that cannot be, duplicates the descriptor. The caller may
// close his.
func Follow(theirs *os.File) (*Followed, error) {
	var f *Followed
	err := with(theirs, func(fd int) (err error) {
		f, err = follow(fd)
		return err
	})
	return f, err
}

func follow(theirs int) (*Followed, error) {
	info, err := sys.Stat(theirs)
	switch {
	case err != nil:
		return nil, err
	case !info.Regular:
		return nil, fmt.Errorf("%w: not a regular file: what a pipe, a socket, a directory or a device holds cannot be mapped: read it into an arena", errors.ErrUnsupported)
	}
	f := &Followed{fd: -1, page: os.Getpagesize()}
	fs, err := sys.FileSystemOf(theirs)
	switch {
	case err != nil && !sys.IsDenied(err): // Else nothing is known against it.
		return nil, err
	case fs.Made:
		return nil, fmt.Errorf("%w: a file of /proc or /sys is made up as it is read, and cannot be mapped: read it into an arena", errors.ErrUnsupported)
	case fs.HugePage > 0:
		f.page = fs.HugePage
	}
	f.fd, err = reopen(theirs, false)
	if err != nil && !errors.Is(err, sys.EMFILE) && !errors.Is(err, sys.ENFILE) {
		f.fd, err = sys.Dup(theirs) // Without /proc, or the permission.
	}
	switch {
	case errors.Is(err, sys.EMFILE):
		return nil, fmt.Errorf("%w: RLIMIT_NOFILE is %d (ulimit -n): raise it, or follow without keeping descriptors (NoDescriptor)", err, sys.LimitFiles())
	case err != nil:
		return nil, err
	}
	f.size = int(min(info.Size, math.MaxInt))
	return f, nil
}

// Look returns how long the file is, and, without MayShrink, ErrShrunk if that is less than it was.
func (f *Followed) Look() (int, error) {
	info, err := sys.Stat(f.fd)
	if err != nil {
		return 0, err
	}
	size := int(min(info.Size, math.MaxInt))
	if size < f.size && !f.MayShrink {
		return 0, fmt.Errorf("%w: from %d to %d bytes", ErrShrunk, f.size, size)
	}
	f.size = size
	return size, nil
}

// Fd returns the descriptor.
func (f *Followed) Fd() int { return f.fd }

// Size returns how long the file was when it was looked at.
func (f *Followed) Size() int { return f.size }

// Page returns the page size of the file: the system's, or that of the hugetlb pool.
func (f *Followed) Page() int { return f.page }

// Close closes the descriptor, if it is open. Mappings of the file stay.
func (f *Followed) Close() {
	if f.fd < 0 {
		return
	}
	if err := sys.Close(f.fd); err != nil {
		panic(fmt.Sprintf("memfile: BUG: close of descriptor %d: %v", f.fd, err))
	}
	f.fd = -1
}
