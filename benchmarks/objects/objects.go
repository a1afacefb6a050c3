package objects

import (
	"strconv"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Experiments returns the patterns of use, over sizes or goroutines.
func Experiments(quick bool) []bench.Experiment {
	scale, rounds := 10, 7
	if quick {
		scale, rounds = 1, 3
	}
	all := []bench.Experiment{
		{
			Name: "slab-pair", Title: "Taking an object and giving it back",
			Work:  "One goroutine takes an object, writes its first and last word, reads them, and gives it back, again and again.",
			Cases: sizes(1, scale), Contenders: contenders(pairs),
		}, {
			Name: "slab-pair-2", Title: "Taking an object and giving it back, on two goroutines",
			Work: "Two goroutines do so at the same time, with the same allocator. " +
				"Time is wall time, times the processors they keep busy, by all operations: the same as for one goroutine if they do not disturb each other.",
			Cases: sizes(2, scale), Contenders: contenders(pairs),
		}, {
			Name: "slab-batch", Title: "Taking 100 objects and giving them back",
			Work:  "One goroutine takes 100 objects, writes first and last word of each, then reads these of each and gives it back, the oldest first.",
			Cases: sizes(1, scale), Contenders: contenders(batches),
		}, {
			Name: "slab-handover", Title: "Taking objects on one goroutine and giving them back on another",
			Work: "One goroutine takes objects, writes first and last word of each and sends them, 256 at a time; another reads these and gives the objects back. " +
				"Time is wall time, times the processors they keep busy.",
			Cases: sizes(2, scale), Contenders: contenders(handOver),
		}, {
			Name: "slab-churn", Title: "Replacing objects of random sizes",
			Work: "64 MiB are in objects of random sizes from 16 bytes to 31 KiB, as many between any size and its double. " +
				"Again and again one at random is checked, given back and replaced by one of another size, first and last word of which are written. " +
				"Goroutines have their own objects, of 64 MiB in all. Time is wall time, times the processors they keep busy; " +
				"peak memory is that of the process beyond what it began with.",
			Cases: churns(scale), Contenders: contenders(churn), Columns: []string{"peak-rss-bytes"}, Child: true,
			Axis: "goroutines", AxisTitle: "goroutines",
		},
	}
	for i := range all {
		e := &all[i]
		e.Metric, e.Unit, e.Rounds = "ns/op", "ns", rounds
		if e.Axis == "" {
			e.Axis, e.AxisTitle = "size", "size of an object"
		}
	}
	return all
}

// sizes returns the cases of objects of one size each, with fewer operations on
// larger ones.
func sizes(goroutines, scale int) []bench.Case {
	all := []bench.Case{
		{Label: "16 B", Size: 16, Count: 500_000},
		{Label: "64 B", Size: 64, Count: 500_000},
		{Label: "256 B", Size: 256, Count: 300_000},
		{Label: "1 KiB", Size: 1 << 10, Count: 200_000},
		{Label: "4 KiB", Size: 4 << 10, Count: 80_000},
		{Label: "32 KiB", Size: 32 << 10, Count: 20_000},
	}
	for i := range all {
		all[i].Goroutines = goroutines
		all[i].Count *= scale
	}
	return all
}

// churns returns the cases of churn.
func churns(scale int) (all []bench.Case) {
	for _, g := range []int{1, 2} {
		all = append(all, bench.Case{Label: strconv.Itoa(g), Size: 64 << 20, Goroutines: g, Count: scale * 300_000})
	}
	return all
}

// contenders returns everybody objects can be taken from, used by a pattern.
func contenders(p pattern) []bench.Contender {
	return []bench.Contender{
		{Name: "slab.Local", Ours: true, Note: "a handle for each goroutine", Run: run(p, local)},
		{Name: "slab.Allocator", Ours: true, Note: "shared by all goroutines", Run: run(p, allocator)},
		{Name: "make", Note: "freed by the garbage collector", Run: run(p, heap)},
		{Name: "sync.Pool", Note: "of slices, one pool for each power of two", Run: run(p, pool)},
		{Name: "modernc.org/memory", Note: "behind a mutex where there are two goroutines", Run: run(p, modernc)},
		{Name: "z.Calloc", Note: "ristretto v2, without jemalloc, which needs cgo: then it is make", Run: run(p, calloc)},
		{Name: "C malloc", Context: true, Cannot: "it needs cgo, which this comparison is without"},
	}
}

// run uses a new target for a case.
func run(p pattern, open func(goroutines int) target) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		t := open(c.Goroutines)
		d, err := p(t, c)
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{"ns/op": work.PerOp(d, c.Goroutines, c.Count)}
		return s, t.close()
	}
}
