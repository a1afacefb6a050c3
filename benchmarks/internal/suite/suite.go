// Package suite lists all experiments and goals: a line in packages for each
// package that has some.
package suite

import (
	"slices"

	"github.com/growarena/growarena/benchmarks/alloc"
	"github.com/growarena/growarena/benchmarks/bolt"
	"github.com/growarena/growarena/benchmarks/buffers"
	"github.com/growarena/growarena/benchmarks/checkpoint"
	"github.com/growarena/growarena/benchmarks/gc"
	"github.com/growarena/growarena/benchmarks/growth"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/objects"
	"github.com/growarena/growarena/benchmarks/pins"
	"github.com/growarena/growarena/benchmarks/placement"
	"github.com/growarena/growarena/benchmarks/readers"
	"github.com/growarena/growarena/benchmarks/realloc"
	"github.com/growarena/growarena/benchmarks/rehome"
	"github.com/growarena/growarena/benchmarks/scaling"
	shmbench "github.com/growarena/growarena/benchmarks/shm"
	"github.com/growarena/growarena/benchmarks/stream"
	"github.com/growarena/growarena/benchmarks/windows"
)

// A source is a package with experiments and the goals they are to show.
type source struct {
	experiments func(quick bool) []bench.Experiment
	goals       func() []bench.Goal
}

var packages = []source{
	{growth.Experiments, growth.Goals},
	{rehome.Experiments, rehome.Goals},
	{readers.Experiments, readers.Goals},
	{pins.Experiments, pins.Goals},
	{alloc.Experiments, alloc.Goals},
	{objects.Experiments, objects.Goals},
	{realloc.Experiments, realloc.Goals},
	{windows.Experiments, windows.Goals},
	{buffers.Experiments, buffers.Goals},
	{gc.Experiments, gc.Goals},
	{stream.Experiments, stream.Goals},
	{bolt.Experiments, bolt.Goals},
	{placement.Experiments, placement.Goals},
	{scaling.Experiments, scaling.Goals},
	{shmbench.Experiments, shmbench.Goals},
	{checkpoint.Experiments, checkpoint.Goals},
}

// Experiments returns all experiments, smaller ones and fewer rounds if quick.
func Experiments(quick bool) []bench.Experiment {
	var all []bench.Experiment
	for _, p := range packages {
		all = append(all, p.experiments(quick)...)
	}
	return all
}

// Goals returns all goals by the row of the table they are in.
func Goals() []bench.Goal {
	var all []bench.Goal
	for _, p := range packages {
		all = append(all, p.goals()...)
	}
	slices.SortStableFunc(all, func(a, b bench.Goal) int { return a.Row - b.Row })
	return all
}
