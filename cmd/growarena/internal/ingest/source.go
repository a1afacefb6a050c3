package ingest

import (
	"context"
	"io"
)

// Source reads what lies under paths as one stream, in the order of [Run]. It belongs to one
// goroutine.
type Source struct{ s *stream }

// NewSource returns a source. stdin is what Stdin stands for; problem is told of what cannot
// be read, which is left out. A Read may last as long as one of stdin does.
func NewSource(ctx context.Context, paths []string, stdin io.Reader, problem func(name string, err error)) *Source {
	s := newStream(ctx, diskWalker.walk(paths))
	s.stdin, s.problem = stdin, problem
	s.before = func() {}
	s.room = func() error { return nil }
	return &Source{s}
}

// Read reads what comes next. Its errors are io.EOF and the context's.
func (s *Source) Read(p []byte) (int, error) { return s.s.Read(p) }

// Unreadable returns how many files and directories could not be read in full.
func (s *Source) Unreadable() int { return s.s.unreadable }

// Close closes what is open.
func (s *Source) Close() { s.s.end() }
