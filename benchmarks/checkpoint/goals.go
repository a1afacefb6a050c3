package checkpoint

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Names of the experiments.
const (
	pauses = "checkpoint"
	scans  = "checkpoint-scan"
	adopts = "checkpoint-adopt"
)

// pageSize is that of the pages that are written.
const pageSize = 4096

// goalRow is the line of the table of goals that is about this package.
const goalRow = 16

// perGiB returns v for each GiB of a case.
func perGiB(of bench.Case, v float64) float64 { return v * (1 << 30) / float64(of.Size) }

// Goals returns the goals of checkpoints.
func Goals() []bench.Goal {
	return []bench.Goal{
		{
			Name: "checkpoint-pause", Row: goalRow, Experiment: pauses, Ours: "arena",
			Text: "a checkpoint of a buffer of which 1 % a second is written stops the writers ≤ 5 ms, also of 8 GiB", Rule: bench.AtMost, Limit: 5e6, Unit: "ns",
		}, {
			Name: "checkpoint-arm", Row: goalRow, Experiment: scans, Ours: "track", Metric: "arm-ns", Per: perGiB,
			Text: "… the first look at 4 KiB pages ≤ 15 ms per GiB", Rule: bench.AtMost, Limit: 15e6, Unit: "ns",
		}, {
			Name: "checkpoint-scan", Row: goalRow, Experiment: scans, Ours: "track", Per: perGiB,
			Text: "… one where nothing was written ≤ 1 ms per GiB", Rule: bench.AtMost, Limit: 1e6, Unit: "ns",
		}, {
			Name: "checkpoint-adopt", Row: goalRow, Experiment: adopts, Ours: "Adopt", Per: perGiB,
			Text: "private memory becomes an arena's in place: its users stop ≤ 8 ms per GiB of 4 KiB pages, 1 % a second written", Rule: bench.AtMost, Limit: 8e6, Unit: "ns",
		}, {
			Name: "checkpoint-adopt-huge", Row: goalRow, Experiment: adopts, Ours: "Adopt, 2 MiB pages", Per: perGiB,
			Text: "… ≤ 1 ms per GiB of huge pages", Rule: bench.AtMost, Limit: 1e6, Unit: "ns",
		},
	}
}
