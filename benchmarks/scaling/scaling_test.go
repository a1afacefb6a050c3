package scaling

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size, c.Count = min(c.Size, 4*mib), min(c.Count, 20)
		return c
	}, Experiments(true)...)
}

// TestDouble: an arena that does not climb the rung that is measured is an error.
func TestDouble(t *testing.T) {
	if _, err := doubleOnce(arena.RungRehome, full, 4*mib); err != nil {
		t.Error(err)
	}
	if _, err := doubleOnce(0, full, 4*mib); err == nil {
		t.Error("no rung at all passes")
	}
}

func TestFill(t *testing.T) {
	b := make([]byte, 8*mib)
	for _, f := range []fill{sparse, full} {
		clear(b)
		if f.check(b) == nil {
			t.Error("bytes that nobody wrote pass")
		}
		f.mark(b)
		if err := f.check(b); err != nil {
			t.Error(err)
		}
		b[6*mib]++
		if f.check(b) == nil {
			t.Error("a change is not noticed")
		}
	}
	if got := sparse.pages(8 * mib); got != 4 {
		t.Errorf("%d pages of 8 MiB, want 4", got)
	}
}

// TestCases: the axes cover what they should.
func TestCases(t *testing.T) {
	for _, e := range Experiments(false) {
		decades := math.Log10(e.X(e.Cases[len(e.Cases)-1]) / e.X(e.Cases[0]))
		if decades < 2.99 || len(e.Cases) < 4 {
			t.Errorf("%s covers %.1f decades in %d cases", e.Name, decades, len(e.Cases))
		}
	}
}

func TestRepeat(t *testing.T) {
	i := time.Duration(0)
	if v, err := repeat(5, func() (time.Duration, error) { i++; return i * i, nil }); v != 9 || err != nil {
		t.Errorf("the median is %v, %v; want 9", v, err)
	}
	boom := errors.New("boom")
	if _, err := repeat(5, func() (time.Duration, error) { return 0, boom }); !errors.Is(err, boom) {
		t.Error(err)
	}
}

func BenchmarkScaling(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
