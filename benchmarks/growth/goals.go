package growth

import "github.com/growarena/growarena/benchmarks/internal/bench"

const name = "growth"

// Goals returns the goals of growing.
func Goals() []bench.Goal {
	return []bench.Goal{
		{
			Name: "grow-total", Row: 1, Experiment: name, Ours: "arena",
			Text: "total ≤ 0.4 × the best peer", Rule: bench.RatioAtMost, Limit: 0.4,
		},
		{
			Name: "grow-worst-write", Row: 1, Experiment: name, Ours: "arena", Metric: "worst-ns",
			Text: "worst write ≤ 1 ms", Rule: bench.AtMost, Limit: 1e6,
		},
		{
			Name: "grow-peak-memory", Row: 1, Experiment: name, Ours: "arena", Metric: "peak-rss-bytes",
			Per:  withoutHeadroom,
			Text: "peak memory ≤ 1.05 × data + headroom", Rule: bench.AtMost, Limit: 1.05,
		},
	}
}

// withoutHeadroom returns how often the data fits into a peak of memory from which
// the headroom is taken: an eighth of the length, at most 256 MiB.
func withoutHeadroom(of bench.Case, peak float64) float64 {
	return (peak - float64(min(of.Size/8, 256<<20))) / float64(of.Size)
}
