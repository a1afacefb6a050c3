package realloc

import "github.com/growarena/growarena/benchmarks/internal/bench"

// row is the line of the table of goals that is about this package.
const row = 7

// Goals returns what doubling must reach.
func Goals() []bench.Goal {
	large := []string{"32 MiB", "1 GiB", "4 GiB"} // the first in a quick run
	return []bench.Goal{
		{
			Name: "realloc", Row: row, Experiment: "realloc", Text: "doubling a buffer to 1 GiB and above (32 MiB in a quick run) ≥ 100 × faster than every allocator",
			Rule: bench.FactorAtLeast, Limit: 100, Ours: "slab.Realloc", Cases: large,
		},
		{
			Name: "realloc-peak", Row: row, Experiment: "realloc", Text: "… peak memory ≤ 1.05 × the data, at such lengths",
			Rule: bench.AtMost, Limit: 1.05, Metric: "peak-by-data", Ours: "slab.Realloc", Cases: large,
		},
	}
}
