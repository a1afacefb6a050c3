//go:build linux

package readers

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size, c.Goroutines = min(c.Size, 4<<20), min(c.Goroutines, 4)
		return c
	}, Experiments(false)...)
}

func BenchmarkReaders(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
