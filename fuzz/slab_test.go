package fuzz

import "testing"

func FuzzSlab(f *testing.F) { fuzzTarget(f, "slab") }

// TestSlab_Join: programs that are joined to one do in it what they do one after
// the other.
func TestSlab_Join(t *testing.T) {
	needLinux(t)
	var programs [][]byte
	s := newSlabAllocator(slabConfigs[1])
	steps := 0
	for i := range uint64(20) {
		program := Random(3, i)
		if n := len(slabOps) - 1; len(program) > n/2 {
			program[n/2] = 0 // no chapters in chapters
		}
		programs = append(programs, program)
		r := &slabRun{slabAllocator: s}
		if err := r.run(program, false); err != nil {
			t.Fatal(err)
		}
		steps += len(r.trace)
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	config, fresh, joined := slabHeader(joinSlab(1, programs))
	if config != 1 || fresh {
		t.Fatalf("configuration %d, fresh is %v", config, fresh)
	}
	r := &slabRun{slabAllocator: newSlabAllocator(slabConfigs[config])}
	if err := r.run(joined, false); err != nil {
		t.Fatal(err)
	}
	if got := len(r.trace); got != steps+len(programs) {
		t.Errorf("%d steps, want %d and %d chapters", got, steps, len(programs))
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}
