package windows

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Lines of the table of goals that are about this package.
const (
	rowLife   = 8
	rowGrowth = 9
)

// Goals returns what windows must reach.
func Goals() []bench.Goal {
	return []bench.Goal{
		{
			Name: "window", Row: rowLife, Experiment: "window", Text: "reserving and releasing a window ≤ 1.5 × the bare calls",
			Rule: bench.RatioAtMost, Limit: 1.5, Ours: "addrspace", Peers: []string{bareRoomy},
		},
		{
			Name: "window-compact", Row: rowLife, Experiment: "window", Text: "… a compact one",
			Rule: bench.RatioAtMost, Limit: 1.5, Ours: "addrspace, compact", Peers: []string{bareCompact},
		},
		{
			Name: "window-recycled", Row: rowLife, Experiment: "window", Text: "… a recycled one ≤ 0.3 × the bare calls",
			Rule: bench.RatioAtMost, Limit: 0.3, Ours: "addrspace, recycled", Peers: []string{bareRoomy},
		},
		{
			Name: "window-flat", Row: rowLife, Experiment: "window", Text: "… flat from 1,000 to 60,000 live windows (10,000 in a quick run): exponent ≤ 0.1",
			Rule: bench.FlatAtMost, Limit: 0.1, Ours: "addrspace",
		},
		{
			Name: "neighbours-64", Row: rowGrowth, Experiment: "neighbours", Text: "65,536 windows growing in place 2 → 64 MiB: ≤ 0.1 % of the windows hit a neighbour",
			Rule: bench.AtMost, Limit: 0.1, Ours: "addrspace", Exact: true, Cases: []string{"64 MiB"},
		},
		{
			Name: "neighbours-256", Row: rowGrowth, Experiment: "neighbours", Text: "… 2 → 256 MiB: ≤ 1 % of the windows hit a neighbour",
			Rule: bench.AtMost, Limit: 1, Ours: "addrspace", Exact: true, Cases: []string{"256 MiB"},
		},
	}
}
