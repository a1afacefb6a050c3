package dropin_test

import (
	"fmt"
	"log"

	"github.com/growarena/growarena/arena"
)

type vertex struct {
	X, Y float64
	Next arena.Ref[vertex] // Instead of *vertex: the collector does not look in here.
}

// Go's experimental package arena, without GOEXPERIMENT: New, MakeSlice, Clone and
// Free, for types without pointers.
func Example_goArena() {
	a, err := arena.NewArena(arena.Options{}) // was: a := arena.NewArena()
	if err != nil {
		log.Fatal(err)
	}
	defer a.Free()

	p := arena.New[vertex](a)
	p.X = 1
	s := arena.MakeSlice[vertex](a, 0, 1000)
	s = append(s, vertex{Y: 2, Next: arena.RefTo(a, p)})
	c := arena.Clone(a, s[0]) // was: arena.Clone(s[0]), which gives a shallow copy on the heap
	fmt.Println(c.Y, c.Next.In(a).X, cap(s))
	// Output: 2 1 1000
}
