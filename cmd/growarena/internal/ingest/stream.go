package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"iter"
	"os"
)

// stream reads what walk finds as if it were one file. It belongs to one
// goroutine.
type stream struct {
	ctx   context.Context
	next  func() (entry, bool)
	close func()
	open  func(name string) (fs.File, error) // os.Open, but in tests
	stdin io.Reader

	// before is called at the begin of each Read: what Reads have returned until
	// then is where the reading goroutine wanted to have it.
	before func()

	// room is asked each memoryEvery bytes whether there is any for more.
	room func() error

	// problem is told of what cannot be read.
	problem func(name string, err error)

	file io.Reader // the one being read; nil between two
	name string    // its name
	size int64     // its length when it was opened; -1 for standard input
	got  int64     // bytes read of it

	asked      int       // bytes read when room was asked last
	hash       hash.Hash // of all that was read, fed as it is read
	bytes      int
	files      int // read, at least in part
	skipped    int // neither regular files nor directories
	unreadable int // files and directories that could not be read in full
}

func newStream(ctx context.Context, entries iter.Seq[entry]) *stream {
	s := &stream{ctx: ctx, open: func(name string) (fs.File, error) { return os.Open(name) }, hash: sha256.New()}
	s.next, s.close = iter.Pull(entries)
	return s
}

// Read reads from the current file or else opens the next. What cannot be read
// is told to problem and counted, and the stream goes on with the next file;
// what was read until then stays part of it. The only errors are io.EOF, the
// context's and room's.
func (s *stream) Read(p []byte) (int, error) {
	s.before()
	if len(p) == 0 {
		return 0, nil
	}
	if s.bytes-s.asked >= memoryEvery {
		s.asked = s.bytes
		if err := s.room(); err != nil {
			return 0, err
		}
	}
	for {
		if err := s.ctx.Err(); err != nil {
			return 0, err
		}
		if s.file == nil && !s.openNext() {
			return 0, io.EOF
		}
		n, err := s.file.Read(p)
		// Hashed here, so that it is known what the bytes were before the arena
		// did anything to them.
		s.hash.Write(p[:n])
		s.bytes += n
		s.got += int64(n)
		if err != nil {
			s.closeFile(err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

// openNext opens the next file that can be opened, and reports whether there is
// one.
func (s *stream) openNext() bool {
	for {
		e, ok := s.next()
		if !ok {
			return false
		}
		s.name, s.size, s.got = e.name, -1, 0
		switch {
		case e.err != nil:
			s.fail(e.err)
		case e.skip:
			s.skipped++
		case e.entry == nil:
			s.file = s.stdin
			return true
		default:
			f, err := s.open(e.name)
			if err != nil {
				s.fail(err)
				continue
			}
			s.file = f
			if info, err := f.Stat(); err == nil {
				s.size = info.Size()
			}
			return true
		}
	}
}

// closeFile ends the current file, in which Read has met err: io.EOF, or what
// keeps the rest of it from being read.
func (s *stream) closeFile(err error) {
	s.files++
	if err == io.EOF {
		err = nil
	}
	if f, ok := s.file.(fs.File); ok && s.size >= 0 {
		// Files of /proc and /sys hold less than they say, so the length alone
		// means nothing: it must have changed.
		info, statErr := f.Stat()
		if err == nil && statErr == nil && s.got < s.size && info.Size() < s.size {
			err = fmt.Errorf("it became shorter while it was read: %d of %d bytes", s.got, s.size)
		}
		err = errors.Join(err, f.Close())
	}
	s.file = nil
	if err != nil {
		s.fail(err)
	}
}

// fail tells of the current name that it cannot be read.
func (s *stream) fail(err error) {
	s.unreadable++
	s.problem(s.name, err)
}

// end closes what is open.
func (s *stream) end() {
	if f, ok := s.file.(fs.File); ok && s.size >= 0 {
		_ = f.Close() // Only read from, and given up.
	}
	s.close()
}
