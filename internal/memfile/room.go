package memfile

import (
	"errors"
	"sync"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// Commit is Allocate for those who were promised an error where memory runs out. At a
// memory cgroup's limit the kernel answers a small page with the OOM killer and a huge
// page with an error: so it is asked for a huge page first, which is given back, and the
// small ones are taken in its place. Without MADV_COLLAPSE it cannot be asked.
//
// Preconditions: as of Allocate.
func Commit(fd int, off int64, addr uintptr, n int) error {
	for n > 0 {
		part := min(n, ExtentSize)
		if err := askRoom(part); err != nil {
			return err
		}
		if err := Allocate(fd, off, addr, part); err != nil {
			return err
		}
		off, addr, n = off+int64(part), addr+uintptr(part), n-part
	}
	return nil
}

// asked is what the last question has found, and nobody has taken since.
var asked struct {
	mu   sync.Mutex
	left int       // bytes. Protected by mu.
	at   time.Time // Protected by mu.
}

// askedFor is how long an answer holds: many small memories in a row share one, and the
// rest of the process does not take 2 MiB meanwhile.
const askedFor = time.Millisecond

// errNoRoom is what a memory cgroup at its limit says.
var errNoRoom = errors.New("there is no room for a huge page below the memory cgroup's limit: raise it (memory.max), or hold less")

// askRoom returns an error if there is no memory for n bytes, at most ExtentSize.
func askRoom(n int) error {
	asked.mu.Lock()
	defer asked.mu.Unlock()
	if asked.left >= n && time.Since(asked.at) < askedFor {
		asked.left -= n
		return nil
	}
	if !CanCollapse() {
		return nil
	}
	err := withTrial(tryCollapse)()
	switch {
	case err == nil:
		asked.left, asked.at = ExtentSize-n, time.Now()
	case errors.Is(err, sys.EBUSY):
		return err
	}
	// Other trouble is the trial's own: the call itself tells.
	return nil
}
