package shm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"github.com/growarena/growarena/internal/sys"
)

// lockWriter takes a writer's lock.
func lockWriter(fd int, name string) error {
	err := sys.LockByte(fd, lockedByte)
	switch {
	case errors.Is(err, sys.EAGAIN):
		return refused(fd, name, "it has a writer", err)
	case sys.IsDenied(err) || errors.Is(err, sys.ENOLCK):
		return fmt.Errorf("lock %s: %w: the file system, or the kernel, has no locks of open files (F_OFD_SETLK), by which a writer is known to live: take another directory", name, err)
	}
	return err
}

// refused says who has the lock that is refused. Who may only read a file can lock it as well: not
// as a writer, but against one.
func refused(fd int, path, why string, err error) error {
	if locked, askErr := sys.ByteLocked(fd, lockedByte); locked || askErr != nil {
		return fmt.Errorf("%w: %s (%w)", ErrInUse, why, err)
	}
	holder := "unknown"
	if info, statErr := sys.Stat(fd); statErr == nil {
		holder = cmp.Or(sys.LockHolder(info.ID), holder)
	}
	return fmt.Errorf("%w: it has no writer, but %s has a lock for reading, which whoever may read it can take: end that process (%s) (%w)", ErrInUse, path, holder, err)
}

// lockControl takes a writer's lock, and makes sure that the file still has the name.
func lockControl(fd int, path string) error {
	if err := lockWriter(fd, path); err != nil {
		return err
	}
	return stillNamed(fd, path)
}

// lockNamed locks a file as a whole, and makes sure that it still has the name then: who
// has taken it away had it locked.
func lockNamed(fd int, path string) error {
	if err := sys.Lock(fd); err != nil {
		if errors.Is(err, sys.EAGAIN) {
			return refused(fd, path, path+" is locked", err)
		}
		return err
	}
	return stillNamed(fd, path)
}

// stillNamed returns an error if a file is not the one that has the name, or cannot be a buffer's.
func stillNamed(fd int, path string) error {
	info, err := sys.Stat(fd)
	if err != nil {
		return err
	}
	if !info.Regular {
		return fmt.Errorf("%s is no regular file, so it is of no buffer: remove it by hand", path)
	}
	id, err := sys.IDOf(path)
	if errors.Is(err, sys.ENOENT) || err == nil && id != info.ID {
		return notNamed(path)
	}
	return err
}

// letGo closes what may have a lock. That would go with the descriptor, but a process that another
// goroutine is just starting has all descriptors until it runs its program.
func letGo(fd int) {
	_ = sys.Unlock(fd)
	_ = sys.Close(fd)
}

// notNamed says that a file has lost its name.
func notNamed(path string) error {
	return fmt.Errorf("%w: %s has just been taken away", fs.ErrNotExist, path)
}
