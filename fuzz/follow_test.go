package fuzz

import "testing"

// FuzzFollow fuzzes the target "follow".
func FuzzFollow(f *testing.F) { fuzzTarget(f, "follow") }

// TestFollow_Reaches runs programs that move to bigger windows with and without a
// descriptor, meet all errors, and do all operations: otherwise the target would look at
// little. With -short they are as few as that takes.
func TestFollow_Reaches(t *testing.T) {
	needLinux(t)
	var bare, rehomed, aliased, extended, inWindow, errors, held int
	ops := make(map[string]bool)
	missed := func() bool {
		return bare < 2 || canRehome() && rehomed < 2 || aliased < 2 || extended == 0 || inWindow < 2 || errors < 100 || held == 0
	}
	for i := uint64(0); i < 250 && (!testing.Short() || missed() || len(ops) < len(followOps)); i++ {
		r := &followRun{in: newInput(Random(3, i), len(followOps))}
		err := r.run(func() {
			for _, m := range r.followers {
				g := m.last.Growth
				rehomed, aliased, extended = max(rehomed, g.Rehomed), max(aliased, g.Aliased), max(extended, g.Extended)
				inWindow = max(inWindow, g.InWindow)
				if m.o.NoDescriptor {
					bare = max(bare, g.Rehomed+g.Aliased)
				}
				if m.o.Retire && m.last.Windows > 1 {
					held++
				}
			}
		})
		if err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		errors += r.errors
		for _, s := range r.trace {
			ops[s.op] = true
		}
	}
	if missed() {
		t.Errorf("%d rehomed, %d aliased (%d without a descriptor), %d extended, %d in the window, %d errors, %d held",
			rehomed, aliased, bare, extended, inWindow, errors, held)
	}
	for _, op := range followOps {
		if !ops[op.name] {
			t.Errorf("%q is never done", op.name)
		}
	}
}
