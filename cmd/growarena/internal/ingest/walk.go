package ingest

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// entry is what walk finds: a file to read, something to leave out, or something
// that cannot be read.
type entry struct {
	name  string
	entry fs.DirEntry // nil for standard input, and where err is set
	skip  bool        // neither a regular file nor a directory
	err   error       // why it cannot be read
}

// walker finds files. Its fields are what tests replace.
type walker struct {
	stat func(name string) (fs.FileInfo, error)
	tree func(root string, f fs.WalkDirFunc) error
}

var diskWalker = walker{stat: os.Stat, tree: filepath.WalkDir}

// errNeither says why a path that the user gave is not read.
var errNeither = errors.New("neither a regular file nor a directory (to read a pipe, redirect it to standard input and give the path -)")

// walk returns what lies under paths: path after path as given, each tree in the
// order of filepath.WalkDir, by name within each directory. A symbolic link is
// followed if it is one of the paths, and skipped if it is found in a tree.
func (w walker) walk(paths []string) iter.Seq[entry] {
	return func(yield func(entry) bool) {
		for _, path := range paths {
			if !w.path(path, yield) {
				return
			}
		}
	}
}

// path yields what lies under one path, and reports whether to go on.
func (w walker) path(path string, yield func(entry) bool) bool {
	if path == Stdin {
		return yield(entry{name: "standard input"})
	}
	info, err := w.stat(path)
	switch {
	case err != nil:
		return yield(entry{name: path, err: err})
	case info.Mode().IsRegular():
		return yield(entry{name: path, entry: fs.FileInfoToDirEntry(info)})
	case !info.IsDir():
		return yield(entry{name: path, err: errNeither})
	}
	// WalkDir does not follow a link, not even its root.
	root, err := filepath.EvalSymlinks(path)
	if err != nil {
		return yield(entry{name: path, err: err})
	}
	more := true
	// The function below returns no error but SkipAll, so neither does tree.
	_ = w.tree(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			more = yield(entry{name: name, err: err})
		case d.Type().IsRegular():
			more = yield(entry{name: name, entry: d})
		case !d.IsDir():
			more = yield(entry{name: name, entry: d, skip: true})
		}
		if !more {
			return fs.SkipAll
		}
		return nil
	})
	return more
}

// Measure returns how many bytes the files under paths hold, and false if that
// cannot be known: standard input may be anything.
func Measure(ctx context.Context, paths []string) (n int64, ok bool) {
	for e := range diskWalker.walk(paths) {
		if e.err != nil || e.skip {
			continue
		}
		if e.entry == nil || ctx.Err() != nil {
			return n, false
		}
		if info, err := e.entry.Info(); err == nil {
			n += info.Size()
		}
	}
	return n, true
}
