package stream

import "github.com/growarena/growarena/benchmarks/internal/bench"

// goalRow is the line of the table of goals that is about this package.
const goalRow = 12

// Goals returns the goals of streams and groups.
func Goals() []bench.Goal {
	goals := []bench.Goal{
		{
			Name: "columns-total", Experiment: "stream-columns", Peers: []string{ofChunks}, Limit: 1.1,
			Text: "a table of 8 columns, one writer, four readers: total ≤ 1.1 × heap chunks of 64k rows",
		},
		{
			Name: "columns-total-presized", Experiment: "stream-columns", Peers: []string{presized}, Limit: 1.3,
			Text: "… and ≤ 1.3 × pre-sized slices",
		},
		{
			Name: "columns-worst-write", Experiment: "stream-columns", Metric: "worst-ns", Peers: []string{ofChunks}, Limit: 1,
			Text: "… worst write ≤ that of heap chunks",
		},
		{
			Name: "columns-read", Experiment: "stream-columns", Metric: "read-slowdown", Rule: bench.AtMost, Limit: 2,
			Text: "… 99.9th percentile of reads ≤ 2 × that without a writer",
		},
		{
			Name: "columns-memory", Experiment: "stream-columns", Metric: "peak-rss-bytes", Rule: bench.AtMost, Limit: 1.05,
			Per:  func(of bench.Case, v float64) float64 { return v / float64(of.Size) },
			Text: "… resident memory ≤ 1.05 × data",
		},
		{
			Name: "retention-total", Experiment: "stream-retention", Peers: []string{ofChunks}, Limit: 1.3,
			Text: "… of which a tenth is kept: total ≤ 1.3 × heap chunks",
		},
		{
			Name: "retention-memory", Experiment: "stream-retention", Metric: "peak-rss-bytes", Peers: []string{ofChunks}, Limit: 0.6,
			Text: "… resident memory ≤ 0.6 × heap chunks",
		},
		{
			Name: "append", Experiment: "stream-append", Metric: "p50-ns", Peers: []string{copying}, Limit: 1.5,
			Text: "Append of 200 bytes, one goroutine, where memory is ready: ≤ 1.5 × a copy into a warm array",
		},
		{
			Name: "append-all", Experiment: "stream-append", Peers: []string{copying}, Limit: 1.5,
			Text: "… taking memory and giving it back included",
		},
		{
			Name: "appenders", Experiment: "stream-appenders", Ours: together, Peers: []string{alone}, Rule: bench.FactorAtLeast, Limit: 1.5,
			Text: "… two goroutines: ≥ 1.5 × the throughput of one",
		},
		{
			Name: "http-total", Experiment: "stream-http", Peers: []string{lockedBy}, Limit: 1,
			Text: "256 MiB to 8 followers by HTTP (8 MiB to 4 in a quick run): total ≤ slice and RWMutex",
		},
		{
			Name: "http-memory", Experiment: "stream-http", Metric: "peak-rss-bytes", Peers: []string{lockedBy}, Limit: 1,
			Text: "… resident memory ≤ slice and RWMutex",
		},
	}
	for i := range goals {
		goals[i].Row = goalRow
		if goals[i].Ours == "" {
			goals[i].Ours = ours
		}
	}
	return goals
}
