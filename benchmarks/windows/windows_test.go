package windows

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Count = min(c.Count, 200)
		return c
	}, Experiments(true)...)
}

// TestNeighbours: windows side by side hit each other, windows with nobody near do
// not.
func TestNeighbours(t *testing.T) {
	c := bench.Case{Size: 64 << 20, Count: 100}
	s, err := neighbours(newPacked)(c)
	if err != nil || s.Values["percent"] < 90 {
		t.Errorf("side by side: %v, %v", s.Values, err)
	}
	s, err = neighbours(newSpaced)(c)
	if err != nil || s.Values["percent"] != 0 {
		t.Errorf("100 in a Space: %v, %v", s.Values, err)
	}
}

func BenchmarkWindows(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
