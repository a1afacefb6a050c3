package bolt

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// advance is what bbolt maps from the start where its users know how large it will
// become.
const advance = 1 << 30

// The experiments.
const (
	nameAlone   = "bolt"
	nameHeld    = "bolt-held"
	nameDurable = "bolt-held-durable"
	nameByHold  = "bolt-hold"
)

// The contenders.
const (
	ours      = "growarena's copy"
	stock     = "bbolt"
	inAdvance = "bbolt, mapped in advance"
)

// Experiments returns databases that grow, with and without a View that stays.
func Experiments(quick bool) []bench.Experiment {
	of := func(mib int64, ms int) bench.Case {
		label := fmt.Sprintf("%d MiB", mib)
		if ms > 0 {
			label += fmt.Sprintf(", %d ms", ms)
		}
		return bench.Case{Label: label, Size: mib << 20, Count: ms}
	}
	alone := []bench.Case{of(16, 0), of(64, 0)}
	held, durable := []bench.Case{of(64, 2000)}, []bench.Case{of(16, 2000)}
	byHold := []bench.Case{of(64, 10), of(64, 30), of(64, 100), of(64, 300), of(64, 1000)}
	if quick {
		alone, held, durable, byHold = []bench.Case{of(4, 0)}, []bench.Case{of(4, 120)}, []bench.Case{of(1, 120)}, []bench.Case{of(2, 5), of(2, 20)}
	}
	const growing = "A database grows from a sixteenth of the size of the case to all of it, by Updates of 24 new keys and 8 old ones with values of 512 bytes. " +
		"A second goroutine makes a View of one key every 100 µs, and its latency counts from the moment it was due. "
	const stays = "A third has had one View open since before the first Update, for as many milliseconds as the case says. "
	all := bench.Experiment{
		Metric: "update-max-ns", Unit: "ns", Axis: "size", AxisTitle: "bytes of values", LatencyTitle: "one Update",
		Columns: []string{"update-p50-ns", "view-max-ns", "view-p50-ns", "view-hot-ns", "mapped-bytes", "peak-rss-bytes", "file-bytes", "seconds"},
		Rounds:  5, Contenders: contenders(false), Memory: bench.Times(4), Child: true,
	}
	first, second, third, fourth := all, all, all, all
	first.Name, first.Title, first.Cases = nameAlone, "A database that grows, when no View stays open", alone
	first.Metric, first.Columns = "update-p50-ns", slices.Concat([]string{"update-max-ns"}, all.Columns[1:])
	first.Work = growing + "Compared is the median of the Updates. A hot View is the median of those that are made one after the other at the end."

	second.Name, second.Title, second.Cases = nameHeld, "The worst Update of a database that grows while somebody has a View open", held
	second.Work = growing + stays + "Compared is the worst Update; addresses are counted when the last one has ended."

	third.Name, third.Title, third.Cases = nameDurable, "The same, durable", durable
	third.Work, third.Contenders = second.Work+" Each Update waits for the disk.", contenders(true)

	fourth.Name, fourth.Title, fourth.Cases = nameByHold, "The worst Update, by how long a View stays open", byHold
	fourth.Axis, fourth.AxisTitle, fourth.Work = "count", "milliseconds the View stays", second.Work
	return []bench.Experiment{first, second, third, fourth}
}

// contenders returns bbolt, and the copy.
func contenders(durable bool) []bench.Contender {
	how := "v1.5.0, FreelistMapType, NoSync, NoGrowSync"
	if durable {
		how = "v1.5.0, FreelistMapType"
	}
	all := []bench.Contender{
		{Name: ours, Ours: true, Note: how + "; made by dropin/bbolt", Build: grown, Run: run(setup{durable: durable})},
		{Name: stock, Note: how + "; maps 32 KiB at first", Run: run(setup{durable: durable})},
		{
			Name: inAdvance, Note: how + "; InitialMmapSize 1 GiB, for users who know a bound: beyond it, it is as bbolt",
			Run: run(setup{durable: durable, initial: advance}),
		},
	}
	for i := range all {
		switch c := &all[i]; {
		case c.Ours && runtime.GOOS != "linux":
			c.Build, c.Run, c.Cannot = nil, nil, "needs Linux"
		case c.Ours && !isGrown():
			c.Run = nil // It is in the program that Build builds.
		case !c.Ours && isGrown():
			c.Run, c.Cannot = nil, "this program has the copy"
		}
	}
	return all
}

// run does a case, of which Size is the bytes of values, and Count for how many
// milliseconds a View stays, 0 for none.
func run(how setup) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		b, err := open(how)
		if err != nil {
			return s, err
		}
		w := &workload{database: b, hold: time.Duration(c.Count) * time.Millisecond}
		start := time.Now()
		err = w.run(c.Size)
		d := time.Since(start)
		size, sizeErr := b.size()
		if err := errors.Join(err, sizeErr, b.close()); err != nil {
			return s, err
		}
		s.Latencies = w.updates
		s.Values = map[string]float64{
			"update-p50-ns": median(w.updates), "update-max-ns": float64(w.updates.Max()),
			"view-p50-ns": median(w.views), "view-max-ns": float64(w.views.Max()), "view-hot-ns": median(w.hot),
			"mapped-bytes": float64(w.mapped), "file-bytes": float64(size), "seconds": d.Seconds(),
		}
		return s, nil
	}
}

func median(h *hdrhistogram.Histogram) float64 { return float64(h.ValueAtQuantile(50)) }
