package arena

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// extentSize is the unit in which the file grows and memory is prepared: a
// huge page. Bytes beyond the end of a file but in its last page survive a
// growth of the file, so its size is always a multiple of this.
const extentSize = 2 << 20

// backing is the file behind an arena. Protected by the arena's mu.
type backing struct {
	fd     int
	size   int  // length of the file as far as we made it
	page   int  // page size of the file: the system's, or hugetlb's
	memfd  bool // made by us: sealed, and nobody else's content
	sealed bool // cannot be made shorter by anybody
}

// newMemfd creates an empty, sealed memfd. A huge page size of 0 means ordinary
// pages.
func newMemfd(name string, hugePage int) (*backing, error) {
	fd, err := sys.Memfd(name, hugePage)
	if err != nil {
		return nil, explainFiles(err)
	}
	b := &backing{fd: fd, page: max(os.Getpagesize(), hugePage), memfd: true}
	if err := sys.SealShrink(fd); err != nil {
		b.close()
		return nil, err
	}
	b.sealed = true
	return b, nil
}

// adopt takes a file of the caller's. The descriptor is duplicated: the caller
// may close its own.
func adopt(f *os.File) (*backing, error) {
	fd := -1
	var dupErr error
	conn, err := f.SyscallConn()
	if err == nil {
		err = conn.Control(func(theirs uintptr) { fd, dupErr = sys.Dup(int(theirs)) })
	}
	if err != nil {
		// The error of package poll for it wraps nothing.
		return nil, fmt.Errorf("%s: %w: %w", f.Name(), os.ErrClosed, err)
	}
	if dupErr != nil {
		return nil, explainFiles(dupErr)
	}
	b := &backing{fd: fd, page: os.Getpagesize()}
	info, err := sys.Stat(fd)
	if err == nil && !info.Regular {
		err = fmt.Errorf("%s: %w: not a regular file", f.Name(), errors.ErrUnsupported)
	}
	if err == nil && info.Size != int64(int(info.Size)) {
		err = fmt.Errorf("%s: %w: %d bytes do not fit the address space", f.Name(), errors.ErrUnsupported, info.Size)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	b.size = int(info.Size)
	// Sealing it is the caller's business. Touching what somebody cut off an
	// unsealed file is a fault: see CatchFault.
	b.sealed = sys.SealedShrink(fd)
	return b, nil
}

// grow makes the file at least n bytes long. It makes sure that nobody has made
// it shorter meanwhile: growing over that would silently put zeros in place of
// data.
func (b *backing) grow(n int) error {
	if !b.sealed || b.page >= extentSize {
		info, err := sys.Stat(b.fd)
		if err != nil {
			return err
		}
		if info.Size < int64(b.size) {
			return fmt.Errorf("%w: from %d to %d bytes", ErrShrunk, b.size, info.Size)
		}
		if b.memfd {
			// Mapping a hugetlb file has made it as long as the mapping
			// (hugetlbfs_file_mmap in fs/hugetlbfs/inode.c).
			b.size = int(info.Size)
		}
	}
	if n <= b.size {
		return nil
	}
	n, ok := align.Up(n, max(extentSize, b.page))
	if !ok {
		return sys.EFBIG
	}
	if err := sys.Truncate(b.fd, int64(n)); err != nil {
		if errors.Is(err, sys.EFBIG) {
			return fmt.Errorf("%w: RLIMIT_FSIZE is %d bytes (ulimit -f) and applies to memory files too", err, sys.LimitFileSize())
		}
		return err
	}
	b.size = n
	return nil
}

// allocated returns the bytes of memory (or disk) the file holds.
func (b *backing) allocated() int {
	info, err := sys.Stat(b.fd)
	if err != nil {
		return 0
	}
	return int(info.Allocated)
}

func (b *backing) close() {
	if err := sys.Close(b.fd); err != nil {
		panic(fmt.Sprintf("arena: BUG: close of descriptor %d: %v", b.fd, err))
	}
	b.fd = -1
}

// explainFiles adds what to change to an error that comes from a limit on
// descriptors.
func explainFiles(err error) error {
	if errors.Is(err, sys.EMFILE) {
		return fmt.Errorf("%w: RLIMIT_NOFILE is %d (ulimit -n): raise it, or keep many small buffers in one Pool", err, sys.LimitFiles())
	}
	return err
}
