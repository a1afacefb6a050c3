package bolt

import (
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// advance is what bbolt maps from the start where its users know how large it will
// become.
const advance = 1 << 30

// Goals returns none: no line of the table of goals is about databases.
func Goals() []bench.Goal { return nil }

// Experiments returns databases that grow, with and without a View that stays.
func Experiments(quick bool) []bench.Experiment {
	mib := func(n int64) bench.Case { return bench.Case{Label: fmt.Sprintf("%d MiB", n), Size: n << 20} }
	sizes := []bench.Case{mib(4), mib(16), mib(64), mib(256)}
	holds := []int{10, 30, 100, 300, 1000}
	rounds, hold, size := 5, 100, int64(64<<20)
	lone := sizes // without a View that stays
	if quick {
		sizes, lone, holds = []bench.Case{mib(2), mib(8)}, []bench.Case{mib(4)}, []int{5, 20, 80}
		rounds, hold, size = 2, 20, 2<<20
	}
	var held, byHold []bench.Case
	for _, c := range sizes {
		c.Count = hold
		held = append(held, c)
	}
	for _, ms := range holds {
		byHold = append(byHold, bench.Case{Label: fmt.Sprintf("%d ms", ms), Size: size, Count: ms})
	}
	const growing = "A database grows from nothing to the size of the case, by Updates of 24 new keys and 8 old ones with values of 512 bytes. " +
		"A second goroutine makes a View of one key every 100 µs, and its latency counts from the moment it was due. "
	stays := fmt.Sprintf("A third makes one View after the other that each stay open for %d ms. ", hold)
	updates := bench.Experiment{
		Metric: "max-ns", Unit: "ns", Axis: "size", AxisTitle: "bytes of values", LatencyTitle: "one Update",
		Columns: []string{"p50-ns", "p99-ns", "p99.9-ns", "view-max-ns", "moves", "file-bytes", "seconds"},
		Rounds:  rounds, Contenders: contenders(false), Memory: bench.Times(4),
	}
	alone, reader, view, by := updates, updates, updates, updates
	alone.Name, alone.Title, alone.Cases = "bolt", "The worst Update of a database that grows", lone
	alone.Work = growing + "Nobody else reads. Compared is the worst Update."

	reader.Name, reader.Title, reader.Cases = "bolt-reader", "The same while somebody has a View open", held
	reader.Work = growing + stays + "Compared is the worst Update."

	view.Name, view.Title, view.Cases = "bolt-view", "The worst short View while somebody has a long one open", held[len(held)-len(lone):]
	view.Work = growing + stays + "Compared is the worst of the short Views."
	view.LatencyTitle, view.Contenders = "one short View", contenders(true)
	view.Columns = []string{"p50-ns", "p99-ns", "p99.9-ns", "update-max-ns", "moves"}

	by.Name, by.Title, by.Cases = "bolt-hold", "The worst Update, by how long a View stays open", byHold
	by.Axis, by.AxisTitle = "count", "milliseconds each long View stays"
	by.Work = growing + fmt.Sprintf("The size is %d MiB. ", size>>20) +
		"A third makes one View after the other that each stay open for as long as the case says. Compared is the worst Update."
	return []bench.Experiment{alone, reader, view, by}
}

// contenders returns bbolt and our page store, whose samples are about Views or
// Updates.
func contenders(views bool) []bench.Contender {
	const how = "v1.5.0, NoSync, NoGrowSync, NoFreelistSync; "
	const lacks = "not durable, see benchmarks/bolt; "
	store := func(o StoreOptions, file bool) func() (engine, error) {
		return func() (engine, error) { return newStore(o, file) }
	}
	bolt := func(initial int) func() (engine, error) {
		return func() (engine, error) { return newBbolt(initial) }
	}
	return []bench.Contender{
		{Name: "page store", Ours: true, Note: lacks + "pages in a memory file", Run: run(views, store(StoreOptions{}, false))},
		{Name: "page store, file", Ours: true, Note: lacks + "pages in a file on tmpfs", Run: run(views, store(StoreOptions{}, true))},
		{
			Name: "page store, moving", Ours: true, Note: lacks + "windows of 2 MiB at first, which are not extended but always moved",
			Run: run(views, store(StoreOptions{Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome}, false)),
		},
		{Name: "bbolt", Note: how + "maps 32 KiB at first", Run: run(views, bolt(0))},
		{
			Name: "bbolt, mapped in advance", Note: how + "InitialMmapSize 1 GiB, for users who know a bound: beyond it, it is as bbolt",
			Run: run(views, bolt(advance)),
		},
	}
}

// run does a case, of which Size is the bytes of values, and Count for how many
// milliseconds long Views stay, 0 for none.
func run(views bool, open func() (engine, error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		e, err := open()
		if err != nil {
			return s, err
		}
		w := &workload{engine: e, hold: time.Duration(c.Count) * time.Millisecond}
		start := time.Now()
		err = w.run(c.Size)
		d := time.Since(start)
		moves := e.moves()
		size, sizeErr := e.size()
		if err := errors.Join(err, sizeErr, e.close()); err != nil {
			return s, err
		}
		this, other, name := w.updates, w.views, "view-max-ns"
		if views {
			this, other, name = w.views, w.updates, "update-max-ns"
		}
		s.Latencies = this
		s.Values = map[string]float64{
			"p50-ns": quantile(this, 50), "p99-ns": quantile(this, 99), "p99.9-ns": quantile(this, 99.9),
			"max-ns": float64(this.Max()), name: float64(other.Max()),
			"moves": float64(moves), "file-bytes": float64(size), "seconds": d.Seconds(), "long-views": float64(w.held),
		}
		return s, nil
	}
}

func quantile(h *hdrhistogram.Histogram, q float64) float64 { return float64(h.ValueAtQuantile(q)) }
