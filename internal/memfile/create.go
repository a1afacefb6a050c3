package memfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/internal/sys"
)

// New creates an empty file that has no name: a memfd, sealed where the system knows
// seals, or, where it refuses memfds, a file in a tmpfs (see inTmpfs). A huge page size
// of 0 means ordinary pages.
func New(name string, hugePage int) (*File, error) {
	fd, err := sys.Memfd(name, hugePage)
	if sys.IsDenied(err) && hugePage == 0 {
		return inTmpfs(err)
	}
	if err != nil {
		return nil, explainHuge(ExplainFiles(err), hugePage)
	}
	return &File{
		fd: fd, page: max(os.Getpagesize(), hugePage), memfd: true,
		// Nobody who gets the file can cut it, nor seal it against growing. Without the
		// seals that is nobody's business all the same, and Grow looks at the length.
		sealed: sys.Seal(fd, sys.SealShrink|sys.SealSeal) == nil,
	}, nil
}

// tmpfsDirs returns where files are looked for that are memory: the usual place, and the
// one that TMPDIR names.
//
// A variable, for tests.
var tmpfsDirs = usualDirs

func usualDirs() []string { return []string{"/dev/shm", os.TempDir()} }

// inTmpfs creates a file without a name in the first directory that is a tmpfs and takes
// one. The error says why no memfd could be had.
func inTmpfs(why error) (*File, error) {
	for _, dir := range tmpfsDirs() {
		fd, err := sys.TempFile(dir)
		if err != nil {
			why = fmt.Errorf("%w; %s: %w", why, dir, ExplainFiles(err))
			continue
		}
		fs, err := sys.FileSystemOf(fd)
		if err == nil && fs.Memory {
			return &File{fd: fd, page: os.Getpagesize(), memfd: true, stored: true}, nil
		}
		if err == nil {
			err = errors.New("is not a tmpfs")
		}
		why = fmt.Errorf("%w; %s: %w", why, dir, err)
		_ = sys.Close(fd)
	}
	return nil, fmt.Errorf("%w: allow memfd_create, or have TMPDIR name a directory in a tmpfs", why)
}

// explainHuge adds what to change to the error of a file of huge pages.
func explainHuge(err error, hugePage int) error {
	if hugePage != 0 && (sys.IsDenied(err) || errors.Is(err, sys.ENOENT)) {
		return fmt.Errorf("%w: the kernel has no pages of %d MiB in its reserved pool (hugepagesz=, vm.nr_hugepages): use HugeAuto", err, hugePage>>20)
	}
	return err
}
