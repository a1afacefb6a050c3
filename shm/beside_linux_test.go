//go:build !portable && !exploreshm

package shm

import (
	"context"
	"errors"
	"io"
	"math"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

// TestHostile_Sealed: files that are sealed and cannot be touched, or are not what they are
// said to be, are refused: their faults would not be caught.
func TestHostile_Sealed(t *testing.T) {
	page := int64(os.Getpagesize())
	seals := sys.SealShrink | sys.SealGrow | sys.SealSeal
	for name, c := range map[string]struct {
		which int
		size  int64
		seals int
	}{
		"empty bell":      {fileBell, 0, seals},
		"bell of 3 bytes": {fileBell, bellSize - 1, seals},
		"open bell":       {fileBell, page, 0},
		"empty control":   {fileControl, 0, seals},
		"open control":    {fileControl, page, 0},
		"empty data":      {fileData, 0, seals},
	} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{})
			write(t, w, 10)
			files, err := w.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { files.Close() }()
			fd, err := sys.Memfd("hostile", 0)
			if err != nil {
				t.Fatal(err)
			}
			hostile := os.NewFile(uintptr(fd), "hostile")
			if c.which == fileControl && c.size > 0 {
				b := make([]byte, page)
				if _, err := files[fileControl].ReadAt(b, 0); err != nil {
					t.Fatal(err)
				}
				if _, err := hostile.Write(b); err != nil {
					t.Fatal(err)
				}
			} else if err := hostile.Truncate(c.size); err != nil {
				t.Fatal(err)
			}
			if err := sys.Seal(fd, c.seals); err != nil {
				t.Fatal(err)
			}
			files[c.which].Close()
			files[c.which] = hostile
			f, err := Follow(files, FollowOptions{})
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("got %v", err)
			}
			if err == nil {
				f.Close()
			}
		})
	}
}

// TestHostile_Pipe: a bell that is no file is refused before anything is opened.
func TestHostile_Pipe(t *testing.T) {
	w := create(t, Options{Unsealed: true})
	files, err := w.Files()
	if err != nil {
		t.Fatal(err)
	}
	files[fileBell].Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	files[fileBell] = pipe
	defer files.Close()
	if f, err := Follow(files, FollowOptions{}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
		if err == nil {
			f.Close()
		}
	}
}

// TestClosed: a follower that is closed says so.
func TestClosed(t *testing.T) {
	kinds(t, func(t *testing.T, o Options) {
		w := create(t, o)
		write(t, w, 10)
		f := follower(t, w, FollowOptions{})
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		_, poll := f.Poll()
		_, pin := f.Pin()
		for _, err := range []error{poll, pin, f.Wait(soon(t), 1), f.Read(func([]byte) error { return nil })} {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("got %v", err)
			}
		}
	})
}

// TestWait_Close: Wait may be anywhere while Close runs, which waits for it.
func TestWait_Close(t *testing.T) {
	for name, dead := range map[string]bool{"live": false, "dead": true} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{})
			f := follower(t, w, FollowOptions{})
			if dead {
				w.Abort()
			}
			var once sync.Once
			done := make(chan error, 1)
			restore := sys.SetHook(func(c sys.Call) syscall.Errno {
				if c == sys.CallAskLock {
					once.Do(func() {
						go func() { done <- f.Close() }()
						time.Sleep(20 * time.Millisecond) // Else it would be over by then.
					})
				}
				return 0
			})
			err := f.Wait(soon(t), 1)
			restore()
			if !errors.Is(err, os.ErrClosed) && !(dead && errors.Is(err, ErrWriterGone)) {
				t.Errorf("Wait: %v", err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWait_CloseAnytime is TestWait_Close at whatever moment.
func TestWait_CloseAnytime(t *testing.T) {
	for name, dead := range map[string]bool{"live": false, "dead": true} {
		t.Run(name, func(t *testing.T) {
			w := create(t, Options{})
			files, err := w.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			if dead {
				w.Abort()
			}
			for i := range 20 {
				f, err := Follow(files, FollowOptions{})
				if err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for {
							ctx, cancel := context.WithTimeout(context.Background(), time.Microsecond)
							err := f.Wait(ctx, 10)
							cancel()
							switch {
							case errors.Is(err, os.ErrClosed):
								return
							case errors.Is(err, context.DeadlineExceeded), dead && errors.Is(err, ErrWriterGone):
							default:
								t.Errorf("got %v", err)
								return
							}
						}
					})
				}
				time.Sleep(time.Duration(i%10) * 50 * time.Microsecond)
				if err := f.Close(); err != nil {
					t.Error(err)
				}
				wg.Wait()
			}
		})
	}
}

// TestFarthest: the longest length that a number can say is waited for like any other.
func TestFarthest(t *testing.T) {
	defer time.AfterFunc(time.Minute, func() { panic("shm: a read whose context has ended does not end") }).Stop()
	w := create(t, Options{})
	write(t, w, 10)
	f := follower(t, w, FollowOptions{})
	for _, off := range []int{math.MaxInt, math.MaxInt - 1, 11} {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := f.NewReader(ctx, off)
		if n, err := r.Read(make([]byte, 1)); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("Read at %d: %d, %v", off, n, err)
		}
		if n, err := r.WriteTo(io.Discard); n != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("WriteTo at %d: %d, %v", off, n, err)
		}
		if n, err := r.ReadAt(make([]byte, 1), math.MaxInt64); n != 0 || err != io.EOF {
			t.Errorf("ReadAt: %d, %v", n, err)
		}
		if err := f.Wait(ctx, off); !errors.Is(err, context.Canceled) {
			t.Errorf("Wait for %d: %v", off, err)
		}
	}
	for _, n := range []int{math.MinInt, -1, 0, 10} {
		if err := f.Wait(soon(t), n); err != nil {
			t.Errorf("Wait for %d: %v", n, err)
		}
	}
}

// TestTakeOver_LastGeneration: a generation that cannot be counted on is corrupt.
func TestTakeOver_LastGeneration(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x"})
	w.l.generation.Store(math.MaxUint64)
	abandon(t, w)
	if w, err := TakeOver(Options{Dir: dir, Name: "x"}); !errors.Is(err, ErrCorrupt) {
		t.Errorf("got %v", err)
		if err == nil {
			w.Close()
		}
	}
}
