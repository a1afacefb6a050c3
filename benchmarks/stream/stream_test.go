//go:build linux

package stream

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size, c.Goroutines = min(c.Size, 4*dropEvery*rowSize), min(c.Goroutines, 2)
		if testing.Short() && c.Count == 1 {
			c.Count = write // One case of two.
		}
		return c
	}, Experiments(false)...)
}

func BenchmarkStream(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
