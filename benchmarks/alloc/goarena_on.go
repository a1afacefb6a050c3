//go:build goexperiment.arenas

package alloc

import (
	"arena"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// goArena returns Go's own arenas as run's contender.
func goArena(fresh bool) func(bench.Case) (bench.Sample, error) { return run(stdArenas, fresh) }

// stdArenas is one of Go's arenas for each worker, for one must not be used by two.
func stdArenas(workers, count int) (allocator, error) {
	arenas := make([]*arena.Arena, workers)
	open := func() error {
		for i := range arenas {
			arenas[i] = arena.NewArena()
		}
		return nil
	}
	free := func() error {
		for _, a := range arenas {
			a.Free()
		}
		return nil
	}
	return allocator{
		fill: func(worker int, objects []*object, first uint64) error {
			a := arenas[worker]
			for i := range objects {
				objects[i] = arena.New[object](a)
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error {
			if err := free(); err != nil {
				return err
			}
			return open()
		},
		close: free,
	}, open()
}
