package stream_test

import (
	"bytes"
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestStream_Faults fails each system call of a stream's life in turn: what is an error has
// changed nothing, the next call works, and nothing is left behind.
func TestStream_Faults(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, options := range variants {
		if name == "shared domain" || name == "full domain" {
			continue // They differ in what goes when.
		}
		if testing.Short() && name != "default" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			step := 1
			if testing.Short() {
				step = 4
			}
			for nth := 0; ; nth += step {
				for which := range 3 {
					if which > 0 && testing.Short() {
						break
					}
					if !faulty(t, options(), nth, which) && which == 0 {
						return
					}
				}
			}
		})
	}
}

// faulty plays the stream's life with the nth call failing with its errno number which, and
// reports whether there was such a call.
func faulty(t *testing.T, opts stream.Options, nth, which int) (met bool) {
	t.Helper()
	opts.Space = addrspace.New(addrspace.Options{CacheWindows: -1})
	var failed sys.Call
	testutil.Tap(func() {
		s, err := stream.New(opts)
		if err != nil {
			if s, err = stream.New(opts); err != nil {
				t.Fatalf("call %d (%v): the second New: %v", nth, failed, err)
			}
		}
		b := make([]byte, 900<<10)
		for range 9 {
			front, end := s.Front(), s.Len()
			testutil.Fill(b, int(end))
			off, err := s.Append(b)
			if err != nil {
				if s.Front() != front || s.Len() != end {
					t.Errorf("call %d (%v): %v has changed [%d, %d) to [%d, %d)", nth, failed, err, front, end, s.Front(), s.Len())
				}
				off, err = s.Append(b)
			}
			if err != nil || off != end {
				t.Fatalf("call %d (%v): %d, %v, want %d", nth, failed, off, err, end)
			}
			if err := s.DropFront(max(0, end-mib)); err != nil {
				t.Fatal(err)
			}
		}
		if at, all := content(t, s); testutil.Check(all, int(at)) >= 0 {
			t.Fatalf("call %d (%v): byte %d is wrong", nth, failed, testutil.Check(all, int(at)))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		_ = s.Domain().Shutdown(t.Context())
	}, func(n int, c sys.Call) syscall.Errno {
		errnos := testutil.Errnos(c)
		if n != nth || which >= len(errnos) {
			return 0
		}
		met, failed = true, c
		return errnos[which]
	})
	// What the kernel did not take back is tried again.
	_ = opts.Space.Trim()
	if st := opts.Space.Stats(); st.Windows != 0 || st.Stuck != 0 {
		t.Errorf("call %d (%v): %d windows are left, %d stuck", nth, failed, st.Windows, st.Stuck)
	}
	return met
}

// TestStream_NoHoles: where the kernel makes no holes in files the memory goes with the
// file, and never while a guard sees it.
func TestStream_NoHoles(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, errno := range []syscall.Errno{sys.ENOSPC, syscall.EOPNOTSUPP} {
		restore := testutil.FailAll(sys.CallPunch, errno)
		defer restore()
		s := open(t, stream.Options{Reserve: 4 * mib})
		b := make([]byte, mib)
		stuck := 0
		for range 50 {
			testutil.Fill(b, int(s.Len()))
			must(s.Append(b))
			if err := s.DropFront(s.Len() - mib); err != nil {
				t.Fatal(err)
			}
			if err := s.Domain().Barrier(t.Context()); err != nil {
				t.Fatal(err)
			}
			st := s.Stats()
			stuck = max(stuck, st.Stuck)
			if st.Files > 2 || st.Committed > 16*mib {
				t.Fatalf("%v: %+v", errno, st)
			}
		}
		if at, all := content(t, s); testutil.Check(all, int(at)) >= 0 || stuck == 0 {
			t.Errorf("%v: %d bytes were stuck at most, wrong byte at %d", errno, stuck, testutil.Check(all, int(at)))
		}
		restore()
		if errno == sys.ENOSPC { // It has room again: the next one takes what was refused.
			must(s.Append(bytes.Repeat(b, 2)))
			if err := s.DropFront(s.Len()); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return s.Stats().Stuck == 0 })
		}
	}
}

// TestStream_NoMemory: with Commit, memory that runs out is an error that says so.
func TestStream_NoMemory(t *testing.T) {
	s := open(t, stream.Options{Commit: true, Reserve: 64 * mib, HugePages: 1})
	must(s.Append([]byte("before")))
	restore := testutil.FailAll(sys.CallAllocate, syscall.ENOSPC)
	_, err := s.Append(make([]byte, 4*mib))
	restore()
	if !errors.Is(err, syscall.ENOSPC) || s.Len() != 6 {
		t.Errorf("%v, %d bytes", err, s.Len())
	}
	must(s.Append(make([]byte, 4*mib)))
}
