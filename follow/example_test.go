//go:build linux

package follow_test

import (
	"fmt"
	"io"
	"os"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/follow"
)

// One side writes into an arena and says how far, another one, which could be in another
// process, has a descriptor of the file and follows.
func Example() {
	a, err := arena.NewArena(arena.Options{Name: "log"})
	if err != nil {
		panic(err)
	}
	defer a.Free()
	lengths := make(chan int, 1) // In other programs a pipe, a message, a word of shared memory.
	write := func(s string) {
		b, err := a.Alloc(len(s))
		if err != nil {
			panic(err)
		}
		copy(b, s)
		lengths <- a.Len()
	}

	f, err := a.File() // For reading alone.
	if err != nil {
		panic(err)
	}
	l, err := follow.New(f, follow.Options{Name: "log", NoDescriptor: true})
	if err != nil {
		panic(err)
	}
	defer l.Close()
	f.Close() // The follower needs it no more.

	write("first ")
	if err := l.Extend(<-lengths); err != nil {
		panic(err)
	}
	first := l.Bytes()
	write("second")
	if err := l.Extend(<-lengths); err != nil {
		panic(err)
	}
	fmt.Printf("%s|%s\n", first, l.Bytes())
	fmt.Println(l.Extend(1 << 30))
	// Output:
	// first |first second
	// follow: extend "log" to 1073741824 bytes: move: beyond the end of the file: touching byte 1073741823 is a fault
}

// A file that others may cut is read within CatchFault: what is gone is an error.
func ExampleFollower_Extend_cut() {
	f, err := os.CreateTemp("", "growarena")
	if err != nil {
		panic(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		panic(err)
	}
	l, err := follow.New(f, follow.Options{})
	if err != nil {
		panic(err)
	}
	defer l.Close()
	if err := l.Extend(1 << 20); err != nil {
		panic(err)
	}

	if err := f.Truncate(0); err != nil { // By somebody who knows no better.
		panic(err)
	}
	err = arena.CatchFault(nil, func() error {
		_, err := io.Copy(io.Discard, l.NewReader())
		return err
	})
	fmt.Println(err != nil)
	fmt.Println(l.Extend(1<<20 + 1))
	// Output:
	// true
	// follow: extend "follower" to 1048577 bytes: backing file was made shorter by somebody else: from 1048576 to 0 bytes
}
