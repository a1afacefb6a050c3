package pins

import (
	"strconv"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// Experiments returns pinning and refreshing by 1 to 1,000 goroutines.
func Experiments(quick bool) []bench.Experiment {
	ops, rounds := 20_000_000, 7
	if quick {
		ops, rounds = 1_000_000, 5
	}
	var cases []bench.Case
	for _, g := range []int{1, 2, 8, 64, 1000} {
		cases = append(cases, bench.Case{Label: strconv.Itoa(g), Goroutines: g, Count: ops})
	}
	base := bench.Experiment{
		Metric: "ns/op", Unit: "ns", Axis: "goroutines", AxisTitle: "goroutines",
		Cases: cases, Rounds: rounds,
	}
	locks := []bench.Contender{
		contender("sync.RWMutex", "", rwmutex),
		contender("xsync.RBMutex", "", rbmutex),
		contender("striped counters", "64 padded counters, chosen by where the stack lies; who takes the bytes away shuts out and waits for all readers", striped),
		{
			Name: "atomic.Pointer", Context: true,
			Note: "no protection but the garbage collector's: nothing outside the Go heap can be given back",
			Run:  run(pointer),
		},
	}
	pins, moves := base, base
	pins.Name, pins.Title = "pin", "Protecting one read: pin and unpin"
	pins.Work = "Each operation protects some bytes against being taken away, reads 8 of them and ends the protection. " +
		"All goroutines read the same bytes; nobody takes them away. " +
		"Time is processor time: wall time, times the processors that are busy, by all operations."
	pins.Contenders = append([]bench.Contender{
		ours("epoch.Pin", "", pin),
		ours("epoch.Local", "one for each goroutine", local),
		ours("arena.Pin", "an arena with Options.Retire", arenaPin),
		ours("arena.LocalGuard", "the same, one for each goroutine", arenaLocal),
	}, locks...)
	moves.Name, moves.Title = "refresh", "Protecting one read after the other: refresh"
	moves.Work = "Each operation makes sure that what is read next is the newest there is and protected, and reads 8 bytes of it. " +
		"A guard is refreshed; a lock or counter, which keeps who changes the bytes waiting, must be released and taken again."
	moves.Contenders = append([]bench.Contender{
		ours("epoch.Refresh", "", refresh),
		ours("arena.Refresh", "an arena with Options.Retire", arenaRefresh),
	}, locks...)
	return []bench.Experiment{pins, moves}
}

// contender returns a peer by that name that reads with p.
func contender(name, note string, p func() (protector, error)) bench.Contender {
	return bench.Contender{Name: name, Note: note, Run: run(p)}
}

// ours is contender for our own.
func ours(name, note string, p func() (protector, error)) bench.Contender {
	c := contender(name, note, p)
	c.Ours = true
	return c
}

// run does the reads of a case with a new protector.
func run(make func() (protector, error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		p, err := make()
		if err != nil {
			return s, err
		}
		d, err := work.Share(c.Goroutines, c.Count, func(_, ops int) error {
			return check(p.read(ops), ops)
		})
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{"ns/op": work.PerOp(d, c.Goroutines, c.Count)}
		return s, p.close()
	}
}
