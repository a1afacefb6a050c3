package gc

import (
	"runtime"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Experiments returns collections beside objects of up to 4 GiB.
func Experiments(quick bool) []bench.Experiment {
	cases := []bench.Case{{Label: "64 MiB", Size: 64 << 20}, {Label: "1 GiB", Size: 1 << 30}, {Label: "4 GiB", Size: 4 << 30}}
	rounds := 5
	if quick {
		cases = []bench.Case{{Label: "128 MiB", Size: 128 << 20}}
	}
	e := bench.Experiment{
		Name: "gc", Title: "A garbage collection beside very many objects",
		Work: "So many bytes are in objects of 64 bytes, each allocated by itself and referred to from a table. " +
			"Measured is runtime.GC, the median of 9 calls or, where it takes less than 50 ms, of up to 101; what the collector used of the processors, how long the world was stopped, and how much of the heap had to be scanned. " +
			"The empty heap has the table, but no objects. All objects are checked afterwards.",
		Metric: "gc-ns", Unit: "ns", Columns: []string{"cpu-ns", "pause-ns", "scanned-bytes", "fill-seconds"},
		Axis: "size", AxisTitle: "bytes in objects", Cases: cases, Rounds: rounds, Child: true, Memory: bench.Times(2),
		Contenders: []bench.Contender{
			{Name: "slab.Cache", Ours: true, Note: "the table is of slab.Ref", Skip: takes(1.3), Run: run(inSlab)},
			{Name: "Go heap", Skip: takes(1.5), Run: run(inHeap)},
			{Name: "slab, pointers", Ours: true, Note: "the table is of pointers: the objects cost nothing, but it is scanned", Skip: takes(1.3), Run: run(inSlabByPointer)},
			{Name: "modernc.org/memory", Note: "the table is of uintptr", Skip: takes(1.3), Run: run(inModernc)},
			{Name: "empty heap", Context: true, Note: "the table alone", Run: run(none)},
		},
	}
	if quick {
		e = e.Only("slab.Cache", "empty heap")
	}
	return []bench.Experiment{e}
}

// takes returns a Skip for a store that takes so many times the memory of its
// objects.
func takes(times float64) func(bench.Case) string {
	return func(c bench.Case) string { return work.NoRoom(int64(times * float64(c.Size))) }
}

// run collects beside the objects of a case.
func run(open func(n int) store) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		o := open(int(c.Size / size))
		took, err := timed(o.fill)
		if err != nil {
			return s, err
		}
		s.Values = collect().values()
		s.Values["fill-seconds"] = took.Seconds()
		if err := o.check(); err != nil {
			return s, err
		}
		runtime.KeepAlive(o)
		return s, o.close()
	}
}
