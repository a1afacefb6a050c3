package realloc

import (
	"runtime"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// first is how long a buffer is before it is doubled.
const first = 1 << 20

// Experiments returns doubling to several lengths.
func Experiments(quick bool) []bench.Experiment {
	cases := []bench.Case{{Label: "128 MiB", Size: 128 << 20}, {Label: "1 GiB", Size: 1 << 30}, {Label: "4 GiB", Size: 4 << 30}}
	rounds := 5
	if quick {
		cases = []bench.Case{{Label: "32 MiB", Size: 32 << 20}}
	}
	e := bench.Experiment{
		Name: "realloc", Title: "Doubling a buffer",
		Work: "A buffer of 1 MiB is doubled until it is as long as the case says. Every page is written before the next doubling, and all are checked at the end. " +
			"The time is that of the call that doubles for the last time; total-seconds is all of it, the writing included. " +
			"Peak memory is that of the process beyond what it began with, by the length of the buffer.",
		Metric: "realloc-seconds", Unit: "s", Columns: []string{"total-seconds", "peak-by-data"},
		Axis: "size", AxisTitle: "length", Cases: cases, Rounds: rounds, Child: true, Memory: bench.Times(3),
		CurveX: "length after doubling", CurveY: "time of the doubling",
		CurveXMetric: "length-bytes", CurveYUnit: "realloc-seconds",
		Contenders: []bench.Contender{
			{Name: "slab.Realloc", Ours: true, Skip: takes(1.1), Run: run(ours)},
			{Name: "append", Skip: takes(2.5), Run: run(appended)},
			{Name: "arrow GoAllocator", Note: "make and copy", Skip: takes(2.1), Run: run(arrow)},
			{Name: "modernc.org/memory", Skip: takes(3.1), Run: run(offHeap)},
			{
				Name: "mremap", Context: true, Skip: takes(1.1), Run: run(mremap),
				Note: "the bare system call, on a mapping for each buffer: no allocator, and nobody else may look at the buffer meanwhile",
			},
		},
	}
	if quick {
		e = e.Only("slab.Realloc", "arrow GoAllocator", "modernc.org/memory")
	}
	return []bench.Experiment{e}
}

// takes returns a Skip for a contender that takes so many times the memory of the
// buffer.
func takes(times float64) func(bench.Case) string {
	return func(c bench.Case) string { return work.NoRoom(int64(times * float64(c.Size))) }
}

// run doubles a buffer until it is as long as a case says.
func run(open func() allocator) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		runtime.GC()
		before := bench.RSS()
		resetPeak()
		a := open()
		begin := time.Now()
		b, err := a.grow(nil, min(first, int(c.Size)))
		if err != nil {
			return s, err
		}
		work.MarkPages(b, 0)
		var last time.Duration
		for n := len(b); n < int(c.Size); n *= 2 {
			start := time.Now()
			b, err = a.grow(b, 2*n)
			last = time.Since(start)
			if err != nil {
				return s, err
			}
			s.Curve = append(s.Curve, bench.Point{X: float64(2 * n), Y: last.Seconds()})
			work.MarkPages(b, n)
		}
		total, peak := time.Since(begin), bench.PeakRSS()-before
		if err := work.CheckPages(b); err != nil {
			return s, err
		}
		s.Values = map[string]float64{
			"realloc-seconds": last.Seconds(),
			"total-seconds":   total.Seconds(),
			"peak-by-data":    float64(peak) / float64(c.Size),
		}
		if err := a.free(b); err != nil {
			return s, err
		}
		return s, a.done()
	}
}
