//go:build !goexperiment.arenas

package alloc

import "github.com/growarena/growarena/benchmarks/internal/bench"

// goArena returns nil: this program is built without Go's own arenas.
func goArena(bool) func(bench.Case) (bench.Sample, error) { return nil }
