package rehome

import "github.com/growarena/growarena/benchmarks/internal/bench"

const name = "rehome"

// quickCopy is what is copied in a quick run.
const quickCopy = "128 MiB"

// pageSize is that of the pages that move, but for those of 2 MiB.
const pageSize = 4096

// Goals returns the goals of moving.
func Goals() []bench.Goal {
	big := []string{"512 MiB", "1 GiB", "4 GiB", "8 GiB"} // the first in a quick run
	return []bench.Goal{
		{
			Name: "rehome-time", Row: 2, Experiment: name, Ours: "arena", Cases: big,
			Text: "moving a full buffer to a bigger place ≤ 150 µs per GiB", Rule: bench.AtMost, Limit: 150e3, Unit: "ns",
			Per: func(of bench.Case, v float64) float64 { return v * (1 << 30) / float64(of.Size) },
		},
		{
			Name: "rehome-faults", Row: 2, Experiment: name, Ours: "arena", Cases: big, Metric: "faults",
			Text: "… no page faults to read it there: at most one for 10,000 pages of 4 KiB, which are others' affairs",
			Rule: bench.AtMost, Limit: 1e-4,
			Per: func(of bench.Case, v float64) float64 { return v * pageSize / float64(of.Size) },
		},
		{
			Name: "rehome-copy", Row: 2, Experiment: name, Ours: "arena", Cases: append(big, quickCopy), Peers: []string{"copy"},
			Text: "… ≥ 500 × faster than copying (128 MiB in a quick run)", Rule: bench.FactorAtLeast, Limit: 500,
		},
	}
}
