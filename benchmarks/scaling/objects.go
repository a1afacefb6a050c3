package scaling

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/slab"
)

// objectSize is how long the objects are.
const objectSize = 64

// replace keeps as many objects alive as the case's Count, and replaces random ones.
func replace(ops int, open func() (get func() ([]byte, error), put func([]byte), end func() error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		get, put, end := open()
		live := make([][]byte, c.Count)
		for i := range live {
			if live[i], err = get(); err != nil {
				return s, errors.Join(err, end())
			}
			work.Mark(live[i], uint64(i))
		}
		rng := rand.New(rand.NewPCG(1, 1))
		start := time.Now()
		for range ops {
			i := rng.IntN(len(live))
			if err := work.Check(live[i], uint64(i)); err != nil {
				return s, err
			}
			put(live[i])
			b, err := get()
			if err != nil {
				return s, err
			}
			work.Mark(b, uint64(i))
			live[i] = b
		}
		d := time.Since(start)
		for i, b := range live {
			if err := work.Check(b, uint64(i)); err != nil {
				return s, err
			}
			put(b)
		}
		s.Values = map[string]float64{"ns/op": float64(d.Nanoseconds()) / float64(ops)}
		return s, end()
	}
}

// slabbed is objects of an allocator.
func slabbed() (func() ([]byte, error), func([]byte), func() error) {
	a := slab.New(slab.Options{Name: "scaling"})
	return func() ([]byte, error) { return a.Alloc(objectSize) }, a.Free, a.Close
}

// collected is objects of the Go heap, left to the garbage collector.
func collected() (func() ([]byte, error), func([]byte), func() error) {
	return func() ([]byte, error) { return make([]byte, objectSize), nil }, func([]byte) {}, func() error { return nil }
}
