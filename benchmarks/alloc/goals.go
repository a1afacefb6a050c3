package alloc

import (
	"strconv"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// row is the line of the table of goals that is about this package.
const row = 5

// Goals returns what allocating from an arena must reach.
func Goals() []bench.Goal {
	var many []string
	for _, g := range goroutines()[1:] {
		many = append(many, strconv.Itoa(g))
	}
	heap := []string{"make"}
	return []bench.Goal{
		{
			Name: "alloc-1", Row: row, Experiment: "alloc", Text: "one goroutine: arena.Alloc of 64 bytes ≤ 0.3 × make",
			Rule: bench.RatioAtMost, Limit: 0.3, Ours: "arena.Alloc", Peers: heap, Cases: []string{"1"},
		},
		{
			Name: "alloc-many", Row: row, Experiment: "alloc", Text: "several goroutines: arena.Local of 64 bytes ≤ 0.3 × make",
			Rule: bench.RatioAtMost, Limit: 0.3, Ours: "arena.Local", Peers: heap, Cases: many,
		},
	}
}
