package shm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// A buffer with a name is three files in a directory. The control file is there only when
// all is complete, and goes first: the others without it are left over, of somebody who was
// killed in between. The data is locked as a whole by whoever has a writer or is going to
// have one, or removes the buffer; so who has locked it has all names.
const (
	controlSuffix = ".control"
	dataSuffix    = ".data"
	bellSuffix    = ".bell"

	nameMax = 200
)

// names are the paths of a buffer.
type names struct{ control, data, bell, await string }

// namesOf returns the paths of a buffer.
func namesOf(dir, name string) (names, error) {
	if name == "" || len(name) > nameMax || name[0] == '.' || strings.ContainsAny(name, "/\x00") {
		return names{}, fmt.Errorf("%w: %q is no name of a buffer: want 1 to %d bytes without a slash that do not begin with a dot", fs.ErrInvalid, name, nameMax)
	}
	path := filepath.Join(dir, name)
	return names{path + controlSuffix, path + dataSuffix, path + bellSuffix, path + awaitSuffix}, nil
}

// where names a buffer for errors.
func where(dir, name string) string {
	if dir == "" {
		return fmt.Sprintf("%q", name)
	}
	return fmt.Sprintf("%q in %s", name, dir)
}

// inDir makes a buffer with a name.
func (w *Writer) inDir() error {
	n, err := namesOf(w.opts.Dir, w.name)
	if err != nil {
		return err
	}
	if _, err := sys.IDOf(n.control); err == nil {
		return taken(n)
	}
	perm := uint32(w.opts.Perm.Perm())
	var made [3]sys.NewFile
	for i, f := range []struct {
		file **os.File
		path string
		perm uint32
	}{
		{&w.data, n.data, perm},
		{&w.control, n.control, perm},
		{&w.bell, n.bell, perm | perm&0o444>>1}, // Who may read may ring.
	} {
		made[i], err = sys.Create(w.opts.Dir, f.perm)
		if err != nil {
			for _, f := range made[:i] {
				f.Forget() // The descriptor is w's.
			}
			return explain(err)
		}
		*f.file = os.NewFile(uintptr(made[i].Fd), f.path)
	}
	fs, err := sys.FileSystemOf(made[0].Fd)
	if err == nil && !fs.Memory {
		w.flags |= flagOnDisk
	}
	w.guarded = perm&0o077 != 0
	if err == nil {
		err = w.begin(w.id)
	}
	if err == nil && w.flags&flagOnDisk != 0 {
		err = w.Sync()
	}
	if err == nil {
		err = link(n, &made)
	}
	if err != nil {
		for i := range made {
			made[i].Forget()
		}
		return err
	}
	if w.flags&flagOnDisk != 0 {
		if err := sys.SyncDir(w.opts.Dir); err != nil {
			return errors.Join(err, n.unlink())
		}
	}
	return nil
}

// link gives the files of a buffer their names: data, control and bell.
//
// Preconditions: the data is locked.
func link(n names, made *[3]sys.NewFile) error {
	err := made[0].Link(n.data)
	if errors.Is(err, sys.EEXIST) {
		if err := clearLeftover(n); err != nil {
			return err
		}
		err = made[0].Link(n.data)
	}
	if err != nil {
		return explain(err)
	}
	// From here on nobody else makes a buffer of the name.
	err = made[2].Link(n.bell)
	if errors.Is(err, sys.EEXIST) {
		if err = sys.Unlink(n.bell); err == nil || errors.Is(err, sys.ENOENT) {
			err = made[2].Link(n.bell)
		}
	}
	if err == nil {
		if err = made[1].Link(n.control); err == nil {
			return nil
		}
		if errors.Is(err, sys.EEXIST) {
			err = taken(n)
		}
		_ = sys.Unlink(n.bell)
	}
	_ = sys.Unlink(n.data)
	return explain(err)
}

// taken says that a name is taken, and by whom.
func taken(n names) error {
	return fmt.Errorf("%w: %s: a writer has it, or has left it: TakeOver goes on with it, Remove takes it away", sys.EEXIST, n.control)
}

// clearLeftover takes away data that nobody has and that has no control file.
func clearLeftover(n names) error {
	fd, err := sys.OpenName(n.data, true)
	if errors.Is(err, sys.ENOENT) {
		return nil
	}
	if err != nil {
		return explain(err)
	}
	defer letGo(fd)
	if err := lockNamed(fd, n.data); err != nil {
		return err
	}
	if _, err := sys.IDOf(n.control); err == nil {
		return taken(n)
	}
	if err := sys.Unlink(n.bell); err != nil && !errors.Is(err, sys.ENOENT) {
		return err
	}
	return sys.Unlink(n.data)
}

