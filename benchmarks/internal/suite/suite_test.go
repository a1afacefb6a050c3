package suite

import (
	"slices"
	"testing"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

// TestSuite checks that names are there once and that every goal is about an
// experiment, a contender and cases that exist, in the quick run and in the full.
func TestSuite(t *testing.T) {
	for _, quick := range []bool{true, false} {
		byName := map[string]bench.Experiment{}
		for _, e := range Experiments(quick) {
			if _, ok := byName[e.Name]; ok {
				t.Errorf("experiment %s is there twice", e.Name)
			}
			byName[e.Name] = e
		}
		seen := map[string]bool{}
		for _, g := range Goals() {
			if seen[g.Name] {
				t.Errorf("goal %s is there twice", g.Name)
			}
			seen[g.Name] = true
			e, ok := byName[g.Experiment]
			if !ok {
				t.Errorf("goal %s: no experiment %q", g.Name, g.Experiment)
				continue
			}
			if g.Row < 1 || g.Text == "" {
				t.Errorf("goal %s: no row or no text", g.Name)
			}
			for _, name := range append([]string{g.Ours}, g.Peers...) {
				if _, ok := e.Contender(name); !ok {
					t.Errorf("goal %s: no contender %q", g.Name, name)
				}
			}
			if len(g.Cases) > 0 && !slices.ContainsFunc(e.Cases, func(c bench.Case) bool { return slices.Contains(g.Cases, c.Label) }) {
				t.Errorf("goal %s: none of the cases %v exists", g.Name, g.Cases)
			}
		}
	}
}
