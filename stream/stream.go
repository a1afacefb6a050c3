package stream

import (
	"fmt"
	"io"
)

// Stream is a sequence of bytes that grows behind and shrinks in front, while any number of
// goroutines append and read. Make one with [New]. Its methods may be called concurrently.
//
// Every byte has an offset, an int64 that counts from the first byte ever appended and
// is never used again. [Front, Len) can be read.
type Stream struct{ sequence }

var _ io.Closer = (*Stream)(nil)

// New makes an empty stream. It panics if opts contradict themselves or a size is
// negative.
func New(opts Options) (*Stream, error) {
	opts.check("stream")
	s := new(Stream)
	s.elements, s.bytes = "bytes", true
	if err := s.open("stream", opts, []int64{1}); err != nil {
		return nil, fmt.Errorf("stream: make %q: %w", opts.Name, err)
	}
	return s, nil
}

// Append appends p, as one: who reads sees all of it or nothing, and returns its offset.
// It can be read when everything before it is complete: at once, but for appends of
// others that began before and are still under way. Within what is ready Append takes no
// lock, allocates nothing and makes no system call; one that overtakes another is put on a
// list under a lock. An error has appended nothing; it wraps ErrFull, ErrClosed,
// addrspace.ErrNoSpace, or the errno of the system call that failed. If the copy faults, and
// debug.SetPanicOnFault or arena.CatchFault makes that a panic, it is as with AppendFunc.
func (s *Stream) Append(p []byte) (off int64, err error) {
	n := int64(len(p))
	if n == 0 {
		return s.appendNothing()
	}
	f, off, err := s.take(n, true)
	if err != nil {
		return -1, err
	}
	done := false
	defer func() {
		if !done { // The copy has panicked: a fault.
			s.abandon(f, off, n)
		}
	}()
	copy(f.tracks[0].bytes(off, len(p)), p)
	done = true
	s.order.publish(off, off+n)
	return off, nil
}

// AppendFunc appends n bytes that f writes in place: f is called with n zeros, of which
// what it does not touch takes no memory if n is more than 2 MiB, and must not use the slice
// after it has returned. What others append meanwhile lies behind, and can be read when f
// is done. f may use the stream, but not wait for what comes behind.
//
// If f returns an error, panics or ends its goroutine, what it has written is taken back, of
// more than 2 MiB with its memory (not with Options.Commit), and nothing is appended. Where
// others have appended behind it already, or CloseWrite or Close was called meanwhile, it
// cannot be: n zeros stay in its place, off is where, and the error wraps ErrZeroed. Without
// that off is -1 with an error. Panics if n is negative.
func (s *Stream) AppendFunc(n int, f func(p []byte) error) (off int64, err error) {
	if n <= 0 {
		return s.appendFuncNothing(n, f)
	}
	return s.append(n, func(r Rows) error { return f(r.f.tracks[0].bytes(r.at, r.n)) })
}

// appendFuncNothing is AppendFunc where n is not positive.
func (s *Stream) appendFuncNothing(n int, f func(p []byte) error) (off int64, err error) {
	if n < 0 {
		s.badCount("AppendFunc", n)
	}
	if off, err = s.appendNothing(); err == nil {
		err = f(nil)
	}
	if err != nil {
		off = -1
	}
	return off, err
}
