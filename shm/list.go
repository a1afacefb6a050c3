package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// Info is what can be seen of a buffer that has a name.
type Info struct {
	Name       string
	State      State
	Alive      bool   // it has a writer
	Leftover   bool   // it was never complete: Remove takes it away
	Generation uint64 // how many writers there have been
	Published  int    // bytes
	Front      int    // bytes of these that are dropped: see Writer.DropFront
	Memory     int64  // bytes that the data takes, of memory or of the disk

	PID, UID int       // of the last writer, as it says
	Started  time.Time // when it began, as it says

	Err error // why the buffer cannot be followed; the rest is what is known all the same
}

// List tells of the buffers that have a name in a directory, by name. Other files are left
// out. A buffer that cannot be looked at is one with an Err.
func List(dir string) ([]Info, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("shm: list %s: %w", dir, err)
	}
	found := map[string]bool{} // by name, whether there is a control file
	for _, e := range entries {
		name, complete := strings.CutSuffix(e.Name(), controlSuffix)
		if data, ok := strings.CutSuffix(e.Name(), dataSuffix); ok {
			name = data
		} else if !complete {
			continue
		}
		found[name] = found[name] || complete
	}
	var all []Info
	for name, complete := range found {
		n, err := namesOf(dir, name)
		if err != nil {
			continue
		}
		i := Info{Name: name, Leftover: !complete}
		if complete {
			if !i.lookNamed(n) {
				continue // It has just been taken away.
			}
		} else if !i.lookLeftover(n) {
			continue
		}
		all = append(all, i)
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// lookNamed looks at what has the name, which may be taken away and made anew meanwhile. It reports
// whether there is anything.
func (i *Info) lookNamed(n names) bool {
	name := i.Name
	for range rereads {
		*i = Info{Name: name}
		if i.Err = i.look(n); !errors.Is(i.Err, fs.ErrNotExist) {
			return true
		}
	}
	return false
}

// look looks at a buffer with a control file. The error wraps fs.ErrNotExist where that has lost
// its name meanwhile.
func (i *Info) look(n names) error {
	fd, err := sys.OpenName(n.control, false)
	if err != nil {
		return explain(err)
	}
	defer sys.Close(fd)
	if i.Alive, err = sys.ByteLocked(fd, lockedByte); err != nil {
		return err
	}
	info, err := sys.Stat(fd)
	if err != nil {
		return err
	}
	if !info.Regular || info.Size < headerSize {
		return corrupt("the control file has %d bytes, want %d", info.Size, headerSize)
	}
	page, err := mapPage(addrspace.Default(), filepath.Base(n.control), fd, false)
	if err != nil {
		return err
	}
	defer page.Release()
	data, dataErr := sys.OpenName(n.data, false)
	if dataErr == nil {
		defer sys.Close(data)
	}
	err = guarded(addrspace.Default(), false, func() error {
		l := layoutIn(page)
		if _, err := l.origin(); err != nil {
			return err
		}
		s, err := l.read(snapshot{})
		if err != nil {
			return err
		}
		i.State, i.Generation, i.Published, i.Front = s.state, s.generation, s.length, s.front
		i.PID, i.UID = int(l.pid.Load()), int(l.uid.Load())
		i.Started = time.Unix(0, int64(l.started.Load()))
		var of sys.FileInfo
		if dataErr == nil {
			of, dataErr = sys.Stat(data) // Behind the length: it grows meanwhile.
			i.Memory = of.Allocated
		}
		switch {
		case errors.Is(dataErr, sys.ENOENT):
			return corrupt("it has no data: %v", dataErr)
		case dataErr != nil:
			return fmt.Errorf("its data: %w", dataErr)
		case l.ofThisBoot() && l.inode.Load() != of.ID.Inode:
			return corrupt("the data is not the file that its writer has")
		case of.Size < int64(s.length):
			return corrupt("%d bytes are published, and the data has %d", s.length, of.Size)
		}
		return nil
	})
	if err != nil {
		if named := stillNamed(fd, n.control); named != nil {
			return named
		}
	}
	return err
}

// lookLeftover looks at data without a control file, and reports whether it is left over, and
// not of somebody who is making a buffer.
func (i *Info) lookLeftover(n names) bool {
	fd, err := sys.OpenName(n.data, false)
	if err != nil {
		return false
	}
	defer sys.Close(fd)
	if locked, err := sys.ByteLocked(fd, 0); err != nil || locked {
		return false
	}
	info, err := sys.Stat(fd)
	i.Memory = info.Allocated
	if err != nil || !info.Regular || stillNamed(fd, n.data) != nil {
		return false // It was being taken away.
	}
	_, err = sys.IDOf(n.control)
	return errors.Is(err, sys.ENOENT) // Else it is complete by now.
}
