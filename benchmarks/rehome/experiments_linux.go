package rehome

import "github.com/growarena/growarena/benchmarks/internal/bench"

// Experiments returns moves of full windows of 128 MiB to 8 GiB, of 1 GiB if quick,
// beside copying 32 MiB.
func Experiments(quick bool) []bench.Experiment {
	e := bench.Experiment{
		Name:  name,
		Title: "Moving a full buffer to a bigger place, and reading all of it there",
		Work: "A buffer whose 4 KiB pages are all in memory and mapped is made to outgrow its place; then each line of the cache is read at the new addresses, in order, by one goroutine (in a quick run those of every 64th page). " +
			"Timed are the move and the read; page faults are those of the reading thread. What is checked: each page's stamp, and, where old addresses stay good, that both places show the same bytes.",
		Metric: "move-ns", Unit: "ns",
		Columns:    []string{"read-seconds", "seconds", "faults"},
		Axis:       "size",
		AxisTitle:  "bytes moved",
		Contenders: contenders(),
		Rounds:     5,
		Memory:     bench.Times(3),
	}
	e.Cases = []bench.Case{
		{Label: "128 MiB", Size: 128 << 20}, {Label: "512 MiB", Size: 512 << 20},
		{Label: "1 GiB", Size: 1 << 30}, {Label: "4 GiB", Size: 4 << 30}, {Label: "8 GiB", Size: 8 << 30},
	}
	if quick {
		e.Cases = []bench.Case{{Label: quickCopy, Size: 32 << 20}, {Label: quickMove, Size: 1 << 30, Count: 64}}
		e.Memory = bench.Times(1.05)
		e = e.Only("arena", "copy")
		e.Contenders[1].Skip = func(of bench.Case) string {
			if of.Label != quickCopy {
				return "seconds, where a page fault is dear: not in a quick run"
			}
			return ""
		}
	}
	return []bench.Experiment{e}
}
