package buffers

import "github.com/growarena/growarena/benchmarks/internal/bench"

// row is the line of the table of goals that is about this package.
const row = 10

// Goals returns how many live buffers there must be.
func Goals() []bench.Goal {
	goal := func(name, ours string) bench.Goal {
		return bench.Goal{
			Name: name, Row: row, Experiment: "buffers", Text: "300,000 live growable buffers under default limits: " + ours,
			Rule: bench.AtLeast, Limit: 300_000, Ours: ours, Exact: true,
		}
	}
	return []bench.Goal{goal("buffers", "pool.Pool"), goal("buffers-slab", "slab.Allocator")}
}
