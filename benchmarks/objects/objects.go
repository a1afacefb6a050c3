package objects

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Experiments returns the patterns of use, over sizes or goroutines.
func Experiments(quick bool) []bench.Experiment {
	if !quick {
		return experiments(200*time.Millisecond, 7, 64<<20)
	}
	all := experiments(10*time.Millisecond, 5, 8<<20)
	for i, e := range all {
		e.Memory = bench.Fixed(64 << 20)
		all[i] = e.Only("slab.Local", "make", "sync.Pool", "modernc.org/memory")
		all[i].Cases = slices.DeleteFunc(e.Cases, func(c bench.Case) bool { return c.Label == "1 KiB" })
	}
	return all
}

// experiments returns them with a least time for a sample, and so many bytes to churn.
func experiments(least time.Duration, rounds int, live int64) []bench.Experiment {
	all := []bench.Experiment{
		{
			Name: "slab-pair", Title: "Taking an object and giving it back",
			Work:  "One goroutine takes an object, writes its first and last word, reads them, and gives it back, again and again.",
			Cases: sizes(1), Contenders: contenders(pairs, least),
		}, {
			Name: "slab-pair-2", Title: "Taking an object and giving it back, on two goroutines",
			Work: "Two goroutines do so at the same time, with the same allocator. " +
				"Time is wall time, times the processors they keep busy, by all operations: the same as for one goroutine if they do not disturb each other.",
			Cases: sizes(2), Contenders: contenders(pairs, least),
		}, {
			Name: "slab-batch", Title: "Taking 100 objects and giving them back",
			Work:  "One goroutine takes 100 objects, writes first and last word of each, then reads these of each and gives it back, the oldest first.",
			Cases: sizes(1), Contenders: contenders(batches, least),
		}, {
			Name: "slab-handover", Title: "Taking objects on one goroutine and giving them back on another",
			Work: "One goroutine takes objects, writes first and last word of each and sends them, 256 at a time; another reads these and gives the objects back. " +
				"Time is wall time, times the processors they keep busy.",
			Cases: sizes(2), Contenders: contenders(handOver, least),
		}, {
			Name: "slab-churn", Title: "Replacing objects of random sizes",
			Work: fmt.Sprintf("%d MiB are in objects of random sizes from 16 bytes to 31 KiB, as many between any size and its double. "+
				"Again and again one at random is checked, given back and replaced by one of another size, first and last word of which are written. "+
				"Goroutines have their own objects, of as much in all. Time is wall time, times the processors they keep busy; "+
				"peak memory is that of the process beyond what it began with.", live>>20),
			Cases: churns(live), Contenders: contenders(churn, least), Columns: []string{"peak-rss-bytes"}, Child: true,
			Axis: "goroutines", AxisTitle: "goroutines",
		},
	}
	// Without jemalloc it is make, which need not be shown twice everywhere.
	all[0].Contenders = append(all[0].Contenders, bench.Contender{
		Name: "z.Calloc", Note: "ristretto v2, without jemalloc, which needs cgo", Run: run(pairs, least, calloc),
	})
	for i := range all {
		e := &all[i]
		e.Metric, e.Unit, e.Rounds = "ns/op", "ns", rounds
		e.Memory = bench.Fixed(256 << 20)
		if e.Axis == "" {
			e.Axis, e.AxisTitle = "size", "size of an object"
		}
	}
	return all
}

// warm is how many bytes are allocated before anything counts: enough for the Go
// heap to have collected garbage, and its memory from the system.
const warm = 16 << 20

// sizes returns the cases of objects of one size each. Count is how many are taken
// before what counts, and the least that counts.
func sizes(goroutines int) []bench.Case {
	all := []bench.Case{
		{Label: "16 B", Size: 16},
		{Label: "64 B", Size: 64},
		{Label: "256 B", Size: 256},
		{Label: "1 KiB", Size: 1 << 10},
		{Label: "4 KiB", Size: 4 << 10},
		{Label: "32 KiB", Size: 32 << 10},
	}
	for i := range all {
		all[i].Goroutines = goroutines
		all[i].Count = max(1000, int(warm/all[i].Size))
	}
	return all
}

// churns returns the cases of churn, likewise.
func churns(live int64) (all []bench.Case) {
	for _, g := range []int{1, 2} {
		all = append(all, bench.Case{Label: strconv.Itoa(g), Size: live, Goroutines: g, Count: 40_000})
	}
	return all
}

// contenders returns everybody objects can be taken from, used by a pattern.
func contenders(p pattern, least time.Duration) []bench.Contender {
	return []bench.Contender{
		{Name: "slab.Local", Ours: true, Note: "a handle for each goroutine", Run: run(p, least, local)},
		{Name: "slab.Allocator", Ours: true, Note: "shared by all goroutines", Run: run(p, least, allocator)},
		{Name: "make", Note: "freed by the garbage collector", Run: run(p, least, heap)},
		{Name: "sync.Pool", Note: "of slices, one pool for each power of two", Run: run(p, least, pool)},
		{Name: "modernc.org/memory", Note: "behind a mutex where there are two goroutines", Run: run(p, least, modernc)},
		{Name: "C malloc", Context: true, Cannot: "it needs cgo, which this comparison is without"},
	}
}

// run uses a new target for a case, for about as long as least.
func run(p pattern, least time.Duration, open func(goroutines int) target) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		t := open(c.Goroutines)
		d, n, err := p(t, c, least)
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{"ns/op": work.PerOp(d, c.Goroutines, n)}
		return s, t.close()
	}
}
