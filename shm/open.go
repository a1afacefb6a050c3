package shm

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// FollowOptions say how to follow a buffer. The zero value works.
type FollowOptions struct {
	// Name appears in errors and in /proc/self/maps. "" means "shm", or the buffer's name.
	Name string

	// Reserve is the length in bytes of the first window; see follow.Options.
	Reserve int

	// NoDescriptor is for following very many buffers that have names: between calls the follower
	// holds no descriptor, and one mapping of the kernel's, that of the data. Each call opens the
	// control file by its name and reads it, which takes some 10 µs, also Guard.Check of one that is
	// droppable. While somebody waits all is held as without. When the name has been taken away calls
	// return an error that wraps fs.ErrNotExist, and what is read then needs a guard from before.
	// The data is as with NoDescriptor of follow.Options: that it ends within the page of the last
	// byte that is published is not noticed. Only for Open and Await.
	NoDescriptor bool

	// Max is the most bytes that are shown, whatever the writer publishes; 0 means no limit.
	// Who waits for what is beyond gets follow.ErrFull when there is more.
	Max int

	// Domain and Retire say when old windows go, as those of arena.Options.
	Domain *epoch.Domain
	Retire bool

	// Space holds the windows. nil means addrspace.Default().
	Space *addrspace.Space
}

// Follow follows the buffer of files, which may be closed afterwards. An error wraps
// ErrCorrupt where they are not what a Writer leaves.
//
// It panics if opts have NoDescriptor: what has no name is not found again.
func Follow(files Files, opts FollowOptions) (*Follower, error) {
	if opts.NoDescriptor {
		panic(fmt.Sprintf("shm: Follow of %q with NoDescriptor, which is for Open: without a name nothing is found again", opts.Name))
	}
	if opts.Name == "" {
		opts.Name = "shm"
	}
	return newFollower(files, opts, nil)
}

// newFollower is Follow, of what can be opened again where that is not nil.
func newFollower(files Files, opts FollowOptions, n *names) (*Follower, error) {
	f := &Follower{name: opts.Name, space: opts.Space, max: cmp.Or(opts.Max, math.MaxInt)}
	if f.space == nil {
		f.space = addrspace.Default()
	}
	err := f.open(files, opts)
	if err == nil && n != nil {
		f.again = &again{names: *n}
		err = errors.Join(f.dropBell(), f.dropControl())
	}
	if err != nil {
		f.drop()
		return nil, fmt.Errorf("shm: follow %q: %w", f.name, err)
	}
	census.Attribute(f.data, "shm follower", f.name)
	f.thing = census.Enter(f, "shm follower", f.name)
	return f, nil
}

// Open follows the buffer that has a name in a directory. The error wraps fs.ErrNotExist if
// there is none.
func Open(dir, name string, opts FollowOptions) (*Follower, error) {
	if opts.Name == "" {
		opts.Name = name
	}
	var err error
	for range rereads {
		var f *Follower
		var again bool
		if f, again, err = openNamed(dir, name, opts); !again {
			return f, err
		}
	}
	return nil, err
}

// openNamed is Open without looking again, where the name is another buffer's meanwhile.
func openNamed(dir, name string, opts FollowOptions) (f *Follower, again bool, err error) {
	files, err := openNames(dir, name)
	if err != nil {
		return nil, false, fmt.Errorf("shm: open %s: %w", where(dir, name), err)
	}
	defer files.Close()
	var n *names
	if opts.NoDescriptor {
		n = &names{}
		if *n, err = namesOf(dir, name); err != nil {
			return nil, false, err // It has been opened.
		}
	}
	if f, err = newFollower(files, opts, n); !errors.Is(err, ErrCorrupt) {
		return f, false, err
	}
	if named := stillNamed(fdOf(files[fileControl]), files[fileControl].Name()); errors.Is(named, fs.ErrNotExist) {
		return nil, true, fmt.Errorf("shm: open %s: %w", where(dir, name), named)
	}
	return nil, false, err
}

