package shm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// awaitSuffix is that of the file by which a writer sees that somebody waits for its name: each
// who does has a lock on one byte of it, at random. Who finds no lock takes it away.
const awaitSuffix = ".wait"

// awaitTurn is how often Await looks.
const awaitTurn = 10 * time.Millisecond

// Await is Open that waits until there is a buffer of the name: its error is ctx's, or one of Open's
// but that there is none; one that wraps fs.ErrNotExist says that there is no such directory. A buffer may come and go between two looks. One does not whose writer
// looks at [Writer.Awaited] before it calls Remove, if Await has begun before that,
// this process may make files in the directory, and the writer is of the same user, or root.
func Await(ctx context.Context, dir, name string, opts FollowOptions) (*Follower, error) {
	n, err := namesOf(dir, name)
	if err != nil {
		return nil, fmt.Errorf("shm: wait for %s: %w", where(dir, name), err)
	}
	mark := -1
	defer func() {
		if mark >= 0 {
			_, _ = clearAwaited(mark, n.await) // What is left the next one takes away.
			letGo(mark)
		}
	}()
	for {
		f, err := Open(dir, name, opts)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
		if _, err := sys.IDOf(dir); errors.Is(err, sys.ENOENT) {
			return nil, fmt.Errorf("shm: wait for %s: there is no such directory: make it first: %w", where(dir, name), err)
		}
		if mark < 0 {
			// Who may not make files there waits all the same.
			if mark, err = markAwaited(dir, n.await); err == nil {
				continue
			}
		}
		select {
		case <-time.After(awaitTurn):
		case <-ctx.Done():
			return nil, fmt.Errorf("shm: wait for %s: %w", where(dir, name), ctx.Err())
		}
	}
}

// markAwaited says that somebody waits for a name, as long as the descriptor is open.
func markAwaited(dir, path string) (int, error) {
	for {
		fd, err := openAwaited(dir, path)
		if err == nil {
			err = stillNamed(fd, path)
		}
		if err == nil {
			return fd, nil
		}
		if fd >= 0 {
			letGo(fd)
		}
		// EEXIST, EAGAIN, ErrNotExist: somebody else makes it, or takes it away.
		if !errors.Is(err, sys.EEXIST) && !errors.Is(err, sys.EAGAIN) && (fd < 0 || !errors.Is(err, fs.ErrNotExist)) {
			return -1, err
		}
	}
}

// openAwaited opens the file, or makes it, with a lock. There may be a descriptor with an error.
func openAwaited(dir, path string) (int, error) {
	at := rand.Int64N(1 << 62)
	fd, err := sys.OpenName(path, true)
	if err == nil {
		return fd, sys.LockByte(fd, at)
	}
	if !errors.Is(err, sys.ENOENT) {
		return -1, err
	}
	made, err := sys.Create(dir, 0o600)
	if err != nil {
		return -1, err
	}
	// Who sees the file sees the lock.
	if err = sys.LockByte(made.Fd, at); err == nil {
		err = made.Link(path)
	}
	made.Forget()
	return made.Fd, err
}

// clearAwaited reports whether anybody but the caller waits, and takes the file away if not.
func clearAwaited(fd int, path string) (bool, error) {
	err := lockNamed(fd, path)
	switch {
	case errors.Is(err, ErrInUse):
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return false, sys.Unlink(path)
}

// Awaited reports whether somebody is in [Await] for the buffer's name and has not got it yet.
// A writer that ends soon after it has begun looks until that is false, or for as long as it is
// ready to wait, before it calls Remove. It is false where there is no name, and after Close.
func (w *Writer) Awaited() (bool, error) {
	if w.opts.Dir == "" || w.closed {
		return false, nil
	}
	awaited, err := w.awaited()
	if err != nil {
		return false, fmt.Errorf("shm: who waits for %s: %w", w.where(), err)
	}
	return awaited, nil
}

func (w *Writer) awaited() (bool, error) {
	n, err := namesOf(w.opts.Dir, w.name)
	if err != nil {
		return false, err
	}
	return n.awaited()
}

// awaited reports whether anybody waits for the name, and takes the file away that says so if not.
func (n *names) awaited() (bool, error) {
	fd, err := sys.OpenName(n.await, true)
	switch {
	case errors.Is(err, sys.ENOENT):
		return false, nil
	case err != nil:
		return false, explain(err)
	}
	defer letGo(fd)
	return clearAwaited(fd, n.await)
}
