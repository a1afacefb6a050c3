package fuzz

import "testing"

// FuzzStream fuzzes the target "stream".
func FuzzStream(f *testing.F) { fuzzTarget(f, "stream") }

// TestStream_Reaches runs programs that move to other windows under guards, publish out of
// order, fail behind others and meet errors, and do all operations: otherwise the target
// would look at little. With -short they are as few as that takes.
func TestStream_Reaches(t *testing.T) {
	needLinux(t)
	var moves, late, kept, refused, streams, groups int
	ops := make(map[string]bool)
	missed := func() bool {
		return moves < 5 || late < 10 || kept < 3 || refused < 10 || streams < 10 || groups < 10
	}
	for i := uint64(0); i < 100 && (!testing.Short() || missed() || len(ops) < len(streamOps)); i++ {
		r := &streamRun{in: newInput(Random(3, i), len(streamOps))}
		if err := protect(r.run); err != nil {
			t.Fatalf("program %d: %v", i, err)
		}
		if r.sequence == nil {
			continue
		}
		if r.s != nil {
			streams++
		} else {
			groups++
		}
		moves += r.Stats().Moves
		late, kept, refused = late+r.late, kept+r.kept, refused+r.refused
		for _, s := range r.trace {
			ops[s.op] = true
		}
	}
	if missed() {
		t.Errorf("%d moves, %d late, %d zeros, %d refused in %d streams and %d groups", moves, late, kept, refused, streams, groups)
	}
	for _, op := range streamOps {
		if !ops[op.name] {
			t.Errorf("%q is never done", op.name)
		}
	}
}
