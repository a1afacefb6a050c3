package alloc

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

// TestRun_Checks: an allocator that hands out something twice is found out.
func TestRun_Checks(t *testing.T) {
	twice := func(workers, count int) (allocator, error) {
		o := new(object)
		return allocator{
			fill: func(_ int, objects []*object, first uint64) error {
				for i := range objects {
					objects[i] = o
					o.mark(first + uint64(i))
				}
				return nil
			},
			reset: nothing, close: nothing,
		}, nil
	}
	if _, err := run(twice, false)(bench.Case{Goroutines: 1, Count: 10}); err == nil {
		t.Error("no error")
	}
}

func BenchmarkAlloc(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
