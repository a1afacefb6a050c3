package arena_test

import (
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// must unwraps a result where an example has no use for the error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The old address of a byte stays good while its arena outgrows windows.
func Example() {
	a, err := arena.NewArena(arena.Options{Name: "log", Reserve: 2 << 20})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer a.Free()

	first, err := a.Alloc(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	copy(first, "hello")
	if err := a.Grow(1 << 30); err != nil { // Does not fit the window: it moves, the bytes do not.
		fmt.Println(err)
		return
	}
	copy(a.Bytes(), "HE") // Written through the new address,
	fmt.Printf("%s\n", first[:5])
	// Output: HEllo
}

func ExampleArena_Alloc() {
	a := must(arena.NewArena(arena.Options{Limit: 100}))
	defer a.Free()
	b := must(a.Alloc(60))
	fmt.Println(len(b), cap(b), b[59], a.Len())
	_, err := a.Alloc(60)
	fmt.Println(errors.Is(err, arena.ErrFull), a.Len())
	// Output:
	// 60 60 0 60
	// true 60
}

// Each goroutine takes memory of the same arena through a handle of its own.
func ExampleArena_NewLocal() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	type point struct{ x, y int }
	var g sync.WaitGroup
	points := make([][]*point, 4)
	for i := range points {
		g.Go(func() {
			l := a.NewLocal()
			for k := range 1000 {
				p := arena.NewFrom[point](l)
				p.x, p.y = i, k
				points[i] = append(points[i], p)
			}
		})
	}
	g.Wait()
	fmt.Println(*points[3][999], a.Len() >= 4000*16)
	// Output: {3 999} true
}

// A table that is written all the time is copied to a file, and then what has changed.
func ExampleArena_Checkpoint() {
	a := must(arena.NewArena(arena.Options{Name: "table"}))
	defer a.Free()
	table := must(a.Alloc(1 << 20))
	if err := a.Track(); errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("true true") // Before Linux 6.7.
		return
	} else if err != nil {
		log.Fatal(err)
	}
	f := must(os.CreateTemp("", "table"))
	defer os.Remove(f.Name())
	defer f.Close()

	var writers sync.Mutex // Held for each write.
	o := arena.CheckpointOptions{
		Quiesce: func() error { writers.Lock(); return nil },
		Resume:  writers.Unlock,
	}
	o.Since = must(a.Checkpoint(f, o)) // All of it.

	writers.Lock()
	table[123_456] = 1
	writers.Unlock()
	c := must(a.Checkpoint(f, o)) // One page.

	b := must(arena.NewArena(arena.Options{Name: "another day"}))
	defer b.Free()
	if err := b.Restore(f, c.Len); err != nil {
		log.Fatal(err)
	}
	fmt.Println(b.Bytes()[123_456] == 1, c.Copied < 100_000)
	// Output: true true
}

func ExampleArena_AllocAligned() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	must(a.Alloc(3))
	b := must(a.AllocAligned(100, 64))
	fmt.Println(a.Offset(b))
	// Output: 64
}

// A reader that holds a guard is not disturbed by growth.
func ExampleArena_Pin() {
	a := must(arena.NewArena(arena.Options{Reserve: 2 << 20, Retire: true}))
	defer a.Free()
	copy(must(a.Alloc(5)), "hello")

	g, err := a.Pin()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer g.Unpin()
	b := g.Bytes()
	must(a.Alloc(1 << 30)) // Moves; b stays where it is.
	fmt.Printf("%s %d\n", b, len(b))
	if err := g.Refresh(); err != nil { // From here on b is no longer protected.
		fmt.Println(err)
		return
	}
	fmt.Println(len(g.Bytes()))
	// Output:
	// hello 5
	// 1073741829
}

// A goroutine that looks again and again has a guard of its own.
func ExampleArena_NewLocalGuard() {
	a := must(arena.NewArena(arena.Options{Reserve: 2 << 20, Retire: true}))
	defer a.Free()
	g := a.NewLocalGuard()
	defer g.Close()
	for _, word := range []string{"hello", ", ", "world"} {
		copy(must(a.Alloc(len(word))), word)
		if err := g.Pin(); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%q\n", g.Bytes())
		g.Unpin()
	}
	// Output:
	// "hello"
	// "hello, "
	// "hello, world"
}

