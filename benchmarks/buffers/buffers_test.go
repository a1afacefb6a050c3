package buffers

import (
	"errors"
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Count = 100
		return c
	}, Experiments(true)...)
}

// TestRun_Refused: who is refused the 51st buffer has had 50.
func TestRun_Refused(t *testing.T) {
	dropped := 0
	m := maker{
		add: func(i int) ([]byte, error) {
			if i == 50 {
				return nil, errors.New("enough")
			}
			return make([]byte, first), nil
		},
		grow:  func(_ int, b []byte, n int) ([]byte, error) { return append(b, make([]byte, n)...), nil },
		drop:  func(int, []byte) error { dropped++; return nil },
		close: nothing,
	}
	s, err := run(func(int) (maker, error) { return m, nil })(bench.Case{Count: 100})
	if err != nil || s.Values["buffers"] != 50 || dropped != 50 {
		t.Errorf("%v, %d dropped, %v", s.Values, dropped, err)
	}
}

// TestUse: a buffer that loses its content when it grows is found out.
func TestUse(t *testing.T) {
	m := maker{grow: func(_ int, b []byte, n int) ([]byte, error) { return make([]byte, len(b)+n), nil }}
	if use(m, [][]byte{make([]byte, first)}) == nil {
		t.Error("no error")
	}
}

func BenchmarkBuffers(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
