package ingest

import (
	"errors"
	"sync"
)

// errStopped is what readers end with when the stream came to no good end.
var errStopped = errors.New("stopped")

// frontier is how much of the stream is in the arena, for those who wait for
// more. All methods may be called by anyone.
type frontier struct {
	mu      sync.Mutex
	moved   *sync.Cond // Immutable.
	at      int        // bytes that may be read. Protected by mu.
	ended   bool       // there will be no more. Protected by mu.
	stopped bool       // readers shall give up. Protected by mu.
}

func newFrontier() *frontier {
	f := new(frontier)
	f.moved = sync.NewCond(&f.mu)
	return f
}

// advance says that n bytes are there in all, and whether that is all.
func (f *frontier) advance(n int, ended bool) {
	f.mu.Lock()
	f.at, f.ended = n, f.ended || ended
	f.mu.Unlock()
	f.moved.Broadcast()
}

// stop makes every wait return errStopped.
func (f *frontier) stop() {
	f.mu.Lock()
	f.stopped = true
	f.mu.Unlock()
	f.moved.Broadcast()
}

// position returns how many bytes are there, and whether that is all.
func (f *frontier) position() (at int, ended bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.positionLocked()
}

// wait is position once n bytes are there or the stream has ended.
func (f *frontier) wait(n int) (at int, ended bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.at < n && !f.ended && !f.stopped {
		f.moved.Wait()
	}
	return f.positionLocked()
}

func (f *frontier) positionLocked() (at int, ended bool, err error) {
	if f.stopped {
		err = errStopped
	}
	return f.at, f.ended, err
}
