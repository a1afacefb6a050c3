package alloc

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// batch is how many objects are in use together, at most: 16 MiB of them.
const batch = 1 << 18

// Experiments returns handing out objects in memory that is used again and again,
// and in memory that comes from the system.
func Experiments(quick bool) []bench.Experiment {
	batches, fresh, rounds := 80, 8, 7
	if quick {
		batches, fresh, rounds = 2, 2, 5
	}
	e := again(batches, rounds)
	if quick {
		e = e.Only("arena.Alloc", "arena.Local", "make")
	}
	return []bench.Experiment{e, anew(fresh, rounds)}
}

// cases returns the cases of so many batches.
func cases(batches int) (all []bench.Case) {
	for _, g := range goroutines() {
		all = append(all, bench.Case{Label: strconv.Itoa(g), Goroutines: g, Count: batches * batch})
	}
	return all
}

// again returns the experiment in memory that was used before.
func again(batches, rounds int) bench.Experiment {
	return bench.Experiment{
		Name: "alloc", Title: "Allocating 64 bytes at a time, freeing all at once",
		Work: "262,144 objects of 64 zeroed bytes are made, referred to from a table, and the first and the last word of each is written; " +
			"then all are given up, by resetting an arena, or by dropping the references to what the garbage collector frees. " +
			"That again and again, in the memory that is there from the first time, which is not counted. All objects are checked before they are given up. " +
			"Time is wall time, times the processors that the goroutines keep busy; cpu-ns/op is what the whole process used, garbage collection included.",
		Metric: "ns/op", Unit: "ns", Columns: []string{"cpu-ns/op"},
		Axis: "goroutines", AxisTitle: "goroutines", Cases: cases(batches), Rounds: rounds,
		Contenders: contenders(false),
	}
}

// anew returns the experiment in memory that comes from the system.
func anew(batches, rounds int) bench.Experiment {
	e := again(batches, rounds)
	e.Name, e.Title = "alloc-fresh", "Allocating 64 bytes at a time, in new memory"
	e.Work = "The same 262,144 objects, but in an arena that is made for them and freed with them: all memory comes from the system, and goes back. " +
		"The Go heap is made to give its memory back in between, outside of the time. Making and freeing arenas is counted."
	e.Contenders = contenders(true)
	e.Memory = bench.Fixed(256 << 20)
	return e
}

// goroutines returns the numbers of goroutines that are compared.
func goroutines() []int {
	n := max(2, runtime.GOMAXPROCS(0))
	return []int{1, n, 4 * n}
}

// contenders returns everybody who hands out memory that is given up together.
func contenders(fresh bool) []bench.Contender {
	return []bench.Contender{
		{Name: "arena.Alloc", Ours: true, Note: "one arena for all goroutines", Run: run(arenaAlloc, fresh)},
		{Name: "arena.Local", Ours: true, Note: "one arena, and a handle on it for each goroutine, which takes blocks of up to 64 KiB", Run: run(arenaLocal, fresh)},
		{Name: "arena.New", Ours: true, Note: "one arena for all goroutines", Run: run(arenaNew, fresh)},
		{Name: "make", Run: run(heap, fresh)},
		{Name: "Go arenas", Build: &bench.Build{Name: "arenas", Env: []string{"GOEXPERIMENT=arenas"}}, Note: "one for each goroutine, as two must not share one", Run: goArena(fresh)},
		{Name: "monotonic", Note: "buffers of 1 MiB on the Go heap, handed out piece by piece as in the library nuke; behind a mutex for several goroutines, as there", Run: run(monotonic, fresh)},
		{Name: "z.Allocator", Note: "ristretto v2; its objects are cleared here, which it leaves out", Run: run(zAllocator, fresh)},
		{Name: "mm-go", Cannot: "it needs cgo: its memory is C's"},
	}
}

// run makes the objects of a case, batch by batch.
func run(open func(workers, count int) (allocator, error), fresh bool) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		n := min(batch, c.Count)
		table := make([]*object, n)
		var a allocator
		var wall time.Duration
		var cpu float64
		rounds := c.Count / n
		if !fresh {
			if a, err = open(c.Goroutines, n); err != nil {
				return s, err
			}
			rounds++ // the first is not counted
		}
		for round := range rounds {
			if fresh {
				debug.FreeOSMemory()
			}
			begin, used := time.Now(), bench.CPUTime()
			if fresh {
				if a, err = open(c.Goroutines, n); err != nil {
					return s, err
				}
			}
			_, err = work.Share(c.Goroutines, n, func(worker, ops int) error {
				at := worker * n / c.Goroutines
				return a.fill(worker, table[at:at+ops], uint64(round+at))
			})
			filled, usedToFill := time.Since(begin), bench.CPUTime()-used
			if err != nil {
				return s, err
			}
			if err := check(table, uint64(round)); err != nil {
				return s, err
			}
			clear(table)
			begin, used = time.Now(), bench.CPUTime()
			giveUp := a.reset
			if fresh {
				giveUp = a.close
			}
			if err := giveUp(); err != nil {
				return s, err
			}
			if fresh || round > 0 {
				wall += filled + time.Since(begin)
				cpu += usedToFill + bench.CPUTime() - used
			}
		}
		ops := c.Count / n * n
		s.Values = map[string]float64{
			"ns/op":     work.PerOp(wall, c.Goroutines, ops),
			"cpu-ns/op": cpu * 1e9 / float64(ops),
		}
		if !fresh {
			err = a.close()
		}
		return s, err
	}
}

// check returns an error unless every object is as it was marked.
func check(table []*object, first uint64) error {
	for i, o := range table {
		if err := work.Check(o[:], first+uint64(i)); err != nil {
			return fmt.Errorf("object %d: %w", i, err)
		}
	}
	return nil
}
