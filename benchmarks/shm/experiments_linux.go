package shm

import (
	"fmt"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/shm"
)

// Experiments returns how soon others see what is published, how many bytes come to how
// many followers, and what publishing, growing and dying take; less of it if quick.
func Experiments(quick bool) []bench.Experiment {
	one := func(count, fewer int) []bench.Case {
		if quick {
			count = fewer
		}
		return []bench.Case{{Label: "all", Count: count}}
	}
	size := func(full, less int64) []bench.Case {
		if quick {
			return []bench.Case{{Label: fmt.Sprintf("%d MiB", less>>20), Size: less}}
		}
		return []bench.Case{{Label: "1 GiB", Size: full}}
	}
	many := bench.Experiment{
		Name: nameThroughput, Title: "From one process to many",
		Work:   "One process writes 64 MiB in pieces of 64 KiB, and so many others add up all of it, each in its own process. Timed is from the first write until the last follower has told its sum.",
		Metric: "seconds", Unit: "s", Columns: []string{"writer-seconds"}, Axis: "count", AxisTitle: "followers",
		Contenders: ours(throughput(waiting), throughput(premapped), throughput(byPipe), throughput(bySocket), throughput(byPread)),
		Rounds:     5,
	}
	counts := map[string]int{"1": 1, "10": 10, "100": 100, "1000": 1000}
	labels := []string{"1", "10", "100", "1000"}
	if quick {
		labels = labels[:2]
	}
	for _, label := range labels {
		many.Cases = append(many.Cases, bench.Case{Label: label, Size: 64 << 20, Count: counts[label]})
	}
	skipCrowd(many.Contenders)
	sealed, unsealed := shm.Options{}, shm.Options{Unsealed: true}
	all := []bench.Experiment{
		{
			Name: nameWaiting, Title: "From store to seen, by one who sleeps",
			Work:   "One process publishes records of 64 bytes, one a millisecond, and another that sleeps in between looks at the clock when it has one.",
			Metric: "p50-ns", Unit: "ns", Columns: []string{"p99-ns", "seen"}, LatencyTitle: "from store to seen",
			Cases:      one(2000, 200),
			Contenders: ours(latency(waiting, time.Millisecond), latency(byPipe, time.Millisecond), latency(bySocket, time.Millisecond)),
			Rounds:     5,
		},
		{
			Name: namePolling, Title: "From store to seen, by one who polls",
			Work:   "As before, one record in 20 µs, and the other looks all the time. Of several records that it finds at once the last one counts.",
			Metric: "p50-ns", Unit: "ns", Columns: []string{"p99-ns", "seen"}, LatencyTitle: "from store to seen",
			Cases:      one(50_000, 6_000),
			Contenders: ours(latency(polling, 20*time.Microsecond), latency(premapped, 20*time.Microsecond), latency(byPread, 20*time.Microsecond)),
			Rounds:     5,
		},
		{
			Name: namePublish, Title: "Publishing with nobody waiting",
			Work:   "Byte after byte is published, with a follower that does not wait.",
			Metric: "ns", Unit: "ns", Cases: one(20_000_000, 2_000_000),
			Contenders: []bench.Contender{{Name: mine, Ours: true, Run: publish}}, Rounds: 5,
		},
		{
			Name: nameRehome, Title: "Outgrowing a window, in writer and follower",
			Work:   "A buffer whose pages are all mapped by its writer and a follower, both in this process, outgrows the windows of both. Timed are the writer's Grow and the follower's next Poll.",
			Metric: "writer-ns", Unit: "ns", Columns: []string{"follower-ns"}, Cases: []bench.Case{{Label: "1 GiB", Size: 1 << 30}}, Memory: bench.Times(1.1),
			Contenders: []bench.Contender{{Name: mine, Ours: true, Run: rehome(sealed)}, {Name: bare, Ours: true, Run: rehome(unsealed)}}, Rounds: 5,
		},
		{
			Name: nameGrow, Title: "Growing with seals and without",
			Work:   "Pieces of 64 KiB are written to a buffer that begins with a window of 2 MiB.",
			Metric: "seconds", Unit: "s", Cases: size(1<<30, 64<<20), Memory: bench.Times(2),
			Contenders: []bench.Contender{{Name: mine, Ours: true, Run: grow(sealed)}, {Name: bare, Ours: true, Run: grow(unsealed)}}, Rounds: 5,
		},
		{
			Name: nameDeath, Title: "A writer that is killed",
			Work:   "Writers with a follower that sleeps are killed. Timed is from before the kill until Wait returns.",
			Metric: "worst-ns", Unit: "ns", Columns: []string{"p50-ns"}, LatencyTitle: "from kill to noticed", Cases: one(50, 10),
			Contenders: []bench.Contender{{Name: mine, Ours: true, Run: death}}, Rounds: 5,
		},
		many,
	}
	for i, e := range all {
		if quick && e.Name == nameRehome {
			all[i] = e.Only(mine) // It takes a GiB.
		}
	}
	return all
}

// ours marks the first.
func ours(all ...bench.Contender) []bench.Contender {
	all[0].Ours = true
	return all
}

// skipCrowd leaves out what polls where there are far more followers than processors.
func skipCrowd(all []bench.Contender) {
	for i, c := range all {
		if c.Name == premapped || c.Name == byPread {
			all[i].Skip = func(of bench.Case) string {
				if of.Count > 10 {
					return "it polls, which so many cannot"
				}
				return ""
			}
		}
	}
}
