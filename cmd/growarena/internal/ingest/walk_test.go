package ingest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// writeTree writes files under a new directory.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func symlink(t *testing.T, to, name string) {
	t.Helper()
	if err := os.Symlink(to, name); err != nil {
		t.Skipf("no symbolic links here: %v", err)
	}
}

// outcome says in a word what became of an entry.
func outcome(dir string, e entry) string {
	name, err := filepath.Rel(dir, e.name)
	if err != nil {
		name = e.name
	}
	name = filepath.ToSlash(name)
	switch {
	case e.err != nil:
		return name + " unreadable"
	case e.skip:
		return name + " skipped"
	}
	return name
}

func TestWalk(t *testing.T) {
	dir := writeTree(t, map[string]string{"b/2": "", "b/1": "", "b.txt": "", "a": "", "b/c/x": "", "B": "", "real/file": ""})
	symlink(t, filepath.Join(dir, "real"), filepath.Join(dir, "link"))
	symlink(t, "nowhere", filepath.Join(dir, "dangling"))
	sub := func(name string) string { return filepath.Join(dir, name) }
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ paths, want []string }{
		"a tree: names in order, each directory in its place": {
			[]string{dir},
			[]string{"B", "a", "b/1", "b/2", "b/c/x", "b.txt", "dangling skipped", "link skipped", "real/file"},
		},
		"paths in the order given":             {[]string{sub("b"), sub("a")}, []string{"b/1", "b/2", "b/c/x", "a"}},
		"a path that is a link is followed":    {[]string{sub("link")}, []string{"real/file"}},
		"a path that does not exist":           {[]string{sub("none"), sub("a")}, []string{"none unreadable", "a"}},
		"a path that dangles":                  {[]string{sub("dangling")}, []string{"dangling unreadable"}},
		"a path that is no file and no folder": {[]string{os.DevNull}, []string{os.DevNull + " unreadable"}},
		"standard input among others":          {[]string{sub("a"), Stdin}, []string{"a", "standard input"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for e := range diskWalker.walk(test.paths) {
				got = append(got, outcome(dir, e))
			}
			if test.paths[0] == os.DevNull {
				got[0] = os.DevNull + " unreadable" // Rel makes much of it.
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestWalk_UnreadableDirectory has WalkDir fail for a directory, as root's cannot.
func TestWalk_UnreadableDirectory(t *testing.T) {
	dir := writeTree(t, map[string]string{"a/1": "", "b/2": "", "c/3": ""})
	w := diskWalker
	w.tree = func(root string, f fs.WalkDirFunc) error {
		return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if filepath.Base(name) == "b" {
				if err := f(name, d, nil); err != nil {
					return err
				}
				if err := f(name, d, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}); err != nil {
					return err
				}
				return fs.SkipDir
			}
			return f(name, d, err)
		})
	}
	var got []string
	for e := range w.walk([]string{dir}) {
		got = append(got, outcome(dir, e))
		if e.err != nil && !errors.Is(e.err, fs.ErrPermission) {
			t.Errorf("%s: error %v does not wrap the cause", e.name, e.err)
		}
	}
	if want := []string{"a/1", "b unreadable", "c/3"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWalk_StopsWhenToldTo(t *testing.T) {
	dir := writeTree(t, map[string]string{"a": "", "b": "", "c": ""})
	n := 0
	for range diskWalker.walk([]string{dir, dir}) {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d entries after a break at the second", n)
	}
}

func TestMeasure(t *testing.T) {
	dir := writeTree(t, map[string]string{"a": "12345", "b/c": "123"})
	if n, ok := Measure(context.Background(), []string{dir, filepath.Join(dir, "none")}); n != 8 || !ok {
		t.Errorf("got %d, %v, want 8, true", n, ok)
	}
	if _, ok := Measure(context.Background(), []string{dir, Stdin}); ok {
		t.Error("standard input has no length")
	}
}
