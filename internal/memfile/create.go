package memfile

import (
	"errors"
	"fmt"
	"os"

	"github.com/growarena/growarena/internal/sys"
)

// New creates an empty file that has no name: a memfd, sealed where the system knows
// seals, or, where it refuses memfds, a file in a tmpfs (see inTmpfs). With HugeAlways it is
// a file in a tmpfs of its own where memfds get no huge pages, and the process may mount one.
func New(name string, pages HugePages) (*File, error) {
	if pages == HugeAlways && noHugeAdvice() != nil {
		if f, err := inOwnTmpfs(name); err == nil {
			return f, nil
		}
	}
	return create(name, pages.reserved())
}

// create is New but for HugeAlways. A huge page size of 0 means ordinary pages.
func create(name string, hugePage int) (*File, error) {
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

// inOwnTmpfs creates a file in a tmpfs that nothing else is in, and which goes
// with it. All its memory is huge pages, whatever shmem_enabled says but "deny". It knows no seals.
func inOwnTmpfs(name string) (*File, error) {
	mount, err := sys.Tmpfs([2]string{"source", "growarena"}, [2]string{"huge", "always"}, [2]string{"size", "0"})
	if err != nil {
		return nil, err
	}
	fd, err := sys.TempFileIn(mount, name)
	if closed := sys.Close(mount); err != nil || closed != nil {
		if err == nil {
			_ = sys.Close(fd)
		}
		return nil, errors.Join(err, closed)
	}
	return &File{fd: fd, page: os.Getpagesize(), memfd: true, alone: true}, nil
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
