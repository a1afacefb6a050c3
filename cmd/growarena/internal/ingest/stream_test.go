package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// fakeFile is a file that reads as told, and says it has sizes, one after the
// other.
type fakeFile struct {
	io.Reader
	sizes    []int64
	closed   *int
	closeErr error
}

func (f *fakeFile) Stat() (fs.FileInfo, error) {
	n := f.sizes[0]
	if len(f.sizes) > 1 {
		f.sizes = f.sizes[1:]
	}
	return fakeInfo(n), nil
}

func (f *fakeFile) Close() error {
	*f.closed++
	return f.closeErr
}

// fakeInfo is the length of a file, and says nothing else of it.
type fakeInfo int64

func (i fakeInfo) Name() string       { return "" }
func (i fakeInfo) Size() int64        { return int64(i) }
func (i fakeInfo) Mode() fs.FileMode  { return 0 }
func (i fakeInfo) ModTime() time.Time { return time.Time{} }
func (i fakeInfo) IsDir() bool        { return false }
func (i fakeInfo) Sys() any           { return nil }

var errDisk = errors.New("the disk is on fire")

// fakeOpen opens files by their names.
func fakeOpen(closed *int) func(name string) (fs.File, error) {
	return func(name string) (fs.File, error) {
		f := &fakeFile{closed: closed}
		switch name {
		case "whole":
			f.Reader, f.sizes = strings.NewReader("whole,"), []int64{6}
		case "no newline at its end":
			f.Reader, f.sizes = strings.NewReader("abc"), []int64{3}
		case "empty":
			f.Reader, f.sizes = strings.NewReader(""), []int64{0}
		case "shrinks":
			f.Reader, f.sizes = strings.NewReader("half"), []int64{8, 4}
		case "grows":
			f.Reader, f.sizes = strings.NewReader("more than thought"), []int64{4, 17}
		case "of /sys":
			f.Reader, f.sizes = strings.NewReader("1\n"), []int64{4096}
		case "fails":
			f.Reader, f.sizes = io.MultiReader(strings.NewReader("so far"), iotest.ErrReader(errDisk)), []int64{100}
		case "data and EOF at once":
			f.Reader, f.sizes = iotest.DataErrReader(strings.NewReader("both")), []int64{4}
		case "does not close":
			f.Reader, f.sizes, f.closeErr = strings.NewReader("x"), []int64{1}, errDisk
		default:
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return f, nil
	}
}

func TestStream(t *testing.T) {
	for name, test := range map[string]struct {
		files   []string
		text    string
		trouble []string // names told of, each with a part of its error
	}{
		"one after the other, nothing between": {[]string{"no newline at its end", "empty", "whole", "data and EOF at once"}, "abcwhole,both", nil},
		"a file that cannot be opened":         {[]string{"whole", "secret", "whole"}, "whole,whole,", []string{"secret", "permission"}},
		"a file that becomes shorter":          {[]string{"shrinks", "whole"}, "halfwhole,", []string{"shrinks", "4 of 8 bytes"}},
		"a file that becomes longer":           {[]string{"grows"}, "more than thought", nil},
		"a file that never was that long":      {[]string{"of /sys"}, "1\n", nil},
		"a file that fails in the middle":      {[]string{"fails", "whole"}, "so farwhole,", []string{"fails", "on fire"}},
		"a file that does not close":           {[]string{"does not close"}, "x", []string{"does not close", "on fire"}},
		"nothing at all":                       {nil, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			closed, opened := 0, 0
			s := newStream(context.Background(), func(yield func(entry) bool) {
				for _, f := range test.files {
					if !yield(entry{name: f, entry: fs.FileInfoToDirEntry(fakeInfo(0))}) {
						return
					}
				}
			})
			s.before = func() {}
			s.open = fakeOpen(&closed)
			var trouble []string
			s.problem = func(name string, err error) { trouble = append(trouble, name, err.Error()) }
			got, err := io.ReadAll(s)
			s.end()
			if err != nil || string(got) != test.text {
				t.Fatalf("got %q, %v, want %q", got, err, test.text)
			}
			sum := sha256.Sum256([]byte(test.text))
			if h := hex.EncodeToString(s.hash.Sum(nil)); h != hex.EncodeToString(sum[:]) || s.bytes != len(test.text) {
				t.Errorf("%d bytes hashed to %s, want %d to %x", s.bytes, h, len(test.text), sum)
			}
			for _, f := range test.files {
				if f != "secret" {
					opened++
				}
			}
			if closed != opened || s.files != opened {
				t.Errorf("%d files opened, %d counted, %d closed", opened, s.files, closed)
			}
			if s.unreadable != len(test.trouble)/2 || len(trouble) != len(test.trouble) {
				t.Fatalf("%d unreadable, told of %q, want %q", s.unreadable, trouble, test.trouble)
			}
			for i, want := range test.trouble {
				if !strings.Contains(trouble[i], want) {
					t.Errorf("told of %q, want %q in it", trouble[i], want)
				}
			}
		})
	}
}

func TestStream_OtherEntries(t *testing.T) {
	s := newStream(context.Background(), slices.Values([]entry{
		{name: "pipe", skip: true},
		{name: "standard input"},
		{name: "folder", err: fs.ErrPermission},
	}))
	s.stdin = strings.NewReader("from stdin")
	s.before = func() {}
	s.problem = func(string, error) {}
	got, err := io.ReadAll(s)
	s.end()
	if err != nil || string(got) != "from stdin" || s.skipped != 1 || s.unreadable != 1 || s.files != 1 {
		t.Errorf("got %q, %v; %d skipped, %d unreadable, %d read", got, err, s.skipped, s.unreadable, s.files)
	}
}

// TestStream_End has a stream given up in the middle of a file.
func TestStream_End(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	closed := 0
	s := newStream(ctx, slices.Values([]entry{{name: "whole", entry: fs.FileInfoToDirEntry(fakeInfo(0))}}))
	s.open = fakeOpen(&closed)
	s.before = func() {}
	if n, err := s.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	cancel()
	if n, err := s.Read(make([]byte, 2)); n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancellation: %d, %v", n, err)
	}
	s.end()
	if closed != 1 {
		t.Errorf("closed %d times", closed)
	}
}
