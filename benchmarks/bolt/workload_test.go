package bolt

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size, c.Count = 1<<20, min(c.Count, 2)
		return c
	}, Experiments(true)...)
}

// liar is a database that does something wrong.
type liar struct {
	database
	value func([]byte) []byte
	after int // gets that are right
}

func (l *liar) view(f func(get func(uint64) []byte) error) error {
	return l.database.view(func(get func(uint64) []byte) error {
		n := 0
		return f(func(key uint64) []byte {
			if n++; n <= l.after {
				return get(key)
			}
			return l.value(get(key))
		})
	})
}

// TestWorkload_Notices: the workload finds out what a database does wrong.
func TestWorkload_Notices(t *testing.T) {
	for name, test := range map[string]struct {
		liar
		want string
	}{
		"NothingThere": {liar{value: func([]byte) []byte { return nil }}, "has 0 bytes"},
		"OneBitWrong": {liar{value: func(b []byte) []byte {
			b = bytes.Clone(b)
			b[len(b)-1] ^= 1
			return b
		}}, "nobody gave it"},
		"ChangesWithinView": {liar{after: heldKeys, value: func(b []byte) []byte {
			b = bytes.Clone(b)
			fill(b, 7, 7)
			return b
		}}, "has changed within a View"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := open(setup{})
			if err != nil {
				t.Fatal(err)
			}
			l := test.liar
			l.database = e
			w := &workload{database: &l, hold: time.Millisecond}
			if err := w.run(1 << 20); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if err := e.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWorkload counts what a run has done.
func TestWorkload(t *testing.T) {
	e, err := open(setup{})
	if err != nil {
		t.Fatal(err)
	}
	w := &workload{database: e, hold: time.Millisecond}
	if err := w.run(2 << 20); err != nil {
		t.Fatal(err)
	}
	n := w.keys.Load()
	first := n / 16 / batchNew
	if n < 2<<20/valueSize-batchNew || w.updates.TotalCount() < n/batchNew-first-1 || w.views.TotalCount() == 0 || !w.held || w.hot.TotalCount() == 0 {
		t.Errorf("%d keys, %d Updates, %d Views, a long one: %t, %d hot ones", n, w.updates.TotalCount(), w.views.TotalCount(), w.held, w.hot.TotalCount())
	}
	size, err := e.size()
	if err != nil || size < 2<<20 || w.mapped < size && runtime.GOOS == "linux" {
		t.Errorf("a file of %d bytes, %d mapped: %v", size, w.mapped, err)
	}
	if err := e.close(); err != nil {
		t.Error(err)
	}
}

// TestGrown runs these tests with the copy of bbolt.
func TestGrown(t *testing.T) {
	if isGrown() {
		t.Skip("this is it")
	}
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	flags, err := growbolt(t.Context(), t.TempDir())
	if err != nil {
		t.Skipf("there is no copy of bbolt: %v", err)
	}
	out, err := command(t.Context(), ".", slices.Concat([]string{"test", "-count=1", "-short", "-v"}, flags, []string{"."})...)
	if err != nil || !strings.Contains(out, "PASS: TestExperiments/bolt-held/growarena") {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkBolt(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
