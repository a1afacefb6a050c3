package readers

import (
	"fmt"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// Experiments returns reads beside growth: by one and more readers to 256 MiB, and
// to larger sizes, up to 4 GiB unless quick, by one.
func Experiments(quick bool) []bench.Experiment {
	e := bench.Experiment{
		Name:  name,
		Title: "Reading while the buffer grows",
		Work: "One goroutine appends blocks of 64 KiB to a buffer of 64 KiB until it holds the final size; meanwhile readers copy 64 bytes from random places of what has been written, and check them. " +
			"Timed is each read, with all it takes to be sure of the address (and two looks at the clock).",
		Metric: "max-ns", Unit: "ns",
		Columns:      []string{"p50-ns", "p99.9-ns", "write-seconds", "cpu-seconds", "reads"},
		Axis:         "size",
		AxisTitle:    "final size",
		LatencyTitle: "one read of 64 bytes",
		Contenders:   contenders(),
		Rounds:       5,
		Memory:       bench.Times(3),
	}
	wide := e
	wide.Name, wide.Title = name+"-many", "Many readers while the buffer grows"
	wide.Axis, wide.AxisTitle = "goroutines", "readers"
	wide.Rounds = 3
	sizes, goroutines := []int64{8 << 20, 16 << 20, 32 << 20}, []int{1, 8}
	if !quick {
		sizes, goroutines = []int64{16 << 20, 64 << 20, 256 << 20, 1 << 30, 4 << 30}, []int{1, 4, 16, 64, 256}
	} else {
		e = e.Only("arena", "RWMutex, mremap", "RWMutex, mremap by 1 MiB", "nothing grows")
	}
	for _, size := range sizes {
		label := fmt.Sprintf("%d MiB", size>>20)
		if size >= 1<<30 {
			label = fmt.Sprintf("%d GiB", size>>30)
		}
		e.Cases = append(e.Cases, bench.Case{Label: label, Size: size, Goroutines: 1})
	}
	for _, g := range goroutines {
		wide.Cases = append(wide.Cases, bench.Case{Label: fmt.Sprintf("%d readers", g), Size: 64 << 20, Goroutines: g})
	}
	return []bench.Experiment{e, wide}
}
