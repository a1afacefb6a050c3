package scaling

import (
	"fmt"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/internal/sys"
)

// Goals returns none of its own: what has to be flat is said where it is compared.
func Goals() []bench.Goal { return nil }

// Experiments returns how cost grows.
func Experiments(quick bool) []bench.Experiment {
	rounds := 5
	if quick {
		rounds = 2
	}
	var all []bench.Experiment
	for _, e := range [][]bench.Experiment{bySize(quick), byWindows(quick), byReaders(quick), byObjects(quick)} {
		all = append(all, e...)
	}
	for i := range all {
		all[i].Rounds = rounds
	}
	return all
}

// contender returns one of those compared.
func contender(name, note string, ours bool, run func(bench.Case) (bench.Sample, error)) bench.Contender {
	return bench.Contender{Name: name, Note: note, Ours: ours, Run: run}
}

// limited returns c without the cases that need more memory than there is, which is
// so many times their size, or whose size is above most.
func limited(c bench.Contender, times, most int64) bench.Contender {
	c.Skip = func(of bench.Case) string {
		if of.Size > most {
			return "would take too long"
		}
		return work.NoRoom(of.Size * times)
	}
	return c
}

// moving are arenas that outgrow their window again and again.
var moving = arena.Options{Name: "scaling", Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungRehome}

// bySize returns what depends on the length of a buffer.
func bySize(quick bool) []bench.Experiment {
	// The longest buffers: hardly touched, in use, written to, and on the Go heap.
	longest, fullest, written, heap := int64(32*gib), int64(8*gib), int64(8*gib), int64(4*gib)
	if quick {
		longest, fullest, written, heap = 2*gib, 32*mib, 256*mib, 32*mib
	}
	size := bench.Experiment{Unit: "ns", Axis: "size", AxisTitle: "size"}

	write := size
	write.Name, write.Title = "scale-append", "Appending"
	write.Work = "A buffer grows from nothing to the size of the case in writes of 64 KiB; all of it is checked afterwards."
	write.Metric, write.Unit, write.Columns, write.LatencyTitle = "seconds", "s", []string{"write-ns", "max-ns"}, "one write of 64 KiB"
	write.Cases, write.Memory = sizes(mib, written), bench.Times(3)
	write.Contenders = []bench.Contender{
		limited(contender("arena", "", true, appended(buffer(arena.Options{Name: "scaling"}))), 2, written),
		limited(contender("arena, moving", "windows of 2 MiB at first, which always move", true, appended(buffer(moving))), 2, written),
		limited(contender("append", "", false, appended(slice)), 5, heap),
	}

	hand := size
	hand.Name, hand.Title = "scale-alloc", "Handing out memory that is not touched"
	hand.Work = "64 KiB are handed out again and again, up to the size of the case, and nothing is written to them: growing without the memory."
	hand.Metric, hand.Columns, hand.LatencyTitle = "ns/op", []string{"max-ns"}, "one Alloc of 64 KiB"
	hand.Cases = sizes(mib, longest)
	hand.Contenders = []bench.Contender{
		contender("arena", "", true, handedOut(arena.Options{Name: "scaling"})),
		contender("arena, moving", "windows of 2 MiB at first, which always move", true, handedOut(moving)),
	}

	rungs := []struct {
		name, note string
		rung       arena.Rungs
	}{
		{"in the window", "ftruncate", arena.RungInWindow},
		{"extend", "the window becomes longer where it is", arena.RungExtend},
		{"rehome", "the page tables move to another window", arena.RungRehome},
		{"alias", "the file is mapped a second time; what it costs to touch it there is not in this", arena.RungAlias},
	}
	grow := size
	grow.Name, grow.Title = "scale-grow", "Doubling a large arena"
	grow.Work = "An arena of the size of the case is made twice as long, each time by one rung of the ladder; one page of each page table is in use. " +
		"Its bytes are checked through the old and the new addresses afterwards."
	grow.Metric, grow.Cases = "grow-ns", sizes(2*mib, longest)
	fullGrow := grow
	fullGrow.Name, fullGrow.Title = "scale-grow-full", "Doubling a large arena, all of it in use"
	fullGrow.Work = "The same with every page in use, beside what there is to do without an arena: a slice twice as long, and a copy."
	fullGrow.Cases, fullGrow.Memory = sizes(2*mib, fullest), bench.Times(3)
	for _, r := range rungs {
		grow.Contenders = append(grow.Contenders, contender(r.name, r.note, true, double(r.rung, sparse)))
		fullGrow.Contenders = append(fullGrow.Contenders, limited(contender(r.name, r.note, true, double(r.rung, full)), 1, fullest))
	}
	fullGrow.Contenders = append(fullGrow.Contenders, limited(contender("make and copy", "", false, copied), 4, heap))

	release := size
	release.Name, release.Title = "scale-release", "Releasing a window"
	release.Work = "A window of the size of the case is released, one that is only reserved and one of which one page of each page table is in use; the file stays."
	release.Metric, release.Cases = "release-ns", sizes(2*mib, longest)
	release.Contenders = []bench.Contender{
		contender("reserved", "", true, window(false)),
		contender("mapped", "", true, window(true)),
		contender("munmap", "the bare call, mapped", false, unmap),
	}

	free := size
	free.Name, free.Title = "scale-free", "Freeing a large arena, all of it in use"
	free.Work = "An arena of the size of the case is freed, every page of 4 KiB in use: the kernel takes back each."
	free.Metric, free.Cases, free.Memory = "free-ns", sizes(2*mib, fullest), bench.Times(1.5)
	free.Contenders = []bench.Contender{
		limited(contender("arena.Free", "", true, freed), 1, fullest),
		limited(contender("munmap and close", "of a memory file", false, closed), 1, fullest),
	}
	return []bench.Experiment{write, hand, grow, fullGrow, release, free}
}

