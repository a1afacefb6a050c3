package gc

import (
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

func TestExperiments(t *testing.T) {
	bench.Smoke(t, func(c bench.Case) bench.Case {
		c.Size = 64 << 10
		return c
	}, Experiments(true)...)
}

// TestStore_Check: an object that was written to is found out.
func TestStore_Check(t *testing.T) {
	const n = 100
	for name, open := range map[string]func(int) store{"slab": inSlab, "pointers": inSlabByPointer, "heap": inHeap, "modernc": inModernc, "none": none} {
		s := open(n)
		if err := s.fill(); err != nil {
			t.Fatal(err)
		}
		if err := s.check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if checkOne(1, new(object)) == nil {
		t.Error("an object nobody wrote to passes")
	}
}

func TestCollect(t *testing.T) {
	c := collect()
	if len(c.wall) < cyclesMin || len(c.cpu) != len(c.wall) || len(c.pause) != len(c.wall) {
		t.Fatalf("%+v", c)
	}
	for metric, v := range c.values() {
		if v <= 0 {
			t.Errorf("%s is %v", metric, v)
		}
	}
}

func BenchmarkGC(b *testing.B) { bench.Run(b, Experiments(testing.Short())...) }
