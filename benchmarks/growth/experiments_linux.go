package growth

import (
	"slices"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Experiments returns the growth of a buffer to 1 and 4 GiB, to 64 MiB if quick, and
// memory that is touched at random.
func Experiments(quick bool) []bench.Experiment {
	e := bench.Experiment{
		Name:  name,
		Title: "Growing a buffer by 64 KiB writes",
		Work: "A buffer that begins empty takes writes of 64 KiB until it is as long as the case says, and can be read as one slice at any time; " +
			"timed are the writes alone, then every block is checked. Each run has a process of its own, for its peak memory.",
		Metric: "seconds", Unit: "s",
		Columns:      []string{"worst-ns", "p99.9-ns", "peak-rss-bytes", "cpu-seconds", "faults", "syscalls"},
		Axis:         "size",
		AxisTitle:    "final size",
		LatencyTitle: "one write of 64 KiB",
		CurveX:       "bytes written", CurveXMetric: "x-bytes",
		CurveY: "time since the start", CurveYUnit: "seconds",
		Cases:      []bench.Case{{Label: "1 GiB", Size: 1 << 30}, {Label: "4 GiB", Size: 4 << 30}},
		Contenders: slices.Concat(ours(), libraries(), systemCalls()),
		Rounds:     5,
		Child:      true,
		Memory:     bench.Times(2.5),
	}
	cold := e
	cold.Name, cold.Title = coldName, "Growing a buffer with memory that the host has taken back"
	cold.Work = "As growing by 64 KiB writes, after as much memory as the hungriest contender takes was touched, given back, and left free for 10 seconds: " +
		"a host that is told of free memory has taken it by then, and has to find it again."
	cold.Cases, cold.Contenders, cold.Cold = []bench.Case{{Label: "512 MiB", Size: 512 << 20}}, pricing(), 10*time.Second
	warm := cold
	warm.Name, warm.Title, warm.Cold = warmName, "Growing a buffer with memory at hand, in huge pages and in small ones", 0
	warm.Work = "As growing by 64 KiB writes, after as much memory was touched and given back right before."
	if quick {
		e.Cases = []bench.Case{{Label: "64 MiB", Size: 64 << 20}}
		e = e.Only("arena", "wazero-helpers", "mremap", "mremap of a memfd", "reserve+mprotect", mremapHuge, reserveHuge)
	}
	return []bench.Experiment{e, warm, cold, random(quick)}
}
