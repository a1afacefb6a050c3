package fuzz

import "testing"

// FuzzPool fuzzes the target "pool".
func FuzzPool(f *testing.F) { fuzzTarget(f, "pool") }

// TestPool_Reaches runs programs that outgrow bands, go from window to window,
// fill their limit, and do all operations: otherwise the target would look at
// little.
func TestPool_Reaches(t *testing.T) {
	needLinux(t)
	if testing.Short() {
		t.Skip("takes many programs")
	}
	var outgrown, rehomed, extended, punches, runs, full, longer int
	ops := make(map[string]bool)
	for i := range uint64(250) {
		r := &poolRun{in: newInput(Random(3, i), len(poolOps))}
		err := r.run(func() {
			runs = max(runs, r.stats.Runs)
			if r.stats.Runs == 1 && r.stats.Reserved/r.band >= poolManyMax && r.band == 1<<30 {
				longer++
			}
			if r.opts.Limit > 0 && r.used == r.opts.Limit {
				full++
			}
		})
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		outgrown += r.stats.Outgrown
		rehomed += r.stats.Rehomed
		extended += r.stats.Extended
		punches += r.stats.Punches
		for _, s := range r.trace {
			ops[s.op] = true
		}
	}
	if outgrown == 0 || rehomed <= outgrown || extended == 0 || punches == 0 || full == 0 || runs < 2 || longer == 0 {
		t.Errorf("%d outgrown, %d rehomed, %d extended, %d punches, %d times full, %d runs, %d times longer ones",
			outgrown, rehomed, extended, punches, full, runs, longer)
	}
	for _, op := range poolOps {
		if !ops[op.name] {
			t.Errorf("%q is never done", op.name)
		}
	}
}
