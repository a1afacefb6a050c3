package rehome

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Experiments returns moves of full windows of 64 MiB to 8 GiB, of 1 GiB if quick.
func Experiments(quick bool) []bench.Experiment {
	e := bench.Experiment{
		Name:  name,
		Title: "Moving a full buffer to a bigger place, and reading all of it there",
		Work: "A buffer whose 4 KiB pages are all in memory and mapped is made to outgrow its place; then each line of the cache is read at the new addresses, in order, by one goroutine. " +
			"Timed are the move and the read; page faults are those of the reading thread. What is checked: each page's stamp, and, where old addresses stay good, that both places show the same bytes.",
		Metric: "move-ns", Unit: "ns",
		Columns:    []string{"read-seconds", "seconds", "faults"},
		Axis:       "size",
		AxisTitle:  "bytes moved",
		Cases:      []bench.Case{{Label: "1 GiB", Size: 1 << 30}},
		Contenders: contenders(),
		Rounds:     3,
		Memory:     bench.Times(3),
	}
	if !quick {
		e.Cases = []bench.Case{
			{Label: "64 MiB", Size: 64 << 20}, {Label: "256 MiB", Size: 256 << 20},
			{Label: "1 GiB", Size: 1 << 30}, {Label: "4 GiB", Size: 4 << 30}, {Label: "8 GiB", Size: 8 << 30},
		}
		e.Rounds = 5
	}
	return []bench.Experiment{e}
}
