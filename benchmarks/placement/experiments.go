package placement

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/internal/sys"
)

// spare is how many mappings are left to the rest of the process.
const spare = 5000

// dense is the number of windows of which more than a page is in use.
const dense = 1000

// Goals returns none of its own: that windows do not hit each other is one of package
// windows.
func Goals() []bench.Goal { return nil }

// Experiments returns the study of placements: by arithmetic, and of reads.
func Experiments(quick bool) []bench.Experiment {
	simulated := []int{1000, 10_000, 65_536, 262_144, 1_048_576}
	windows, pages := []int{100, 1000, 10_000, 30_000, 60_000}, []int{1, 4, 16, 64, 256}
	reads, rounds := 5_000_000, 5
	if quick {
		simulated = []int{1000, 10_000, 65_536}
		windows, pages = []int{1000, 4000, 16_000}, []int{1, 4, 16}
		reads, rounds = 200_000, 2
	}
	room := bench.Experiment{
		Name: "placement-room", Title: "Room to grow where a window is",
		Work: "So many windows of 2 MiB are placed (computed, not reserved). Counted are those that cannot become 1 GiB long " +
			"where they are, one at a time, for another window begins before that or the addresses end. " +
			"The largest gap is within the addresses that the placement uses: all of 47 bits, or the zones of a Space.",
		Metric: "to-1GiB-percent", Unit: "%", Axis: "count", AxisTitle: "windows",
		Columns: []string{"to-64MiB-percent", "largest-gap-bytes", "collisions"},
		Cases:   cases(simulated), Rounds: rounds - 1, Contenders: simulations(),
	}
	tables := room
	tables.Name, tables.Title = "placement-tables", "Page tables of windows that are hardly used"
	tables.Work = "So many windows of 2 MiB are placed (computed, not reserved), with a page in use in each. " +
		"Counted is what the page tables take, by all windows; 4 KiB for the entries of its own is what each takes anyway."
	tables.Metric, tables.Unit, tables.Columns = "window-table-bytes", "bytes", nil

	const ring = "All lines, one in each page, form a ring in random order; a read goes where the last one has led. "
	readings := bench.Experiment{
		Name: "placement-reads", Title: "Reading through very many windows",
		Work: "So many windows of 2 MiB are mapped to one memory file, and the first page of each is in use. " + ring +
			"Also shown are reads that do not wait for each other, the page tables as the kernel counts them, and what mapping and first touching a window took.",
		Metric: "ns/op", Unit: "ns", Axis: "count", AxisTitle: "windows",
		Columns: []string{"scatter-ns", "window-table-bytes", "map-ns", "touch-ns", "collisions"},
		Cases:   cases(windows), Rounds: rounds, Child: true,
		Contenders: mappings(func(c bench.Case) (int, int, int) { return c.Count, 1, reads }),
	}
	density := readings
	density.Name, density.Title = "placement-density", "Reading through 1,000 windows, by how much of each is in use"
	density.Work = "1,000 windows of 2 MiB are mapped to one memory file, and so many pages of each are in use. " + ring
	density.AxisTitle, density.Columns = "pages in use of each window", []string{"scatter-ns", "window-table-bytes"}
	density.Cases = cases(pages)
	density.Contenders = mappings(func(c bench.Case) (int, int, int) { return dense, c.Count, reads })
	return []bench.Experiment{room, tables, readings, density}
}

// cases returns a case for each count.
func cases(counts []int) (all []bench.Case) {
	for _, n := range counts {
		all = append(all, bench.Case{Label: thousands(n), Count: n})
	}
	return all
}

// thousands returns n with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

const (
	noteRandom  = "among all addresses of 47 bits, again where somebody is"
	noteSpaced  = "windows that may grow"
	noteCompact = "windows that will not grow"
)

// simulations returns the placements, computed.
func simulations() []bench.Contender {
	contender := func(name, note string, ours bool, p placement) bench.Contender {
		return bench.Contender{Name: name, Note: note, Ours: ours, Run: simulate(p)}
	}
	return []bench.Contender{
		contender("packed", "side by side", false, packed),
		contender("random", noteRandom, false, random),
		contender("addrspace", noteSpaced, true, spaced(addrspace.ReserveOptions{})),
		contender("addrspace, compact", noteCompact, true, spaced(addrspace.ReserveOptions{Compact: true})),
	}
}

// simulate places as many windows as the case's Count.
func simulate(p placement) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		l, err := p(c.Count)
		if err == nil {
			err = l.check(c.Count)
		}
		if err != nil {
			return s, err
		}
		s.Values = l.values()
		return s, nil
	}
}

// sizing returns how many windows and pages of each a case is about, and about how
// many reads are measured.
type sizing func(bench.Case) (windows, pages, reads int)

// mappings returns the placements, with real windows.
func mappings(of sizing) []bench.Contender {
	contender := func(name, note string, ours bool, m mapper) bench.Contender {
		return bench.Contender{Name: name, Note: note, Ours: ours, Run: access(m, of), Skip: func(c bench.Case) string {
			n, pages, _ := of(c)
			switch most := sys.MaxMapCount() - spare; {
			case n > most:
				return fmt.Sprintf("vm.max_map_count allows some %d", most)
			case name == "random" && work.Race() != "":
				return work.Race()
			}
			return work.NoRoom(int64(n) * int64(pages+3) * 4096)
		}}
	}
	return []bench.Contender{
		contender("packed", "side by side, where the kernel chooses", false, mapPacked),
		contender("random", noteRandom, false, mapRandom),
		contender("addrspace", noteSpaced, true, mapSpaced(addrspace.ReserveOptions{})),
		contender("addrspace, compact", noteCompact, true, mapSpaced(addrspace.ReserveOptions{Compact: true})),
	}
}

// access maps windows, uses the first pages of each and measures reads of them.
func access(m mapper, of sizing) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		n, pages, reads := of(c)
		fd, err := sys.Memfd("placement", 0)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, sys.Close(fd)) }()
		if err := sys.Truncate(fd, int64(n)*size); err != nil {
			return s, err
		}
		tables := bench.PageTables()
		windows, err := m(n, fd)
		defer func() {
			if windows.free != nil {
				err = errors.Join(err, windows.free())
			}
		}()
		if err == nil {
			err = windows.check(n)
		}
		if err != nil {
			return s, err
		}
		for _, w := range windows.order {
			// Huge pages, where memory files have them, are another matter.
			if err := sys.Advise(w, size, sys.AdviseNoHugePage); err != nil {
				return s, err
			}
		}
		start := time.Now()
		addrs := lines(windows.order, pages)
		touch := time.Since(start)
		tables = bench.PageTables() - tables
		if _, err := chase(addrs, 1); err != nil { // to begin with, and to see that the ring is whole
			return s, err
		}
		rounds := max(1, reads/len(addrs))
		chased, err := chase(addrs, rounds)
		if err != nil {
			return s, err
		}
		scattered, err := scatter(addrs, rounds)
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{
			"ns/op": chased, "scatter-ns": scattered,
			"map-ns": float64(windows.mapping.Nanoseconds()) / float64(n), "touch-ns": float64(touch.Nanoseconds()) / float64(n),
			"window-table-bytes": float64(tables) / float64(n), "computed-table-bytes": float64(windows.tableBytes()) / float64(n),
			"collisions": float64(windows.collisions),
		}
		return s, nil
	}
}
