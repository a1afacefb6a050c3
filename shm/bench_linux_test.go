//go:build !portable && !exploreshm

package shm

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"
)

// benchmarked is a buffer with a follower.
func benchmarked(b *testing.B, o Options) (*Writer, *Follower) {
	b.Helper()
	w, err := Create(o)
	if err != nil {
		b.Fatal(err)
	}
	files, err := w.Files()
	if err != nil {
		b.Fatal(err)
	}
	defer files.Close()
	f, err := Follow(files, FollowOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		f.Close()
		w.Close()
	})
	return w, f
}

// BenchmarkPublish: nobody waits.
func BenchmarkPublish(b *testing.B) {
	w, _ := benchmarked(b, Options{})
	if _, err := w.Arena().AllocSparse(b.N + 1); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for n := range b.N {
		w.Publish(n + 1)
	}
}

// BenchmarkPoll_NoDescriptor: nothing has been published, and the control file is looked up; beside that one that is held.
func BenchmarkPoll_NoDescriptor(b *testing.B) {
	for _, bare := range []bool{true, false} {
		b.Run(fmt.Sprint(bare), func(b *testing.B) {
			dir, err := os.MkdirTemp("/dev/shm", "growarena-bench-")
			if err != nil {
				b.Skip(err)
			}
			defer os.RemoveAll(dir)
			w, err := Create(Options{Dir: dir, Name: "x"})
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			f, err := Open(dir, "x", FollowOptions{NoDescriptor: bare})
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			for b.Loop() {
				if _, err := f.Poll(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPoll: nothing has been published.
func BenchmarkPoll(b *testing.B) {
	_, f := benchmarked(b, Options{})
	for range b.N {
		if _, err := f.Poll(); err != nil {
			b.Fatal(err)
		}
	}
}

func init() {
	// echo answers each byte of one buffer by a byte of another.
	roles["echo"] = func() int {
		in, err := Follow(Inherited(3), FollowOptions{})
		if err != nil {
			return fail("%v", err)
		}
		w, err := TakeOver(Options{Dir: os.Getenv(dirEnv), Name: "x"})
		if err != nil {
			return fail("%v", err)
		}
		for n := 1; in.Wait(context.Background(), n) == nil; n++ {
			if _, err := w.Write([]byte{1}); err != nil {
				return fail("%v", err)
			}
		}
		return 0
	}
}

// BenchmarkRoundTrip: two processes, both waiting: two times from store to seen.
func BenchmarkRoundTrip(b *testing.B) {
	dir, err := os.MkdirTemp("/dev/shm", "growarena-bench-")
	if err != nil {
		b.Skip(err)
	}
	defer os.RemoveAll(dir)
	back, err := Create(Options{Dir: dir, Name: "x"})
	if err != nil {
		b.Fatal(err)
	}
	answers, err := Open(dir, "x", FollowOptions{})
	if err != nil {
		b.Fatal(err)
	}
	defer answers.Close()
	if err := back.Close(); err != nil {
		b.Fatal(err)
	}
	w, err := Create(Options{})
	if err != nil {
		b.Fatal(err)
	}
	files, err := w.Files()
	if err != nil {
		b.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), roleEnv+"=echo", dirEnv+"="+dir)
	cmd.ExtraFiles = files[:]
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	files.Close()
	for {
		if _, generation := answers.State(); generation == 2 {
			break
		}
		if _, err := answers.Poll(); err != nil {
			b.Fatal(err)
		}
		runtime.Gosched()
	}
	times := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	for n := range b.N {
		begin := time.Now()
		if _, err := w.Write([]byte{1}); err != nil {
			b.Fatal(err)
		}
		if err := answers.Wait(context.Background(), n+1); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	b.StopTimer()
	slices.Sort(times)
	for _, p := range []int{50, 99} {
		b.ReportMetric(float64(times[min(len(times)-1, len(times)*p/100)].Nanoseconds())/2, fmt.Sprintf("ns/p%d-one-way", p))
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
}