// UserDir returns the directory for buffers of this user, /dev/shm/growarena-UID, which is
// made if it is not there: nobody else can make names in it.
func UserDir() (string, error) {
	dir := fmt.Sprintf("/dev/shm/growarena-%d", os.Getuid())
	if err := sys.OwnDir(dir); err != nil {
		return "", fmt.Errorf("shm: directory of user %d: %s: %w", os.Getuid(), dir, err)
	}
	return dir, nil
}

// Remove takes a buffer's name away, or what is left of one. Followers go on with what they
// have. The error is ErrInUse if the buffer has a writer, which alone can remove it then, and
// wraps fs.ErrNotExist if there is none of the name.
func Remove(dir, name string) error {
	n, err := namesOf(dir, name)
	if err == nil {
		err = remove(n, [2]uint64{})
	}
	if err != nil {
		return fmt.Errorf("shm: remove %s: %w", where(dir, name), err)
	}
	return nil
}

// remove takes away what has no writer: whatever has the names, or only the buffer of that id.
func remove(n names, only [2]uint64) error {
	control, err := sys.OpenName(n.control, true)
	switch {
	case errors.Is(err, sys.ENOENT):
		if only != [2]uint64{} {
			return nil // Somebody has taken it away.
		}
		if _, err := sys.IDOf(n.data); err != nil {
			return explain(err)
		}
		return clearLeftover(n)
	case err != nil:
		return explain(err)
	}
	defer letGo(control)
	if err := lockControl(control, n.control); err != nil {
		return err
	}
	if only != [2]uint64{} {
		if id, err := idIn(control); err != nil || id != only {
			return cmp.Or(err, notNamed(n.control))
		}
	}
	// The data, too: nobody makes a new buffer of the name before this is done.
	data, err := sys.OpenName(n.data, true)
	if err == nil {
		defer letGo(data)
		if err := lockNamed(data, n.data); err != nil {
			return err
		}
	}
	return n.unlink()
}

// idIn reads the id of a buffer. That of a file may be another's again.
func idIn(control int) (id [2]uint64, err error) {
	space := addrspace.Default()
	page, err := mapPage(space, "control", control, false)
	if err != nil {
		return id, err
	}
	defer page.Release()
	err = guarded(space, false, func() error {
		o, err := layoutIn(page).origin()
		id = o.id
		return err
	})
	return id, err
}

// unlink takes the names away, the one that others find it by first.
//
// Preconditions: control file and data are locked.
func (n *names) unlink() error {
	for _, path := range []string{n.control, n.bell, n.data} {
		// Where this ends early the rest is left over.
		if err := sys.Unlink(path); err != nil && !errors.Is(err, sys.ENOENT) {
			return err
		}
	}
	_, _ = n.awaited() // Of two who got it at once neither has seen that nobody waits. It stays where somebody does.
	return nil
}

// Remove takes the buffer's name away, before Close or after. Followers go on with
// what they have. A buffer without a name has none to take away: that is no error. After Close
// somebody else may have taken over: then the error is ErrInUse.
func (w *Writer) Remove() error {
	if w.opts.Dir == "" || w.removed {
		return nil
	}
	n, err := namesOf(w.opts.Dir, w.name)
	if err == nil && w.closed {
		err = remove(n, w.id)
	} else if err == nil {
		// Somebody may have taken it away by hand, and made another.
		err = stillNamed(fdOf(w.control), n.control)
		if _, gone := sys.IDOf(n.control); errors.Is(gone, sys.ENOENT) {
			err = nil // Or this has been called before, and could not take all away.
		}
		if err == nil {
			err = n.unlink()
		}
	}
	if err != nil {
		return fmt.Errorf("shm: remove %s: %w", w.where(), err)
	}
	w.removed = true
	return nil
}

// explain adds what to change to the error of a call that makes or opens files.
func explain(err error) error {
	switch {
	case errors.Is(err, sys.ENOSPC):
		return fmt.Errorf("%w: the file system is full (a tmpfs has the size it is mounted with): make room, or mount it with a larger size", err)
	case errors.Is(err, sys.ELOOP):
		return fmt.Errorf("%w: a symbolic link is no buffer: take it away by hand", err)
	case errors.Is(err, sys.EISDIR):
		return fmt.Errorf("%w: it is no buffer: take it away by hand", err)
	}
	return memfile.ExplainFiles(err)
}
