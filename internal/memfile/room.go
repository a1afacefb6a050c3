package memfile

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// Commit gives n bytes from off on of file fd, which is mapped at addr, memory, for those who
// were promised an error where memory runs out: whole extents as huge pages, if that is
// wanted and to be had. After a failure some of it may have memory.
//
// At a memory cgroup's limit the kernel answers a small page with the OOM killer and a huge
// page with an error. So huge pages are asked for first, one more than what is taken, which are
// given back: what is taken fits, and the process has the other one for itself, as for
// its heap. Without MADV_COLLAPSE it cannot be asked. One goroutine at a time asks and takes:
// what another has asked for would be given out twice, or be gone as long as this one's question lasts.
//
// Preconditions: as of Allocate.
func Commit(fd int, off int64, addr uintptr, n int, huge bool) error {
	for n > 0 {
		part := min(n, roomExtents*ExtentSize)
		if err := commitPart(fd, off, addr, part, huge); err != nil {
			return err
		}
		off, addr, n = off+int64(part), addr+uintptr(part), n-part
	}
	return nil
}

// commitPart is Commit of at most roomExtents.
func commitPart(fd int, off int64, addr uintptr, n int, huge bool) error {
	asked.mu.Lock()
	defer asked.mu.Unlock()
	if err := askRoom(n); err != nil {
		return err
	}
	for n > 0 {
		step := min(n, ExtentSize-int(off%ExtentSize))
		if err := commitExtent(fd, off, addr, step, huge); err != nil {
			return err
		}
		off, addr, n = off+int64(step), addr+uintptr(step), n-step
	}
	return nil
}

// commitExtent is Commit of what lies in one extent, for which there is room.
func commitExtent(fd int, off int64, addr uintptr, n int, huge bool) error {
	if huge && n == ExtentSize && addr%ExtentSize == 0 {
		if made, err := MakeHuge(fd, off, addr); made || IsMemory(err) {
			return err
		} // Small pages will do.
	}
	return Allocate(fd, off, addr, n)
}

// roomExtents is the most that is asked for at once.
const roomExtents = 4

// asked is what the last question has found, and nobody has taken since.
var asked struct {
	mu   sync.Mutex // Held until what was asked for has been taken.
	left int        // bytes. Protected by mu.
	at   time.Time  // Protected by mu.
}

// askedFor is how long an answer holds: many small memories in a row share one, and the
// rest of the process does not take 2 MiB meanwhile.
const askedFor = time.Millisecond

// errNoRoom is what a memory cgroup at its limit says.
var errNoRoom = errors.New("there is no room for a huge page below the memory cgroup's limit: raise it (memory.max), or hold less")

// askRoom returns an error if there is no memory for n bytes, at most roomExtents, and
// an extent more.
//
// Preconditions: asked.mu is held.
func askRoom(n int) error {
	if asked.left >= n && time.Since(asked.at) < askedFor {
		asked.left -= n
		return nil
	}
	if !CanCollapse() {
		return nil
	}
	extents := (n + ExtentSize - 1) / ExtentSize
	err := withTrial(func(t *trial) error { return tryRoom(t, extents+1) })()
	switch {
	case err == nil:
		asked.left, asked.at = extents*ExtentSize-n, time.Now()
	case errors.Is(err, sys.EBUSY):
		return err
	}
	// Other trouble is the trial's own: the call itself tells.
	return nil
}

// nodePages is how many pages a node of a file's tree of pages has (XA_CHUNK_SIZE).
const nodePages = 64

// tryRoom makes some extents huge pages. All small pages that it takes for that come before: a page
// in each node of the file's tree, or collapsing would take memory for the nodes when it has
// just taken the last.
func tryRoom(t *trial, extents int) error {
	page := os.Getpagesize()
	for off := 0; off < extents*ExtentSize; off += nodePages * page {
		if err := Allocate(t.fd, int64(off), t.addr+uintptr(off), page); err != nil {
			return err
		}
	}
	for off := 0; off < extents*ExtentSize; off += ExtentSize {
		if _, _, err := makeHuge(t.fd, int64(off), t.addr+uintptr(off)); err != nil {
			return err
		}
	}
	return nil
}
