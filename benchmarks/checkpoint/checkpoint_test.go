//go:build linux

package checkpoint

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size = min(c.Size, 8<<20)
		return c
	}, Experiments(false)...)
}

func BenchmarkCheckpoint(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
