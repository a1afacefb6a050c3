package pins

import "github.com/growarena/growarena/benchmarks/internal/bench"

// row is the line of the table of goals that is about this package.
const row = 4

// Goals returns what pinning and refreshing must reach.
func Goals() []bench.Goal {
	rwmutex := []string{"sync.RWMutex"}
	many := []string{"2", "8", "64", "1000"}
	return []bench.Goal{
		{
			Name: "pin-1", Row: row, Experiment: "pin", Text: "protecting a read, one goroutine: pin and unpin of arena.LocalGuard ≤ 1.2 × RWMutex",
			Rule: bench.RatioAtMost, Limit: 1.2, Ours: "arena.LocalGuard", Peers: rwmutex, Cases: []string{"1"},
		},
		{
			Name: "pin-many", Row: row, Experiment: "pin", Text: "… 2 and more goroutines: pin and unpin of arena.LocalGuard ≤ 0.15 × RWMutex",
			Rule: bench.RatioAtMost, Limit: 0.15, Ours: "arena.LocalGuard", Peers: rwmutex, Cases: many,
		},
		{
			Name: "pin-flat", Row: row, Experiment: "pin", Text: "… flat from 1 to 1,000 goroutines: exponent ≤ 0.05",
			Rule: bench.FlatAtMost, Limit: 0.05, Ours: "arena.LocalGuard",
		},
		{
			Name: "refresh", Row: row, Experiment: "refresh", Text: "… refresh ≤ 0.2 × RWMutex, at any number of goroutines",
			Rule: bench.RatioAtMost, Limit: 0.2, Ours: "epoch.Refresh", Peers: rwmutex,
		},
	}
}
