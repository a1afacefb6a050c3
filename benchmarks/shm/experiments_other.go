//go:build !linux

package shm

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Experiments returns nothing: there is no shared memory to measure here.
func Experiments(bool) []bench.Experiment { return nil }
