package bolt

import "github.com/growarena/growarena/benchmarks/internal/bench"

// goalRow is the line of the table of goals that is about this package.
const goalRow = 15

// Goals returns the goals of databases that grow.
func Goals() []bench.Goal {
	goals := []bench.Goal{
		{Name: "bolt-update", Experiment: nameHeld, Rule: bench.AtMost, Limit: 50e6, Text: "bbolt's worst Update, growing beside a View held for 2 s (120 ms in a quick run), ≤ 50 ms"},
		{Name: "bolt-view", Experiment: nameHeld, Rule: bench.AtMost, Limit: 50e6, Metric: "view-max-ns", Text: "… the worst View of one key meanwhile"},
		{Name: "bolt-update-durable", Experiment: nameDurable, Rule: bench.AtMost, Limit: 50e6, Text: "… the worst Update, durable"},
		{Name: "bolt-view-durable", Experiment: nameDurable, Rule: bench.AtMost, Limit: 50e6, Metric: "view-max-ns", Text: "… the worst View, durable"},
		{Name: "bolt-update-median", Experiment: nameAlone, Rule: bench.RatioAtMost, Limit: 1.05, Text: "… the median of Updates, when no View stays open, ≤ 1.05 × bbolt"},
		{Name: "bolt-view-median", Experiment: nameAlone, Rule: bench.RatioAtMost, Limit: 1.05, Metric: "view-hot-ns", Text: "… the median of Views, one after the other"},
	}
	for i := range goals {
		goals[i].Row, goals[i].Ours, goals[i].Peers = goalRow, ours, []string{stock}
	}
	return goals
}
