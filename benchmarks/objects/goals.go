package objects

import "github.com/growarena/growarena/benchmarks/internal/bench"

// row is the line of the table of goals that is about this package.
const row = 6

// Goals returns what allocating and freeing objects must reach.
func Goals() []bench.Goal {
	var all []bench.Goal
	for _, g := range []struct{ name, experiment, text string }{
		{"slab-1", "slab-pair", "one goroutine, 16 B to 32 KiB"},
		{"slab-2", "slab-pair-2", "two goroutines, 16 B to 32 KiB"},
		{"slab-batch", "slab-batch", "100 objects in hand, 16 B to 32 KiB"},
		{"slab-handover", "slab-handover", "from one goroutine to another, 16 B to 32 KiB"},
		{"slab-churn", "slab-churn", "random sizes in random order, one and two goroutines"},
	} {
		all = append(all, bench.Goal{
			Name: g.name, Row: row, Experiment: g.experiment,
			Text: "objects, " + g.text + ": slab.Local ahead of every peer without cgo",
			Rule: bench.RatioAtMost, Limit: 1, Ours: "slab.Local",
		})
	}
	return all
}
