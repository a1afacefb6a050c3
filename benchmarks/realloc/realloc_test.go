package realloc

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size = 8 << 20
		return c
	}, Experiments(true)...)
}

// TestRun_Checks: a buffer that loses bytes when it grows is found out.
func TestRun_Checks(t *testing.T) {
	lossy := func() allocator {
		return allocator{
			grow: func(b []byte, n int) ([]byte, error) {
				longer := make([]byte, n)
				copy(longer, b[:len(b)/2])
				return longer, nil
			},
			free: leave, done: none,
		}
	}
	if _, err := run(lossy)(bench.Case{Size: 8 << 20}); err == nil {
		t.Error("no error")
	}
}

func BenchmarkRealloc(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
