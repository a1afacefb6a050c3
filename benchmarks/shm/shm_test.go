//go:build linux

package shm

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
	"github.com/growarena/growarena/shm"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		if c.Size > 0 {
			c.Size, c.Count = min(c.Size, 4<<20), min(c.Count, 2)
		} else {
			c.Count = min(c.Count, 100)
		}
		return c
	}, Experiments(true)...)
}

func BenchmarkShm(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }

// TestGrowth_NoCalls: what grows within what the follower knows of the file takes no system call,
// on either side.
func TestGrowth_NoCalls(t *testing.T) {
	w, f, err := opened(shm.Options{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer f.Close()
	p := make([]byte, step)
	write := func() {
		t.Helper()
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		if n, err := f.Poll(); n != w.Published() || err != nil {
			t.Fatalf("%d of %d: %v", n, w.Published(), err)
		}
	}
	write() // The file is made longer, and looked at.
	calls := raw.CountOurs()
	for w.Published() < 1<<20 {
		write()
	}
	if n := calls(); n != 0 {
		t.Errorf("%v system calls", n)
	}
}

// TestSeen: bytes have the same sum in whatever pieces they come.
func TestSeen(t *testing.T) {
	b := make([]byte, 1000)
	for i := range b {
		b[i] = byte(i * 31)
	}
	var want seen
	want.add(b)
	for n := 1; n < 20; n++ {
		var got seen
		for rest := b; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			got.add(rest[:min(n, len(rest))])
		}
		if got != want {
			t.Errorf("in pieces of %d: %+v, want %+v", n, got, want)
		}
	}
}
