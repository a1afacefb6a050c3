package memfile

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/growarena/growarena/internal/sys"
)

// ErrInUse means that somebody else writes to the caller's backing file.
var ErrInUse = errors.New("backing file is in use")

// inUse are the files that this process has adopted and locked, each with the name of
// what has it: a lock of the system's does not tell who has it, and some file systems
// know none.
var inUse struct {
	mu    sync.Mutex
	files map[sys.FileID]string // Protected by mu.
}

// Adopt takes a file of the caller's, and locks it, unless that is not wanted, in the
// name given. The file is opened anew, so that the lock is not the caller's, too, or
// where that cannot be the descriptor is duplicated: the caller may close its own.
func Adopt(theirs *os.File, name string, lock bool) (*File, error) {
	fd, err := dup(theirs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", theirs.Name(), err)
	}
	f := &File{fd: fd, page: os.Getpagesize(), shared: !lock}
	if err = f.adopt(); err == nil && lock {
		err = f.lock(name)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", theirs.Name(), err)
	}
	// Sealing it is the caller's business. Touching what somebody cut off an
	// unsealed file is a fault: see CatchFault.
	f.sealed = sys.Seals(f.fd)&sys.SealShrink != 0
	return f, nil
}

// dup duplicates the descriptor of a file.
func dup(theirs *os.File) (fd int, err error) {
	err = with(theirs, func(number int) (err error) {
		fd, err = sys.Dup(number)
		return ExplainFiles(err)
	})
	return fd, err
}

// with calls f with the descriptor of a file of the caller's, which stays open meanwhile.
func with(theirs *os.File, f func(fd int) error) error {
	var done error
	conn, err := theirs.SyscallConn()
	if err == nil {
		err = conn.Control(func(number uintptr) { done = f(int(number)) })
	}
	if err != nil {
		// The error of package poll for it wraps nothing.
		return fmt.Errorf("%w: %w", os.ErrClosed, err)
	}
	return done
}

// adopt finds out what f, which has a duplicate of the caller's descriptor, is, and
// gives it one of its own.
func (f *File) adopt() error {
	info, err := sys.Stat(f.fd)
	switch {
	case err != nil:
		return err
	case !info.Regular:
		return fmt.Errorf("%w: not a regular file", errors.ErrUnsupported)
	case info.Size != int64(int(info.Size)):
		return fmt.Errorf("%w: %d bytes do not fit the address space", errors.ErrUnsupported, info.Size)
	}
	f.id, f.size, f.made = info.ID, int(info.Size), int(info.Size)
	// Where the kernel does not tell it counts as memory.
	fs, err := sys.FileSystemOf(f.fd)
	f.disk = err == nil && !fs.Memory && fs.HugePage == 0
	readWrite, appends, err := sys.Opened(f.fd)
	switch {
	case err != nil:
		return err
	case !readWrite:
		return fmt.Errorf("%w: the file is not open for reading and writing: open it with os.O_RDWR", sys.EACCES)
	}
	own, err := f.reopen(true)
	switch {
	case err == nil:
		f.closeFd()
		f.fd = own
		return nil
	case errors.Is(err, sys.EMFILE) || errors.Is(err, sys.ENFILE):
		return ExplainFiles(err)
	case appends: // ExtendByWriting could not be.
		return fmt.Errorf("%w: it is open with os.O_APPEND and cannot be opened anew (%w): open it without", errors.ErrUnsupported, err)
	}
	return nil // The duplicate has to do.
}

// ExplainMap adds what to change to an error of mapping f, where the caller's file is why.
func (f *File) ExplainMap(err error) error {
	switch {
	case f.memfd:
	case errors.Is(err, sys.EPERM) && sys.Seals(f.fd)&(sys.SealWrite|sys.SealFutureWrite) != 0:
		return fmt.Errorf("%w: the file is sealed against writing (F_SEAL_WRITE, F_SEAL_FUTURE_WRITE): pass one without these seals", err)
	case errors.Is(err, sys.ENODEV) || errors.Is(err, sys.EIO):
		return fmt.Errorf("%w: its file system does not map files, as those in /proc and /sys: pass a file on a disk or in a tmpfs", err)
	}
	return err
}

// lock takes f for this process and for name alone, by a lock of the system's where
// there are any.
func (f *File) lock(name string) error {
	inUse.mu.Lock()
	defer inUse.mu.Unlock()
	if other, ok := inUse.files[f.id]; ok {
		return used(fmt.Sprintf("%q in this process", other), sys.EAGAIN)
	}
	err := sys.Lock(f.fd)
	switch {
	case errors.Is(err, sys.EAGAIN):
		return used(sys.LockHolder(f.id), err)
	case err != nil && !sys.IsDenied(err) && !errors.Is(err, sys.ENOLCK):
		return err
	}
	if inUse.files == nil {
		inUse.files = make(map[sys.FileID]string)
	}
	inUse.files[f.id] = name
	f.locked = true
	return nil
}

// used says who has the file, and what to do.
func used(who string, err error) error {
	if who == "" {
		who = "a process that is hidden from us (lslocks, as root, names it)"
	}
	return fmt.Errorf("%w: %s has locked it (%w): let that end first, or set NoLock where all who write have agreed who grows it", ErrInUse, who, err)
}

// unlock gives the file back.
func (f *File) unlock() {
	if !f.locked {
		return
	}
	inUse.mu.Lock()
	defer inUse.mu.Unlock()
	f.locked = false
	delete(inUse.files, f.id)
	// The descriptor may be a duplicate that is not the last. A failure leaves the lock to
	// the caller, whose descriptor it is.
	_ = sys.Unlock(f.fd)
}
