package shm

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"github.com/growarena/growarena/internal/sys"
)

// again is how a follower with NoDescriptor comes by its control page: by its name, whenever
// somebody needs it. Who looks reads a copy, which is quicker than to map it; for who sleeps it is
// mapped, and for who finds no copy that nobody has stored to meanwhile.
type again struct {
	names names

	mu    sync.Mutex // Behind Follower.mu and waiters.mu.
	users int        // who needs the page mapped. Protected by mu.
}

// attach returns the control page, or a copy of what it is now, until detach.
func (f *Follower) attach() (*layout, error) {
	a := f.again
	if a == nil {
		return f.l, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users == 0 {
		l, err := f.copyOf(a.names.control)
		if err != nil {
			return nil, f.wrap(err)
		}
		if l != nil {
			return l, nil
		}
	}
	err := f.hold()
	return f.l, err
}

// attachMapped is attach where a copy will not do.
func (f *Follower) attachMapped() error {
	if f.again == nil {
		return nil
	}
	f.again.mu.Lock()
	defer f.again.mu.Unlock()
	return f.hold()
}

// hold makes one more user of the page that is mapped.
//
// Preconditions: again.mu is held.
func (f *Follower) hold() error {
	if f.again.users == 0 {
		if err := f.mapAgain(f.again.names.control); err != nil {
			_ = f.dropControl() // It was only read.
			return f.wrap(err)
		}
	}
	f.again.users++
	return nil
}

// detach ends what attach or attachMapped began.
func (f *Follower) detach(l *layout) {
	a := f.again
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if l != f.l {
		return // A copy.
	}
	if a.users--; a.users == 0 {
		_ = f.dropControl()
	}
}

// copyOf returns a copy of the control page as it was at one moment, or nil where that changes too
// often.
func (f *Follower) copyOf(path string) (*layout, error) {
	fd, err := openAgain(path)
	if err != nil {
		return nil, err
	}
	defer sys.Close(fd)
	readBefore()
	_ = f.seen.Load() // With readBefore: what was read until now comes before the page.
	var first, second layout
	for _, l := range []*layout{&first, &second} {
		if err := f.readCopy(l, fd); err != nil {
			return nil, err
		}
	}
	readBefore() // And what is read from now on behind it, since l is read by atomics.
	// No word has a value again that it had before: what is the same twice was so in between, and whole.
	if !bytes.Equal(bytesOfLayout(&first), bytesOfLayout(&second)) {
		return nil, nil
	}
	return &second, nil
}

// readCopy reads the control page into l, if it is that of the buffer that f began to follow.
func (f *Follower) readCopy(l *layout, fd int) error {
	n, err := sys.ReadAt(fd, bytesOfLayout(l), 0)
	switch {
	case err != nil:
		return err
	case n < headerSize:
		return corrupt("the control file has %d bytes, want %d", n, headerSize)
	}
	return f.isSame(l)
}

// mapAgain opens and maps the control file.
func (f *Follower) mapAgain(path string) error {
	fd, err := openAgain(path)
	if err != nil {
		return err
	}
	f.control = os.NewFile(uintptr(fd), path)
	if err := checkControl(fd); err != nil {
		return err
	}
	if f.page, err = mapPage(f.space, f.name+" control", fd, false); err != nil {
		return err
	}
	f.l = layoutIn(f.page)
	return guarded(f.space, false, func() error { return f.isSame(f.l) })
}

// openAgain opens the control file.
func openAgain(path string) (int, error) {
	fd, err := sys.OpenName(path, false)
	if errors.Is(err, sys.ENOENT) {
		return -1, fmt.Errorf("%w: its name has been taken away, and a follower with NoDescriptor has nothing else of it", err)
	}
	return fd, explain(err)
}

// isSame makes sure that a control page is that of the buffer that f began to follow.
func (f *Follower) isSame(l *layout) error {
	now, err := l.origin()
	if err == nil && now != f.org {
		err = fmt.Errorf("%w: its name is another buffer's now", fs.ErrNotExist)
	}
	return err
}

// writerLives reports whether somebody has the writer's lock.
func (f *Follower) writerLives() (bool, error) {
	a := f.again
	if a == nil {
		return sys.ByteLocked(fdOf(f.control), lockedByte)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users > 0 {
		return sys.ByteLocked(fdOf(f.control), lockedByte)
	}
	fd, err := openAgain(a.names.control)
	if err != nil {
		return false, err
	}
	defer sys.Close(fd)
	var l layout
	if err := f.readCopy(&l, fd); err != nil {
		return false, err
	}
	return sys.ByteLocked(fd, lockedByte)
}

// openBell opens the bell for who is going to sleep. Without one he looks by himself.
//
// Preconditions: attachMapped.
func (f *Follower) openBell() {
	if f.again == nil {
		return
	}
	path := f.again.names.bell
	fd, err := sys.OpenName(path, true)
	if err != nil {
		return
	}
	f.bell = os.NewFile(uintptr(fd), path)
	// The control file's name goes first: as long as that has it, this is no other buffer's bell.
	if info, err := sys.Stat(fd); err != nil || !info.Regular || stillNamed(fdOf(f.control), f.again.names.control) != nil {
		_ = f.dropBell()
	}
}
