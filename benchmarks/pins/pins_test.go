package pins

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Count = 10_000
		return c
	}, Experiments(true)...)
}

func TestCheck(t *testing.T) {
	if check(3*answer, 3) != nil || check(3*answer, 4) == nil {
		t.Error("a read that went wrong is not noticed")
	}
}

func BenchmarkPins(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
