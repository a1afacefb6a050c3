package rehome

import "github.com/growarena/growarena/benchmarks/internal/bench"

const name = "rehome"

// What a quick run has: what is copied, and what only moves, since copying it takes seconds.
const (
	quickCopy = "32 MiB"
	quickMove = "1 GiB, each 64th page"
)

// pageSize is that of the pages that move, but for those of 2 MiB.
const pageSize = 4096

// stride is of how many pages one is written and read: 1 unless the case says more.
func stride(of bench.Case) int { return max(1, of.Count) }

// Goals returns the goals of moving.
func Goals() []bench.Goal {
	big := []string{"1 GiB", "4 GiB", "8 GiB"}
	moved := append([]string{quickMove}, big...)
	return []bench.Goal{
		{
			Name: "rehome-time", Row: 2, Experiment: name, Ours: "arena", Cases: moved,
			Text: "moving a full buffer to a bigger place ≤ 150 µs per GiB", Rule: bench.AtMost, Limit: 150e3, Unit: "ns",
			Per: func(of bench.Case, v float64) float64 { return v * (1 << 30) / float64(of.Size) },
		},
		{
			Name: "rehome-faults", Row: 2, Experiment: name, Ours: "arena", Cases: moved, Metric: "faults",
			Text: "… no page faults to read it there: at most one for 10,000 pages of 4 KiB, which are others' affairs",
			Rule: bench.AtMost, Limit: 1e-4,
			Per: func(of bench.Case, v float64) float64 { return v * pageSize * float64(stride(of)) / float64(of.Size) },
		},
		{
			Name: "rehome-copy", Row: 2, Experiment: name, Ours: "arena", Cases: append(big, quickCopy), Peers: []string{"copy"},
			Text: "… ≥ 500 × faster than copying (32 MiB in a quick run)", Rule: bench.FactorAtLeast, Limit: 500,
		},
	}
}
