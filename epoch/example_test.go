package epoch_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/growarena/growarena/epoch"
)

// A Domain that owns what it publishes: readers read the value of their guard,
// and a table goes when no pinned version contains it.
func ExampleDomain() {
	d := epoch.NewDomain(epoch.Options{Name: "routes"})
	born, _ := d.Publish([]string{"a", "b"})

	g, _ := d.Pin() // a slow reader
	d.Publish([]string{"a", "b", "c"}, epoch.Retired{
		Birth: born,
		Free:  func() { fmt.Println("the old table is freed") },
	})
	fmt.Println("pinned:", g.Value(), "newest:", d.Value())
	g.Unpin()

	d.Shutdown(context.Background())
	// Output:
	// pinned: [a b] newest: [a b c]
	// the old table is freed
}

func ExampleDomain_Read() {
	d := epoch.NewDomain(epoch.Options{})
	d.Publish("hello")
	err := d.Read(func(value any) error {
		fmt.Println(value)
		return nil
	})
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}

// A loop that keeps one guard moves it on as it goes, so that it never holds
// what is long gone.
func ExampleGuard_Refresh() {
	d := epoch.NewDomain(epoch.Options{Name: "config"})
	d.Publish(1)
	g, err := d.Pin()
	if err != nil {
		return
	}
	for {
		fmt.Println("at", g.Value())
		if g.Value() == 2 {
			d.Shutdown(ended())
		} else {
			d.Publish(2)
		}
		if err := g.Refresh(); err != nil {
			fmt.Println(err) // and the guard is unpinned
			return
		}
	}
	// Output:
	// at 1
	// at 2
	// epoch: "config": domain closed
}

// A goroutine that pins again and again has a slot of its own.
func ExampleLocal() {
	d := epoch.NewDomain(epoch.Options{})
	d.Publish(map[string]int{"a": 1, "b": 2})

	l := d.NewLocal() // for this goroutine
	defer l.Close()
	sum := 0
	for _, key := range []string{"a", "b", "a"} {
		table, err := l.Pin()
		if err != nil {
			return
		}
		sum += table.(map[string]int)[key]
		l.Unpin()
	}
	fmt.Println(sum, d.Stats().Locals)
	// Output: 4 1
}

// Many owners share one Domain. The guard only pins; what is read is reached by
// pointers, and what was unlinked waits for every older pin.
func ExampleDomain_Retire() {
	shared := epoch.NewDomain(epoch.Options{})
	g, _ := shared.Pin()
	// ... the reader follows pointers; a writer unlinks a node:
	shared.Retire(epoch.Retired{Bytes: 64, Free: func() { fmt.Println("node freed") }})
	fmt.Println("retired:", shared.Stats().Retired)
	g.Unpin()
	shared.Barrier(context.Background())
	fmt.Println("retired:", shared.Stats().Retired)
	// Output:
	// retired: 1
	// node freed
	// retired: 0
}

func ExampleDomain_Close() {
	d := epoch.NewDomain(epoch.Options{Name: "routes"})
	born, _ := d.Publish("old")
	g, _ := d.Pin()
	d.Publish("new", epoch.Retired{Birth: born, Free: func() { fmt.Println("old freed") }})

	err := d.Close() // does not wait
	fmt.Println(errors.Is(err, epoch.ErrPinned), g.Value())

	g.Unpin() // frees what it held, on a goroutine of the Domain
	d.Barrier(context.Background())
	fmt.Println(d.Close())
	// Output:
	// true old
	// old freed
	// <nil>
}

func ExampleDomain_Shutdown() {
	d := epoch.NewDomain(epoch.Options{})
	born, _ := d.Publish("last")
	last := epoch.Retired{Birth: born, Free: func() { fmt.Println("last freed") }}

	g, _ := d.Pin()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // no patience
	err := d.Shutdown(ctx, last)
	fmt.Println(errors.Is(err, epoch.ErrPinned), g.Value())

	g.Unpin() // still allowed, and now it goes
	fmt.Println(d.Shutdown(context.Background()))
	// Output:
	// true last
	// last freed
	// <nil>
}

// Synchronize waits for the readers there are; those that come later do not matter.
func ExampleDomain_Synchronize() {
	d := epoch.NewDomain(epoch.Options{})
	g, _ := d.Pin()
	go g.Unpin() // A reader that will be done soon.
	fmt.Println(d.Synchronize(context.Background()))
	// Output: <nil>
}

// A limit on what waits for readers makes writers wait, instead of memory grow.
func ExampleDomain_PublishWait() {
	d := epoch.NewDomain(epoch.Options{MaxRetired: 1 << 20})
	born, _ := d.Publish("a")
	g, _ := d.Pin()
	born, _ = d.Publish("b", epoch.Retired{Birth: born, Bytes: 1 << 20}) // Waits for g.

	next := epoch.Retired{Birth: born, Bytes: 1 << 20}
	_, err := d.Publish("c", next)
	fmt.Println(errors.Is(err, epoch.ErrRetired))

	go g.Unpin()
	_, err = d.PublishWait(context.Background(), "c", next)
	fmt.Println(err, d.Value())
	// Output:
	// true
	// <nil> c
}

// What no reader holds is freed at once, on the caller, instead of by a goroutine soon:
// where memory is short, or where a test counts.
func ExampleDomain_TryReclaim() {
	d := epoch.NewDomain(epoch.Options{})
	g, _ := d.Pin()
	d.Retire(epoch.Retired{Free: func() { fmt.Println("freed") }})
	fmt.Println(d.TryReclaim(), "while a guard is pinned")
	g.Unpin()
	d.TryReclaim() // or the reaper, which Unpin has woken
	d.Barrier(context.Background())
	d.Shutdown(context.Background())
	// Output:
	// 0 while a guard is pinned
	// freed
}