func ExampleArena_Read() {
	a := must(arena.NewArena(arena.Options{Retire: true}))
	defer a.Free()
	copy(must(a.Alloc(5)), "hello")
	err := a.Read(func(b []byte) error {
		fmt.Printf("%s\n", b)
		return nil
	})
	fmt.Println(err)
	// Output:
	// hello
	// <nil>
}

// Very many arenas can share one domain.
func ExampleOptions_domain() {
	d := epoch.NewDomain(epoch.Options{})
	one := must(arena.NewArena(arena.Options{Domain: d}))
	two := must(arena.NewArena(arena.Options{Domain: d}))
	defer one.Free()
	defer two.Free()
	must(one.Alloc(1))
	must(two.Alloc(2))

	g, err := d.Pin()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(one.Bytes()), len(two.Bytes())) // Both valid until Unpin.
	g.Unpin()
	// Output: 1 2
}

func ExampleOptions_commit() {
	a := must(arena.NewArena(arena.Options{Commit: true}))
	defer a.Free()
	if err := a.Grow(8 << 20); err != nil { // Out of memory would be an error here, not a signal later.
		fmt.Println(err)
		return
	}
	fmt.Println(a.Stats().Committed >= 8<<20)
	// Output: true
}

func ExampleArena_Decommit() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	b := must(a.Alloc(1 << 20))
	b[0], b[1<<20-1] = 1, 1
	if err := a.Decommit(0, 512<<10); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(b[0], b[1<<20-1])
	// Output: 0 1
}

// A list that holds no pointers: it may lie in the arena, and in another process.
func ExampleRef() {
	type node struct {
		value int
		next  arena.Ref[node]
	}
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	var list arena.Ref[node]
	for v := range 3 {
		n := arena.New[node](a)
		n.value, n.next = v, list
		list = arena.RefTo(a, n)
	}
	for n := list.In(a); n != nil; n = n.next.In(a) {
		fmt.Println(n.value)
	}
	// Output:
	// 2
	// 1
	// 0
}

func ExampleMakeSlice() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	s := arena.MakeSlice[float64](a, 0, 3)
	s = append(s, 1, 2, 3) // Within the capacity: no copy.
	t := arena.CloneSlice(a, s)
	fmt.Println(len(s), t[2], *arena.Clone(a, 7))
	// Output: 3 3 7
}

// A container for values of its users' types refuses, when it is made, what the
// garbage collector would have to look for.
func ExamplePointerFree() {
	type event struct{ At, Size int64 }
	type named struct {
		Name string
		At   int64
	}
	fmt.Println(arena.PointerFree[event]())
	fmt.Println(arena.PointerFree[named]())
	// Output:
	// <nil>
	// arena: arena_test.named contains a pointer (Name: string): the garbage collector does not look there; store a Ref or an offset instead
}

func ExampleParseRung() {
	r, err := arena.ParseRung("rehome")
	fmt.Println(arena.RungInWindow|r, err)
	// Output: in-window+rehome <nil>
}

// What was allocated since a mark is taken back, as long as nobody reads it.
func ExampleArena_Truncate() {
	a := must(arena.NewArena(arena.Options{}))
	defer a.Free()
	copy(must(a.Alloc(5)), "hello")
	mark := a.Len()
	must(a.Alloc(1000)) // Something that turns out to be wrong.
	a.Truncate(mark)
	fmt.Println(a.Len(), string(a.Bytes()))
	// Output: 5 hello
}

// New panics where the memory cannot be had, as new does; TryNew returns an error.
func ExampleTryNew() {
	type page [4096]byte
	a := must(arena.NewArena(arena.Options{Name: "pages", Limit: 8192}))
	defer a.Free()
	for {
		if _, err := arena.TryNew[page](a); err != nil {
			fmt.Println(errors.Is(err, arena.ErrFull), a.Len())
			return
		}
	}
	// Output: true 8192
}

// A Buffer that begins with a text, as bytes.NewBufferString makes it.
func ExampleNewBufferString() {
	b := arena.NewBufferString("line 1\nline 2\n")
	defer b.Free()
	line, err := b.ReadString('\n')
	fmt.Printf("%q %v, %d bytes left\n", line, err, b.Len())
	// Output: "line 1\n" <nil>, 7 bytes left
}
