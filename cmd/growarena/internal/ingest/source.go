package ingest

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
)

// Source reads what lies under paths as one stream, in the order of [Run]. It belongs to one
// goroutine.
type Source struct{ s *stream }

// NewSource returns a source. stdin is what Stdin stands for; problem is told of what cannot
// be read, which is left out, as are the files own, whatever name they are met by. A Read may
// last as long as one of stdin does.
func NewSource(ctx context.Context, paths []string, stdin io.Reader, problem func(name string, err error), own ...fs.FileInfo) *Source {
	s := newStream(ctx, without(diskWalker.walk(paths), own))
	s.stdin, s.problem = stdin, problem
	s.before = func() {}
	s.room = func() error { return nil }
	return &Source{s}
}

// without skips the files own.
func without(entries iter.Seq[entry], own []fs.FileInfo) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for e := range entries {
			if e.entry != nil && !e.skip && len(own) > 0 {
				info, err := e.entry.Info()
				e.skip = err == nil && slices.ContainsFunc(own, func(o fs.FileInfo) bool { return os.SameFile(o, info) })
			}
			if !yield(e) {
				return
			}
		}
	}
}

// Read reads what comes next. Its errors are io.EOF and the context's.
func (s *Source) Read(p []byte) (int, error) { return s.s.Read(p) }

// Unreadable returns how many files and directories could not be read in full.
func (s *Source) Unreadable() int { return s.s.unreadable }

// Close closes what is open.
func (s *Source) Close() { s.s.end() }
