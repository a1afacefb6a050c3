//go:build goexperiment.arenas

package dropin_test

import (
	theirs "arena"
	"testing"

	"github.com/growarena/growarena/arena"
)

// TestGoArena_Shape compiles against both packages at once, under
// GOEXPERIMENT=arenas: what New and MakeSlice take and give is the same, the
// types of the arenas apart.
func TestGoArena_Shape(t *testing.T) {
	std := theirs.NewArena()
	defer std.Free()
	ours, err := arena.NewArena(arena.Options{})
	if err != nil {
		t.Skip(err)
	}
	defer ours.Free()
	sum(t, func(n int) []int { return theirs.MakeSlice[int](std, 0, n) }, func() *int { return theirs.New[int](std) })
	sum(t, func(n int) []int { return arena.MakeSlice[int](ours, 0, n) }, func() *int { return arena.New[int](ours) })
}

func sum(t *testing.T, slice func(n int) []int, number func() *int) {
	t.Helper()
	total := number()
	s := slice(100)
	for i := range 100 {
		s = append(s, i)
	}
	for _, n := range s {
		*total += n
	}
	if *total != 4950 || cap(s) != 100 {
		t.Errorf("the sum is %d, the capacity %d", *total, cap(s))
	}
}
