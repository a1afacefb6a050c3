package fuzz

import (
	"testing"

	"github.com/growarena/growarena/arena"
)

// FuzzArena fuzzes the target "arena".
func FuzzArena(f *testing.F) { fuzzTarget(f, "arena") }

// TestArena_Reaches runs programs that climb every rung, hold retired windows
// with guards, and do all operations: otherwise the target would look at little.
func TestArena_Reaches(t *testing.T) {
	needLinux(t)
	if testing.Short() {
		t.Skip("takes many programs")
	}
	var all arena.Growth
	var most struct{ windows, aliases, files, arenas, full int }
	ops := make(map[string]bool)
	for i := range uint64(250) {
		r := &arenaRun{in: newInput(Random(3, i), len(arenaOps))}
		err := r.run(func() {
			m := r.live()
			if !m.keeps() {
				most.windows = max(most.windows, len(m.windows))
			}
			most.aliases = max(most.aliases, len(m.aliases))
			most.files = max(most.files, len(m.files))
			most.arenas = max(most.arenas, len(r.arenas))
			if m.length == m.limit {
				most.full++
			}
		})
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		for _, m := range r.arenas {
			g := m.stats.Growth
			all.InWindow += g.InWindow
			all.Extended += g.Extended
			all.Rehomed += g.Rehomed
			all.Aliased += g.Aliased
		}
		for _, s := range r.trace {
			ops[s.op] = true
		}
	}
	if all.InWindow == 0 || all.Extended == 0 || all.Rehomed == 0 && canRehome() || all.Aliased == 0 {
		t.Errorf("climbed %+v", all)
	}
	if most.windows < 2 || most.aliases < 2 || most.files < 2 || most.arenas < arenasMax || most.full == 0 {
		t.Errorf("at most %+v", most)
	}
	for _, op := range arenaOps {
		if !ops[op.name] {
			t.Errorf("%q is never done", op.name)
		}
	}
}