// spare is how many mappings are left to the rest of the process.
const spare = 5000

// byWindows returns what depends on the number of windows.
func byWindows(quick bool) []bench.Experiment {
	turns, asks, n := 20_000, 5_000_000, counts(1, 10, 100, 1000, 10_000, 60_000)
	if quick {
		turns, asks, n = 2000, 300_000, n[:5]
	}
	tooMany := func(all ...bench.Contender) []bench.Contender {
		for i := range all {
			all[i].Skip = func(c bench.Case) string {
				if most := sys.MaxMapCount() - spare; c.Count > most {
					return fmt.Sprintf("vm.max_map_count allows some %d", most)
				}
				return ""
			}
		}
		return all
	}
	turn := bench.Experiment{
		Name: "scale-windows", Title: "Reserving and releasing a window", Metric: "ns/op", Unit: "ns",
		Work: "A window of 2 MiB is reserved and released again and again, beside as many others as the case says.",
		Axis: "count", AxisTitle: "live windows", Cases: n,
		Contenders: tooMany(
			contender("addrspace", "", true, turnover(false, turns)),
			contender("addrspace, recycled", "released windows are kept and handed out again", true, turnover(true, 10*turns)),
		),
	}
	look := turn
	look.Name, look.Title = "scale-lookup", "Finding the window of an address"
	look.Work = "The windows of random addresses are looked up, of as many as the case says."
	look.Contenders = tooMany(
		contender("Space.Lookup", "", true, lookups(asks, askSpace)),
		contender("sorted slice", "binary search in a slice that nobody can change", false, lookups(asks, askSlice)),
	)
	look.Contenders[1].Context = true
	return []bench.Experiment{turn, look}
}

// byReaders returns what depends on the number of readers, and of what they keep from
// being freed.
func byReaders(quick bool) []bench.Experiment {
	ops := 10_000_000
	if quick {
		ops = 300_000
	}
	held := bench.Experiment{
		Name: "scale-readers", Title: "Readers that stay", Metric: "ns/op", Unit: "ns",
		Work: "One goroutine works beside as many guards as the case says, which stay pinned to an old version. " +
			"Publishing and reclaiming is with something that became garbage after the guards were pinned, and is freed in spite of them.",
		Axis: "count", AxisTitle: "guards held", Cases: counts(1, 10, 100, 1000),
		Contenders: []bench.Contender{
			contender("pin and unpin", "", true, guarded(ops, pins)),
			contender("refresh", "", true, guarded(ops, refreshes)),
			contender("publish", "nothing becomes garbage", true, guarded(ops/10, publishes)),
			contender("publish and reclaim", "", true, guarded(ops/100, reclaims)),
			contender("sync.RWMutex", "RLock and RUnlock beside others that hold it; nobody could publish anything", false, locked(ops)),
		},
	}
	retire := held
	retire.Name, retire.Title = "scale-retire", "Garbage that waits"
	retire.Work = "As many things as the case says are retired, one by one, and then freed: by a reaper that may begin at once, or kept by one guard " +
		"until the last was retired. Time is of one thing, from its retirement to its end."
	retire.AxisTitle, retire.Cases, retire.Columns = "things retired", counts(1, 10, 100, 1000, 10_000), []string{"retire-ns", "reclaim-ns"}
	retire.Contenders = []bench.Contender{
		contender("no reader", "", true, retires(ops/300, false)),
		contender("stalled reader", "", true, retires(ops/300, true)),
	}
	return []bench.Experiment{held, retire}
}

// byObjects returns what depends on the number of objects.
func byObjects(quick bool) []bench.Experiment {
	ops, n := 5_000_000, counts(100, 1000, 10_000, 100_000, 1_000_000, 10_000_000)
	if quick {
		ops, n = 300_000, n[:5]
	}
	bounded := func(c bench.Contender) bench.Contender {
		c.Skip = func(of bench.Case) string { return work.NoRoom(int64(of.Count) * 250) }
		return c
	}
	return []bench.Experiment{{
		Name: "scale-objects", Title: "Replacing one of very many objects", Metric: "ns/op", Unit: "ns",
		Work: "As many objects of 64 bytes live as the case says; random ones are checked, freed and replaced. Slices of all of them are kept on the Go heap.",
		Axis: "count", AxisTitle: "live objects", Cases: n, Child: true, Columns: []string{"peak-rss-bytes"},
		Contenders: []bench.Contender{
			bounded(contender("slab", "", true, replace(ops, slabbed))),
			bounded(contender("make", "and the garbage collector", false, replace(ops, collected))),
		},
	}}
}
