package windows

import (
	"fmt"
	"strconv"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/internal/sys"
)

// spare is how many mappings are left to the rest of the process.
const spare = 5000

// Experiments returns the life of a window, and its growth.
func Experiments(quick bool) []bench.Experiment {
	if quick {
		life := lives(1000, 5, 0, 1000, 10_000)
		return []bench.Experiment{life.Only("addrspace", "addrspace, compact", "addrspace, recycled", bareRoomy, bareCompact), growth(1).Only("addrspace", "random hints")}
	}
	return []bench.Experiment{lives(20_000, 7, 0, 1000, 5000, 20_000, 60_000), growth(5)}
}

// lives returns reserving and releasing beside so many windows.
func lives(ops, rounds int, live ...int) bench.Experiment {
	var cases []bench.Case
	for _, n := range live {
		label := strconv.Itoa(n)
		if n >= 1000 {
			label = label[:len(label)-3] + "," + label[len(label)-3:]
		}
		cases = append(cases, bench.Case{Label: label, Count: n})
	}
	const base = "bare calls, where a Space put "
	contender := func(name, note string, l life, ours bool) bench.Contender {
		return bench.Contender{Name: name, Note: note, Ours: ours, Skip: tooMany, Run: l.run(ops)}
	}
	return bench.Experiment{
		Name: "window", Title: "Reserving and releasing a window",
		Work: "A window of 2 MiB is reserved and released, again and again, while so many others live. The bare calls are " +
			"mmap (PROT_NONE, MAP_FIXED_NOREPLACE) and munmap, at the very places where a Space has put the same windows before.",
		Metric: "ns/op", Unit: "ns", Axis: "count", AxisTitle: "live windows", Rounds: rounds,
		Cases: cases,
		Contenders: []bench.Contender{
			contender("addrspace", "placed with room to grow", ours(false, false), true),
			contender("addrspace, compact", "placed near each other", ours(true, false), true),
			contender("addrspace, recycled", "released windows are kept and handed out again", ours(false, true), true),
			contender(bareRoomy, base+"windows with room to grow", replay(false), false),
			contender(bareCompact, base+"compact windows", replay(true), false),
			contender("bare calls, kernel's choice", "places are the kernel's choice: side by side, in one mapping", kernel, false),
		},
	}
}

// Names of contenders that goals are held against.
const (
	bareRoomy   = "bare calls"
	bareCompact = "bare calls, compact"
)

// tooMany says why a case's windows cannot live, "" if they can.
func tooMany(c bench.Case) string {
	if most := sys.MaxMapCount() - spare; c.Count > most {
		return fmt.Sprintf("vm.max_map_count allows some %d", most)
	}
	return ""
}

// growth returns windows that become longer where they are.
func growth(rounds int) bench.Experiment {
	n := min(65_536, sys.MaxMapCount()-spare)
	return bench.Experiment{
		Name: "neighbours", Title: "Windows that hit a neighbour when they grow in place",
		Work: fmt.Sprintf("%d windows of 2 MiB are reserved (65,536 where vm.max_map_count allows it), "+
			"then each is made as long as the case says, where it is. Counted are those that cannot, for something is in the way.", n),
		Metric: "percent", Unit: "%", Axis: "size", AxisTitle: "length", Rounds: rounds, Child: true,
		Cases: []bench.Case{
			{Label: "64 MiB", Size: 64 << 20, Count: n}, {Label: "256 MiB", Size: 256 << 20, Count: n},
		},
		Contenders: []bench.Contender{
			{Name: "addrspace", Ours: true, Run: neighbours(newSpaced)},
			{Name: "random hints", Note: "among all addresses of 47 bits", Skip: inRace, Run: neighbours(newRandom)},
			{Name: "kernel's choice", Run: neighbours(newPacked)},
		},
	}
}
