//go:build !portable

package sys

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// NewFile is a file that is being made in a directory and has no name there yet.
type NewFile struct {
	Fd   int
	path string // of a name for the meantime, "" for none
}

// Create makes a file in a directory that has no name there until [NewFile.Link], for
// reading and writing, closed on exec. Where the file system knows no such files it has a name
// that begins with a dot. It has mode perm, whatever the umask is.
func Create(dir string, perm uint32) (NewFile, error) {
	f := NewFile{Fd: -1}
	open := func(path string, flags int) error {
		return retry(CallOpen, func() (err error) {
			f.Fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|flags, 0o600)
			return err
		})
	}
	err := open(dir, unix.O_TMPFILE)
	// EISDIR: a kernel that does not know the flag.
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EISDIR) {
		f.path = filepath.Join(dir, fmt.Sprintf(".growarena-%016x", rand.Uint64()))
		err = open(f.path, unix.O_CREAT|unix.O_EXCL)
	}
	if err != nil {
		return NewFile{Fd: -1}, err
	}
	if err := Chmod(f.Fd, perm); err != nil {
		f.Forget()
		_ = Close(f.Fd)
		return NewFile{Fd: -1}, err
	}
	return f, nil
}

// Link gives f its name. The error is EEXIST if something has it.
func (f *NewFile) Link(path string) error {
	old := fmt.Sprintf("/proc/self/fd/%d", f.Fd)
	if f.path != "" {
		old = f.path
	}
	err := retry(CallLink, func() error {
		return unix.Linkat(unix.AT_FDCWD, old, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	})
	if errors.Is(err, unix.ENOENT) && f.path == "" { // No /proc: for who may (CAP_DAC_READ_SEARCH).
		err = retry(CallLink, func() error {
			return unix.Linkat(f.Fd, "", unix.AT_FDCWD, path, unix.AT_EMPTY_PATH)
		})
	}
	if err == nil {
		f.Forget()
	}
	return err
}

// Forget gives up the name for the meantime, if there is one.
func (f *NewFile) Forget() {
	if f.path != "" {
		_ = Unlink(f.path)
		f.path = ""
	}
}

// OpenName opens a regular file by its name, closed on exec. Where the name is a symbolic link
// that is an error.
func OpenName(path string, write bool) (int, error) {
	fd, flags := -1, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NONBLOCK
	if write {
		flags = flags&^unix.O_RDONLY | unix.O_RDWR
	}
	err := retry(CallOpen, func() (err error) {
		fd, err = unix.Open(path, flags, 0)
		return err
	})
	return fd, err
}

// ReadAt reads from an offset of a file on, and returns how many bytes it had there.
func ReadAt(fd int, b []byte, off int64) (n int, err error) {
	err = retry(CallPread, func() (err error) {
		n, err = unix.Pread(fd, b, off)
		return err
	})
	return n, err
}

// Unlink takes a name away.
func Unlink(path string) error {
	return retry(CallUnlink, func() error { return unix.Unlink(path) })
}

// IDOf tells which file has a name. A symbolic link is a file of its own.
func IDOf(path string) (FileID, error) {
	var st unix.Stat_t
	err := retry(CallFstat, func() error { return unix.Lstat(path, &st) })
	return idOf(&st), err
}

// Chmod sets the mode of fd.
func Chmod(fd int, perm uint32) error {
	return retry(CallFchmod, func() error { return unix.Fchmod(fd, perm) })
}

// Sync returns when all that was written to the file of fd, also by stores through a
// mapping, is on the device, with the length that is needed to read it.
func Sync(fd int) error {
	return retry(CallFsync, func() error { return unix.Fdatasync(fd) })
}

// SyncDir returns when the names in a directory are on the device.
func SyncDir(dir string) error {
	fd := -1
	err := retry(CallOpen, func() (err error) {
		fd, err = unix.Open(dir, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer Close(fd)
	return retry(CallFsync, func() error { return unix.Fsync(fd) })
}

// errNotOwn is a directory in which others can make names.
var errNotOwn = errors.New("it is not a directory of our own that nobody else can write to: remove it, or name another")

// OwnDir makes a directory that nobody else can use, or makes sure that it is one in which
// nobody else can make names.
func OwnDir(path string) error {
	err := retry(CallMkdir, func() error { return unix.Mkdir(path, 0o700) })
	if err != nil && !errors.Is(err, EEXIST) {
		return err
	}
	var st unix.Stat_t
	if err := retry(CallFstat, func() error { return unix.Lstat(path, &st) }); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o022 != 0 || int(st.Uid) != unix.Getuid() {
		return errNotOwn
	}
	return nil
}
