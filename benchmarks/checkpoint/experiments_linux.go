package checkpoint

import (
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Experiments returns copies of 256 MiB to 8 GiB, of 32 MiB if quick.
func Experiments(quick bool) []bench.Experiment {
	cases := []bench.Case{{Label: "256 MiB", Size: 256 << 20}, {Label: "1 GiB", Size: 1 << 30}, {Label: "8 GiB", Size: 8 << 30}}
	if quick {
		cases = []bench.Case{{Label: "32 MiB", Size: 32 << 20}}
	}
	room := func(of bench.Case) string { return work.NoRoom(of.Size*21/10 + 1<<30) }
	all := []bench.Experiment{
		{
			Name:  pauses,
			Title: "Copying a buffer that is written to all the time",
			Work: "A goroutine writes a byte to random pages of a buffer of 4 KiB pages, 1 % of them a second, each under a lock. The buffer is copied to other memory, as it is at one moment. " +
				"Timed is for how long the writer is stopped. What is checked: the copy is the buffer as it was then.",
			Metric: "pause-ns", Columns: []string{"seconds", "copied-bytes"},
			Cases: cases,
			Contenders: []bench.Contender{
				{Name: "arena", Ours: true, Note: "Arena.Track and Checkpoint, the first one: all of it", Skip: room, Run: checkpoints},
				{Name: "copy", Note: "stop the writer, copy to memory that is there", Skip: room, Run: copied},
				{Name: "fork", Note: "stop the writer, fork a process that has the memory as it was, as Redis does; private memory; the copy is not made", Context: true, Skip: room, Run: forked},
			},
		}, {
			Name:   scans,
			Title:  "Asking which pages were written",
			Work:   "Memory of 4 KiB pages, or of huge ones where there are some, is tracked. Timed are the first look, which finds and protects all (arm), and one when nothing was written since.",
			Metric: "scan-ns", Columns: []string{"arm-ns"},
			Cases: cases,
			Contenders: []bench.Contender{
				{Name: "track", Ours: true, Note: "private memory, 4 KiB pages", Skip: room, Run: scanned(false)},
				{Name: "track, 2 MiB pages", Ours: true, Note: "private memory, huge pages", Skip: room, Run: scanned(true)},
			},
		}, {
			Name:  adopts,
			Title: "Making private memory shared",
			Work: "A goroutine writes to private memory as above. The memory becomes shared, so that a second mapping shows it, and its writer goes on with the pointers it had. " +
				"Timed is for how long the writer is stopped. What is checked: it shows the same bytes as before.",
			Metric: "pause-ns", Columns: []string{"seconds", "copied-bytes"},
			Cases: cases,
			Contenders: []bench.Contender{
				{Name: "Adopt", Ours: true, Note: "Arena.Adopt, 4 KiB pages", Skip: room, Run: adopted(false)},
				{Name: "Adopt, 2 MiB pages", Ours: true, Note: "the same with huge pages", Skip: room, Run: adopted(true)},
				{Name: "copy, map over it", Note: "stop the writer, copy to a memory file, map that over the memory", Skip: room, Run: replaced},
			},
		},
	}
	for i := range all {
		e := &all[i]
		e.Unit, e.Axis, e.AxisTitle, e.Rounds, e.Memory = "ns", "size", "bytes", 5, bench.Times(2.1)
	}
	return all
}
