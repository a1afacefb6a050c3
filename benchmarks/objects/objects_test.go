package objects

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		if c.Size > 1<<20 {
			c.Size = 1 << 20
		}
		c.Count = 300
		return c
	}, experiments(0, 1, 16<<20)...)
}

// TestPatterns_Check: every pattern notices an allocator that hands out what is in
// use. One parcel is handed over at most, or two goroutines would use it at once.
func TestPatterns_Check(t *testing.T) {
	memory := make([]byte, 32<<10)
	same := target{worker: func() handle {
		return handle{
			get: func(n int) (object, error) { return object{b: memory[:n]}, nil },
			put: func(object) error { return nil },
		}
	}, close: nothing}
	for name, p := range map[string]pattern{"batches": batches, "handOver": handOver, "churn": churn} {
		if _, _, err := p(same, bench.Case{Size: 32 << 10, Goroutines: 1, Count: 200}, 0); err == nil {
			t.Errorf("%s notices nothing", name)
		}
	}
}

func BenchmarkObjects(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
