//go:build !portable

package stream_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestAppend_Fault: an append whose source faults has appended nothing, or zeros where others
// are behind, and what others append is seen.
func TestAppend_Fault(t *testing.T) {
	page := os.Getpagesize()
	f := must(os.Create(filepath.Join(t.TempDir(), "cut")))
	defer f.Close()
	if err := f.Truncate(int64(2 * page)); err != nil {
		t.Fatal(err)
	}
	m := must(syscall.Mmap(int(f.Fd()), 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED))
	defer func() { _ = syscall.Munmap(m) }()
	m[0] = 1
	// CatchFault lets a fault outside our zones pass, as a panic.
	fault := func(f func() error) (fault bool) {
		defer func() {
			if recover() != nil {
				fault = true
			}
		}()
		var e *arena.FaultError
		return errors.As(arena.CatchFault(nil, f), &e)
	}
	if err := f.Truncate(int64(page)); err != nil {
		t.Fatal(err)
	}
	s := open(t, stream.Options{Reserve: 4 * mib})
	if !fault(func() error { _, err := s.Append(m); return err }) {
		t.Fatal("no fault")
	}
	if off := must(s.Append([]byte("next"))); off != 0 || s.Len() != 4 {
		t.Errorf("behind what failed: %d, Len is %d", off, s.Len())
	}
	if off, err := s.AppendFunc(2*page, func(b []byte) error {
		if !bytes.Equal(b, make([]byte, len(b))) {
			t.Error("what has faulted left something")
		}
		return nil
	}); off != 4 || err != nil {
		t.Errorf("%d, %v", off, err)
	}
	c := must(stream.NewColumn[byte](stream.Options{}))
	if !fault(func() error { _, err := c.Append(m...); return err }) {
		t.Fatal("no fault")
	}
	if row := must(c.Append(1)); row != 0 || c.Len() != 1 {
		t.Errorf("behind what failed: %d, Len is %d", row, c.Len())
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestAppend_Untouched: a failing append of a big range takes no memory for what its function
// has not touched, whether it could be taken back or not, and reads as zero where it has; with
// Commit the memory stays.
func TestAppend_Untouched(t *testing.T) {
	failed := errors.New("failed")
	n := 128*mib + 100
	if testing.Short() {
		n = 24*mib + 100
	}
	touch := func(b []byte) {
		for _, at := range []int{0, 1, len(b) / 2, len(b) - 1} {
			b[at] = 1
		}
	}
	zeros := func(b []byte) bool {
		return !slices.ContainsFunc([]int{0, 1, len(b) / 2, len(b) - 1}, func(at int) bool { return b[at] != 0 })
	}
	for name, behind := range map[string]bool{"alone": false, "others behind": true} {
		for _, opts := range []stream.Options{{}, {HugePages: arena.HugeNever}, {Commit: true, HugePages: arena.HugeNever}} {
			s := open(t, opts)
			must(s.Append(make([]byte, 1234)))
			off, err := s.AppendFunc(n, func(b []byte) error {
				touch(b)
				if behind {
					must(s.Append([]byte("behind")))
				}
				return failed
			})
			if !errors.Is(err, failed) || errors.Is(err, stream.ErrZeroed) != behind {
				t.Errorf("%s: %d, %v", name, off, err)
			}
			if !behind {
				must(s.AppendFunc(n, func(b []byte) error {
					if !zeros(b) {
						t.Errorf("%s, %+v: what failed has left something", name, opts)
					}
					return nil
				}))
			}
			g := must(s.Pin())
			if b, err := g.Bytes(1234, n); err != nil || !zeros(b) {
				t.Errorf("%s, %+v: %v", name, opts, err)
			}
			g.Unpin()
			if st := s.Stats(); st.Committed > 8*mib != opts.Commit {
				t.Errorf("%s, %+v: %d MiB are committed", name, opts, st.Committed>>20)
			}
		}
	}
	// Where the kernel cannot give back, zeros are stored.
	s := open(t, stream.Options{})
	restore := testutil.FailAll(sys.CallMadvise, syscall.EINVAL)
	defer restore()
	_, _ = s.AppendFunc(3*mib, func(b []byte) error { touch(b); return failed })
	must(s.AppendFunc(3*mib, func(b []byte) error {
		if !zeros(b) {
			t.Error("without MADV_REMOVE what failed has left something")
		}
		return nil
	}))
}

// TestAppend_NoMemoryToClear: an append that fails because a page could not be touched is
// canceled without touching that again in earnest.
func TestAppend_NoMemoryToClear(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	s := must(stream.New(stream.Options{Reserve: 4 * mib, Space: space}))
	page := os.Getpagesize()
	must(s.Append(make([]byte, page)))
	var hidden []byte
	_, err := s.AppendFunc(3*page, func(b []byte) error {
		b[0], b[3*page-1] = 1, 1
		hidden = b[page : 2*page]
		if err := syscall.Mprotect(hidden, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
		return arena.CatchFault(space, func() error { b[page] = 1; return nil })
	})
	var fault *arena.FaultError
	if !errors.As(err, &fault) {
		t.Fatalf("%v, want a fault", err)
	}
	if err := syscall.Mprotect(hidden, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	off, err := s.AppendFunc(3*page, func(b []byte) error {
		if !bytes.Equal(b, make([]byte, 3*page)) {
			t.Error("what failed has left something")
		}
		return nil
	})
	if off != int64(page) || err != nil {
		t.Errorf("%d, %v", off, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Domain().Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestAppend_FailsAtTheEnd: an append that fails when appending was ended leaves zeros, though
// nobody is behind it.
func TestAppend_FailsAtTheEnd(t *testing.T) {
	s := open(t, stream.Options{})
	failed := errors.New("failed")
	off, err := s.AppendFunc(3, func(b []byte) error { b[0] = 1; s.CloseWrite(); return failed })
	if _, b := content(t, s); off != 0 || !errors.Is(err, failed) || !errors.Is(err, stream.ErrZeroed) || string(b) != "\x00\x00\x00" {
		t.Errorf("%d, %v; %q", off, err, b)
	}
}
