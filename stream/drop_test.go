package stream_test

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// TestDropFront_WaitsForNobody: while memory is being given back the front is dropped further,
// the stream goes on in other windows, and closes files, and is looked at.
func TestDropFront_WaitsForNobody(t *testing.T) {
	testutil.NeedsMoves(t)
	s := open(t, stream.Options{Reserve: 4 * mib})
	entered, proceed := make(chan struct{}), make(chan struct{})
	var once sync.Once
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallPunch {
			once.Do(func() {
				close(entered)
				<-proceed
			})
		}
		return 0
	})
	defer restore()
	must(s.Append(make([]byte, 3*mib)))
	if err := s.DropFront(2 * mib); err != nil {
		t.Fatal(err)
	}
	<-entered // The reaper is in the kernel.
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			must(s.Append(make([]byte, mib)))
			if err := s.DropFront(s.Len()); err != nil {
				t.Error(err)
			}
			s.Stats()
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second): // Not a matter of time: it would be for ever.
		t.Error("they wait for the kernel")
	}
	close(proceed)
	<-done
	if err := s.Domain().Barrier(t.Context()); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Stuck != 0 || st.Files > 2 || st.Moves == 0 {
		t.Errorf("%+v", st)
	}
}

// TestDropFront_Pieces: much is given back by calls that are short, so that who makes the file
// longer does not wait for all of them.
func TestDropFront_Pieces(t *testing.T) {
	testutil.NeedsMoves(t)
	s := open(t, stream.Options{})
	const n = 70 * mib
	must(s.AppendFunc(n, func(b []byte) error { b[0], b[n/2], b[n-1] = 1, 1, 1; return nil }))
	var mu sync.Mutex
	calls := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallPunch {
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls == 3 {
				return syscall.ENOSPC // What is left is tried again.
			}
		}
		return 0
	})
	defer restore()
	for _, to := range []int64{n - mib, n} {
		if err := s.DropFront(to); err != nil {
			t.Fatal(err)
		}
		if err := s.Domain().Barrier(t.Context()); err != nil {
			t.Fatal(err)
		}
		if st := s.Stats(); (st.Stuck > 0) != (to < n) {
			t.Errorf("up to %d: %+v", to, st)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if st := s.Stats(); calls < 6 || st.Committed > mib {
		t.Errorf("%d calls, %+v", calls, st)
	}
}
