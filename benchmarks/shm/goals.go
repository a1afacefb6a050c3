package shm

import "github.com/growarena/growarena/benchmarks/internal/bench"

// The experiments.
const (
	nameWaiting    = "shm-wait"
	namePolling    = "shm-poll"
	namePublish    = "shm-publish"
	nameRehome     = "shm-rehome"
	nameGrow       = "shm-grow"
	nameDeath      = "shm-death"
	nameThroughput = "shm-followers"
)

// Contenders that goals name.
const (
	waiting   = "shm, waiting"
	polling   = "shm, polling"
	premapped = "premapped memfd, polling"
	mine      = "shm"
	bare      = "shm, unsealed"
)

// goalRow is the line of the table of goals that is about this package.
const goalRow = 14

// Goals returns the goals of buffers that processes share.
func Goals() []bench.Goal {
	perGiB := func(of bench.Case, v float64) float64 { return v * (1 << 30) / float64(of.Size) }
	goals := []bench.Goal{
		{Name: "shm-wait-p50", Experiment: nameWaiting, Ours: waiting, Limit: 60e3, Text: "a follower that sleeps sees what is stored after ≤ 60 µs (median)"},
		{Name: "shm-wait-p99", Experiment: nameWaiting, Ours: waiting, Limit: 1e6, Metric: "p99-ns", Text: "… ≤ 1 ms (99th percentile)"},
		{Name: "shm-poll-p50", Experiment: namePolling, Ours: polling, Limit: 1e3, Text: "… and one that polls after ≤ 1 µs"},
		{
			Name: "shm-poll-premapped", Experiment: namePolling, Ours: polling, Peers: []string{premapped}, Rule: bench.RatioAtMost, Limit: 1.5,
			Text: "… ≤ 1.5 × a memory file that is mapped beforehand up to a fixed maximum",
		},
		{Name: "shm-publish", Experiment: namePublish, Ours: mine, Limit: 20, Text: "Publish with nobody waiting ≤ 20 ns"},
		{Name: "shm-rehome-writer", Experiment: nameRehome, Ours: mine, Limit: 150e3, Per: perGiB, Unit: "ns", Text: "outgrowing a window: the writer ≤ 150 µs per GiB"},
		{Name: "shm-rehome-follower", Experiment: nameRehome, Ours: mine, Metric: "follower-ns", Limit: 150e3, Per: perGiB, Unit: "ns", Text: "… each follower ≤ 150 µs per GiB"},
		{Name: "shm-sealed", Experiment: nameGrow, Ours: mine, Peers: []string{bare}, Rule: bench.RatioAtMost, Limit: 1.2, Text: "growing with seals ≤ 1.2 × without"},
		{Name: "shm-death", Experiment: nameDeath, Ours: mine, Limit: 5e6, Text: "the death of a writer is noticed within 5 ms, each time"},
	}
	for i := range goals {
		goals[i].Row = goalRow
		if goals[i].Peers == nil {
			goals[i].Rule = bench.AtMost
		}
	}
	return goals
}
