//go:build linux && !portable

package pool_test

import (
	"fmt"

	"github.com/growarena/growarena/pool"
)

// A buffer is known by its address, so any slice of it from its start names it.
func ExamplePool_Shrink() {
	p, err := pool.New(pool.Options{Name: "queues"})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := p.Alloc(1 << 20)
	if err != nil {
		fmt.Println(err)
		return
	}
	old := b
	b = p.Shrink(b, 100) // Memory behind it goes back, if that is worth a system call.
	fmt.Println(len(b), p.Len(old), p.Owns(old), p.Owns(old[1:]))
	p.Free(b)
	fmt.Println(p.Trim(), p.Close())
	// Output:
	// 100 100 true false
	// <nil> <nil>
}

// A buffer that stays within its band grows without a system call: Room says how far.
func ExamplePool_Room() {
	p := must(pool.New(pool.Options{Band: 64 << 10}))
	defer p.Close()
	b := must(p.Alloc(1))
	b = must(p.Grow(b, p.Room()))
	fmt.Println("in the band:", p.Stats().Moved == 0)
	b = must(p.Grow(b, p.Room()+1))
	fmt.Println("beyond:", p.Stats().Moved, "moved")
	p.Free(b)
	// Output:
	// in the band: true
	// beyond: 1 moved
}