// openNames opens the files of a buffer. Without the permission to write to it there is no
// bell.
func openNames(dir, name string) (files Files, err error) {
	n, err := namesOf(dir, name)
	if err != nil {
		return Files{}, err
	}
	// In the order in which names go: with this buffer's data it is no other's bell.
	for _, f := range []struct {
		i     int
		path  string
		write bool
	}{{fileControl, n.control, false}, {fileBell, n.bell, true}, {fileData, n.data, false}} {
		fd, err := sys.OpenName(f.path, f.write)
		if err != nil && f.i == fileBell && (sys.IsDenied(err) || errors.Is(err, sys.EROFS) || errors.Is(err, sys.ENOENT)) {
			continue
		}
		if err != nil {
			_ = files.Close()
			return Files{}, explain(err)
		}
		files[f.i] = os.NewFile(uintptr(fd), f.path)
	}
	return files, nil
}

// open makes everything of f.
func (f *Follower) open(files Files, opts FollowOptions) error {
	if files[fileControl] == nil || files[fileData] == nil {
		return fmt.Errorf("%w: control file and data are needed", os.ErrInvalid)
	}
	err := checkControl(fdOf(files[fileControl]))
	if err != nil {
		return err
	}
	if f.control, err = own(files[fileControl], false); err != nil {
		return err
	}
	if files[fileBell] != nil {
		info, err := sys.Stat(fdOf(files[fileBell]))
		switch {
		case err != nil:
			return err
		case !info.Regular:
			return corrupt("the bell is no regular file")
		}
		// Its lock should not be one that other processes have, too; see watchman.
		if f.bell, err = own(files[fileBell], true); err != nil {
			return err
		}
	}
	if f.page, err = mapPage(f.space, f.name+" control", fdOf(f.control), false); err != nil {
		return err
	}
	f.l = layoutIn(f.page)
	if err := f.check(fdOf(files[fileData])); err != nil {
		return err
	}
	f.data, err = follow.New(files[fileData], follow.Options{
		Name: f.name, Reserve: opts.Reserve, Limit: opts.Max, Domain: opts.Domain, Retire: opts.Retire, Space: opts.Space,
		NoDescriptor: opts.NoDescriptor,
		MayShrink:    !f.sealed, // Close and TakeOver cut off what is not published.
	})
	if err != nil {
		return err
	}
	_, err = f.Poll()
	return err
}

// checkControl makes sure that a file can be a control file.
func checkControl(fd int) error {
	info, err := sys.Stat(fd)
	if err == nil && (!info.Regular || info.Size < headerSize) {
		err = corrupt("the control file has %d bytes (regular: %t), want %d", info.Size, info.Regular, headerSize)
	}
	return err
}

// check makes sure that control file and data belong together.
func (f *Follower) check(data int) error {
	info, err := sys.Stat(data)
	if err != nil {
		return err
	}
	return guarded(f.space, false, func() (err error) {
		if f.org, err = f.l.origin(); err != nil {
			return err
		}
		if f.org.flags&flagSealed != 0 {
			for _, file := range []struct {
				fd    int
				least int64
			}{{fdOf(f.control), headerSize}, {data, 0}, {fdOf(f.bell), bellSize}} {
				if file.fd < 0 {
					continue // No bell.
				}
				if err := checkSealed(file.fd, file.least); err != nil {
					return err
				}
			}
			f.sealed = true
		}
		f.drops = f.org.flags&flagDrops != 0
		// A file system that was copied has other numbers.
		if f.l.ofThisBoot() && f.l.inode.Load() != info.ID.Inode {
			return corrupt("the data is not the file that its writer has")
		}
		return nil
	})
}

// checkSealed makes sure that touching the first bytes of a file that is said to be sealed is
// never a fault. Its size is asked for behind the seal: from then on it does not get less.
func checkSealed(fd int, least int64) error {
	if sys.Seals(fd)&sys.SealShrink == 0 {
		return corrupt("it is said to be sealed, and is not")
	}
	info, err := sys.Stat(fd)
	if err != nil {
		return err
	}
	if info.Size < least {
		return corrupt("a file of it has %d bytes, want %d", info.Size, least)
	}
	if fs, err := sys.FileSystemOf(fd); err != nil && !sys.IsDenied(err) {
		return err
	} else if fs.HugePage > 0 {
		return corrupt("it is of pages of the hugetlb pool: touching one is a fault where that is empty")
	}
	return nil
}

// own opens a file anew, or, where that cannot be, duplicates its descriptor.
func own(file *os.File, write bool) (*os.File, error) {
	fd, err := sys.Reopen(fdOf(file), write)
	if err != nil && !errors.Is(err, sys.EMFILE) && !errors.Is(err, sys.ENFILE) {
		fd, err = sys.Dup(fdOf(file))
	}
	if err != nil {
		return nil, memfile.ExplainFiles(err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
