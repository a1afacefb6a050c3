package buffers

import (
	"fmt"
	"runtime/debug"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

const (
	first  = 4 << 10  // how long a buffer is when it is made,
	longer = 64 << 10 // and by how much it grows
	sample = 16       // one of so many is written to, grown and checked
)

// Experiments returns making buffers until the system refuses.
func Experiments(quick bool) []bench.Experiment {
	e := bench.Experiment{
		Name: "buffers", Title: "Live buffers that can grow, under the system's limits",
		Work: "Buffers of 4 KiB with room to grow are made until there are 300,000 or a limit refuses. Then, of every 16th, the page is written, " +
			"all of these become 64 KiB longer, and what was written is checked. " +
			"The limits are the system's: vm.max_map_count for mappings and RLIMIT_NOFILE for files. " +
			"Who was refused gives a tenth back before the writing, for the process to be able to go on; mappings and page tables are those that are left then.",
		Metric: "buffers", More: true, Columns: []string{"vmas", "page-table-bytes"},
		Cases: []bench.Case{{Label: "up to 300,000", Count: 300_000}}, Rounds: 5, Child: true,
		Contenders: []bench.Contender{
			{Name: "pool.Pool", Ours: true, Note: "a band of one file for each", Run: run(bands)},
			{Name: "slab.Allocator", Ours: true, Note: "a large object for each, of 1 MiB and a byte", Run: run(objects)},
			{Name: "arena.Arena", Ours: true, Note: "an arena for each: what a Pool is for; a Space takes half of the mappings only", Run: run(arenas)},
			{Name: "memfd each", Note: "a file and 16 MiB of addresses for each, mapped as far as it goes", Run: run(files)},
			{Name: "mmap each", Note: "16 MiB of addresses for each, made accessible as far as it goes (mprotect)", Run: run(anonymous)},
			{Name: "Go heap", Cannot: "slices can be as many as there is memory, but are copied when they grow"},
		},
	}
	if quick {
		e = e.Only("pool.Pool", "slab.Allocator", "mmap each")
		e.Rounds = 1
	}
	return []bench.Experiment{e}
}

// run makes as many buffers as a case says, or as the system allows.
func run(open func(count int) (maker, error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		m, err := open(c.Count)
		if err != nil {
			return s, err
		}
		// At a limit the runtime could not make its heap larger.
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		all := make([][]byte, 0, c.Count)
		var refused error
		for i := range c.Count {
			b, err := m.add(i)
			if err != nil {
				refused = err
				break
			}
			all = append(all, b)
		}
		live := len(all)
		if refused != nil { // some air for the rest of the process
			for i := live - 1; i >= live-live/10; i-- {
				if err := m.drop(i, all[i]); err != nil {
					return s, err
				}
			}
			all = all[:live-live/10]
		}
		if live == 0 {
			return s, fmt.Errorf("not one buffer: %w", refused)
		}
		if err := use(m, all); err != nil {
			return s, err
		}
		s.Values = map[string]float64{
			"buffers":          float64(live),
			"vmas":             float64(bench.VMAs()),
			"page-table-bytes": float64(bench.PageTables()),
		}
		for i, b := range all {
			if err := m.drop(i, b); err != nil {
				return s, err
			}
		}
		return s, m.close()
	}
}

// use writes to a sample of all, makes these buffers longer, and checks that what
// was written is in each.
func use(m maker, all [][]byte) (err error) {
	for i := 0; i < len(all); i += sample {
		work.Mark(all[i][:first], uint64(i))
	}
	for i := 0; i < len(all); i += sample {
		n := len(all[i]) + longer
		if all[i], err = m.grow(i, all[i], longer); err != nil {
			return err
		}
		if len(all[i]) != n {
			return fmt.Errorf("buffer %d is %d bytes long, want %d", i, len(all[i]), n)
		}
		all[i][n-1] = 1
	}
	for i := 0; i < len(all); i += sample {
		if err := work.Check(all[i][:first], uint64(i)); err != nil {
			return fmt.Errorf("buffer %d: %w", i, err)
		}
	}
	return nil
}
