package readers

import "github.com/growarena/growarena/benchmarks/internal/bench"

const name = "readers"

// Goals returns the goals of readers. That nobody blocks shows in the longest read:
// it is held against that beside a writer that does not grow anything.
func Goals() []bench.Goal {
	return []bench.Goal{
		{
			Name: "readers-median", Row: 3, Experiment: name, Ours: "arena", Metric: "p50-ns",
			Peers: []string{"RWMutex, mremap", "RWMutex, mremap by 1 MiB"},
			Text:  "reading 64 bytes of a growing buffer: median ≤ that of RWMutex around mremap", Rule: bench.RatioAtMost, Limit: 1,
		},
		{
			Name: "readers-max", Row: 3, Experiment: name, Ours: "arena",
			Peers: []string{"nothing grows"},
			Text:  "… longest read ≤ 2 × that beside a writer that grows nothing: bounded by the scheduler", Rule: bench.RatioAtMost, Limit: 2,
		},
		{
			Name: "readers-flat", Row: 3, Experiment: name, Ours: "arena", Metric: "p99.9-ns",
			Text: "… 99.9th percentile not bounded by size: grows with it to a power ≤ 0.1", Rule: bench.FlatAtMost, Limit: 0.1,
		},
	}
}
