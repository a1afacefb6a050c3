package stream

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
)

// Errors that are returned wrapped, with what happened.
var (
	// ErrFull: Options.Limit does not allow more live bytes.
	ErrFull = errors.New("stream full")
	// ErrDropped: DropFront has passed the offset.
	ErrDropped = errors.New("dropped from the front")
	// ErrRange: the offset is negative, or beyond the end.
	ErrRange = errors.New("out of range")
	// ErrClosed: Close was called, or CloseWrite and this would append.
	ErrClosed = errors.New("stream closed")
	// ErrZeroed: what has failed could not be taken back, because others had appended, or
	// begun to, behind it, or CloseWrite or Close had ended appending: there are zeros in
	// its place.
	ErrZeroed = errors.New("it could not be taken back any more, so there are zeros in its place")
)

// sequence is what a Stream and a Group have in common: elements, numbered from 0, that are
// appended behind and dropped in front. Element e of a track of size n is its bytes
// [e*n, e*n+n); a Stream is one track of size 1, a Group has one for each column.
//
// Order of locks: mu, then those of addrspace and epoch; order.mu and spare.mu are held
// alone, or last. Nothing is locked while a domain is told to retire, or a callback runs.
type sequence struct {
	name     string            // Immutable.
	elements string            // what they are called. Immutable.
	bytes    bool              // It is a Stream. Immutable.
	space    *addrspace.Space  // Immutable.
	domain   *epoch.Domain     // through which frames and memory are retired. Immutable.
	exact    bool              // domain is our own and publishes the frames. Immutable.
	commit   bool              // Immutable.
	huge     memfile.HugePages // Immutable.
	sizes    []int64           // of an element in each track. Immutable.
	limit    int64             // of live elements. Immutable.
	most     int64             // of elements ever. Immutable.

	// frame is the newest frame. Stored with mu held, loaded by anyone (atomic).
	frame atomic.Pointer[frame]

	// front is the first element that is not dropped. Stored with mu held, loaded by
	// anyone (atomic).
	front atomic.Int64

	_ [128]byte // What stands before is read all the time.

	order order // What is published. Has its own lock.

	ended chan struct{} // Closed when nothing is appended any more.
	gone  chan struct{} // Closed by Close.

	mu       sync.Mutex
	tracks   []track         // Protected by mu.
	over     bool            // CloseWrite was called. Protected by mu.
	last     int64           // where it ended then. Immutable once ended is closed.
	closed   bool            // Protected by mu.
	left     []*frame        // that are shut and wait for what was taken from them: see offer. Protected by mu.
	draining int             // how many are not all published, those in left too. Protected by mu.
	births   []birth         // of the frames that show what is live. Protected by mu.
	waiting  []epoch.Retired // not retired yet: see offer. Protected by mu.
	refused  []epoch.Retired // by a shared domain: see freeRefused. Protected by mu.
	freeing  bool            // freeRefused runs. Protected by mu.
	moves    int             // Protected by mu.

	old held // Has its own rules.

	// helping is how many appenders reclaim what was dropped, for what comes (atomic).
	helping atomic.Int64

	thing *census.Thing // Immutable after open.
}

// birth is the version from which on guards see elements up to end.
type birth struct {
	end     int64
	version uint64
}

// held counts the frames that are left and not gone yet (atomic).
type held struct{ windows, bytes atomic.Int64 }

// open makes the first frame. what is what s is.
//
// Preconditions: opts is checked; nobody else has s.
func (s *sequence) open(what string, opts Options, sizes []int64) error {
	s.name, s.space, s.domain = opts.Name, opts.Space, opts.Domain
	s.commit, s.huge = opts.Commit, opts.HugePages
	if s.space == nil {
		s.space = addrspace.Default()
	}
	s.sizes = sizes
	row, widest := int64(0), int64(1)
	for _, size := range sizes {
		row += size
		widest = max(widest, size)
	}
	s.most = elementsMax / widest
	s.limit = s.most
	if opts.Limit > 0 {
		s.limit = max(int64(opts.Limit)/row, 1)
	}
	s.tracks = make([]track, len(sizes))
	for i, size := range sizes {
		s.tracks[i] = newTrack(opts, size, row, i, len(sizes))
	}
	s.ended, s.gone = make(chan struct{}), make(chan struct{})
	if s.domain == nil {
		s.domain, s.exact = epoch.NewDomain(epoch.Options{Name: s.name}), true
	}
	err := s.openFiles()
	if err == nil {
		_, err = s.move(nil, 0)
	}
	if err != nil {
		for i := range s.tracks {
			s.tracks[i].spare.close()
		}
		return err
	}
	s.thing = census.Add(s, what, s.name, s.holds)
	return nil
}

// openFiles makes a file for each track.
func (s *sequence) openFiles() error {
	for i := range s.tracks {
		f, err := memfile.New(s.name, s.huge)
		if err != nil {
			return err
		}
		s.tracks[i].spare.add(f)
	}
	return nil
}

// overError says that nothing is appended any more.
func (s *sequence) overError() error {
	if s.closed {
		return ErrClosed
	}
	return fmt.Errorf("%w for writing at %d", ErrClosed, s.last)
}

// CloseWrite ends appending: that returns ErrClosed from here on, and who waits for or
// follows what would come is told that this is the end. What is there can be read until
// Close. What an append under way is doing it finishes. Calling it again does nothing.
func (s *sequence) CloseWrite() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endLocked()
}

// endLocked is CloseWrite with mu held.
func (s *sequence) endLocked() {
	if s.over {
		return
	}
	s.over = true
	s.last = s.frame.Load().shut()
	close(s.ended)
}

// Len returns the end of what can be read, from 0: see Front.
func (s *sequence) Len() int64 { return s.order.end.Load() }

// Front returns the first element that has not been dropped.
func (s *sequence) Front() int64 { return s.front.Load() }

// Name returns the name from the options.
func (s *sequence) Name() string { return s.name }

// Domain returns the domain that guards are of.
func (s *sequence) Domain() *epoch.Domain { return s.domain }
