//go:build !linux

package checkpoint

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Experiments returns nothing: there is no arena to measure here.
func Experiments(bool) []bench.Experiment { return nil }
