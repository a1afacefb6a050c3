package checkpoint

import (
	"fmt"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/track"
)

// target is the memory that is copied to.
type target []byte

func (m target) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

func sample(pause, all time.Duration, copied int64) bench.Sample {
	return bench.Sample{Values: map[string]float64{
		"pause-ns": float64(pause), "seconds": all.Seconds(), "copied-bytes": float64(copied),
	}}
}

// checkpoints is what an arena does.
func checkpoints(c bench.Case) (s bench.Sample, err error) {
	n := int(c.Size)
	a, err := arena.NewArena(arena.Options{Name: "checkpoint", Reserve: n, HugePages: arena.HugeNever, Headroom: -1})
	if err != nil {
		return s, err
	}
	defer a.Free()
	b, err := a.Alloc(n)
	if err != nil {
		return s, err
	}
	for i := 0; i < n; i += pageSize {
		b[i] = byte(i >> 12)
	}
	dst, free, err := private(n, true)
	if err != nil {
		return s, err
	}
	defer free()
	if err := a.Track(); err != nil {
		return s, err
	}
	w := write(b)
	runtime.GC()
	start := time.Now()
	// Held until the copy is compared; what is timed ends when the writer could go on.
	held := false
	done, err := a.Checkpoint(target(dst), arena.CheckpointOptions{
		Quiesce: func() error { w.mu.Lock(); held = true; return nil },
		Resume:  func() {},
	})
	all := time.Since(start)
	if err == nil {
		err = same(b, dst)
	}
	if held {
		w.mu.Unlock()
	}
	w.stop()
	if err != nil {
		return s, err
	}
	return sample(done.Pause, all, done.Copied), nil
}

// copied stops the writer and copies.
func copied(c bench.Case) (s bench.Sample, err error) {
	return stopped(int(c.Size), func(b, dst []byte) (time.Duration, error) {
		start := time.Now()
		copy(dst, b)
		pause := time.Since(start)
		return pause, same(b, dst)
	})
}

// forked stops the writer and forks.
func forked(c bench.Case) (s bench.Sample, err error) {
	return stopped(int(c.Size), func(b, dst []byte) (time.Duration, error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		start := time.Now()
		// The child does nothing but end: it has one thread, and must not run Go code.
		pid, _, e := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if pid == 0 && e == 0 {
			for {
				syscall.RawSyscall(syscall.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		pause := time.Since(start)
		if e != 0 {
			return 0, e
		}
		_, err := unix.Wait4(int(pid), nil, 0, nil)
		return pause, err
	})
}

// stopped is what is done to private memory while its writer stands still.
func stopped(n int, do func(b, dst []byte) (time.Duration, error)) (s bench.Sample, err error) {
	b, free, err := private(n, false)
	if err != nil {
		return s, err
	}
	defer free()
	dst, freeDst, err := private(n, true)
	if err != nil {
		return s, err
	}
	defer freeDst()
	w := write(b)
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	w.mu.Lock()
	pause, err := do(b, dst)
	w.mu.Unlock()
	w.stop()
	return sample(pause, pause, int64(n)), err
}

// scanned asks what was written.
func scanned(huge bool) func(c bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		b, free, err := private(int(c.Size), huge)
		if err != nil {
			return s, err
		}
		defer free()
		t, err := track.New(b)
		if err != nil {
			return s, err
		}
		defer t.Close()
		look := func(want int) (time.Duration, error) {
			found := 0
			start := time.Now()
			for run, err := range t.Dirty() {
				if err != nil {
					return 0, err
				}
				found += run.Len
			}
			took := time.Since(start)
			if found != want {
				return 0, fmt.Errorf("%d bytes were found of %d", found, want)
			}
			return took, nil
		}
		arm, err := look(len(b))
		if err != nil {
			return s, err
		}
		quiet, err := look(0)
		s.Values = map[string]float64{"arm-ns": float64(arm), "scan-ns": float64(quiet)}
		return s, err
	}
}

// adopted moves private memory into an arena.
func adopted(huge bool) func(c bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		b, free, err := private(int(c.Size), huge)
		if err != nil {
			return s, err
		}
		defer free()
		o := arena.Options{Name: "adopted", Reserve: len(b)}
		if !huge {
			o.HugePages = arena.HugeNever
		}
		a, err := arena.NewArena(o)
		if err != nil {
			return s, err
		}
		defer a.Free()
		w := write(b)
		runtime.GC()
		start := time.Now()
		done, err := a.Adopt(b, arena.AdoptOptions{
			Quiesce: func() error { w.mu.Lock(); return nil },
			Resume:  func() { w.mu.Unlock() },
		})
		all := time.Since(start)
		w.stop()
		if err != nil {
			return s, err
		}
		b[len(b)/2]++ // by an old pointer
		return sample(done.Pause, all, done.Copied), same(b, a.Bytes())
	}
}

// replaced maps a copy over private memory.
func replaced(c bench.Case) (s bench.Sample, err error) {
	n := int(c.Size)
	b, free, err := private(n, false)
	if err != nil {
		return s, err
	}
	defer free()
	fd, err := unix.MemfdCreate("copy", unix.MFD_CLOEXEC)
	if err != nil {
		return s, err
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(n)); err != nil {
		return s, err
	}
	w := write(b)
	runtime.GC()
	time.Sleep(20 * time.Millisecond)
	w.mu.Lock()
	start := time.Now()
	for off := 0; off < n && err == nil; {
		var wrote int
		wrote, err = unix.Pwrite(fd, b[off:min(off+8<<20, n)], int64(off))
		off += wrote
	}
	if err == nil {
		err = mapOver(b, fd)
	}
	pause := time.Since(start)
	w.mu.Unlock()
	w.stop()
	return sample(pause, pause, int64(n)), err
}
