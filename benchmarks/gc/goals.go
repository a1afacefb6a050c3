package gc

import "github.com/growarena/growarena/benchmarks/internal/bench"

// row is the line of the table of goals that is about this package.
const row = 11

// Goals returns what collecting beside slab's objects may cost.
func Goals() []bench.Goal {
	goal := func(name, metric, text string) bench.Goal {
		return bench.Goal{
			Name: name, Row: row, Experiment: "gc", Text: text + " with 1 GiB and more live (128 MiB in a quick run): as with an empty heap, within a quarter",
			Rule: bench.RatioAtMost, Limit: 1.25, Metric: metric, Ours: "slab.Cache", Peers: []string{"empty heap"},
			Cases: []string{"128 MiB", "1 GiB", "4 GiB"}, // the first in a quick run
		}
	}
	return []bench.Goal{
		goal("gc-time", "gc-ns", "a collection"),
		goal("gc-cpu", "cpu-ns", "processor time of a collection"),
		goal("gc-pause", "pause-ns", "pauses of a collection"),
	}
}
