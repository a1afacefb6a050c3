//go:build linux && !portable

package pool_test

import (
	"fmt"

	"github.com/growarena/growarena/pool"
)

// A hundred thousand logs grow side by side in one mapping, and one of them
// becomes larger than its band.
func ExamplePool() {
	logs, err := pool.New(pool.Options{Name: "logs"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer logs.Close()

	all := make([][]byte, 100_000)
	for i := range all {
		all[i] = must(logs.Alloc(0))
	}
	first := must(logs.Grow(all[42], 5))
	copy(first, "hello")

	// 1 GiB does not fit the band: the buffer goes on elsewhere, without a copy,
	// and what is written there is seen through the old address.
	last := must(logs.Grow(first, 1<<30))
	copy(last, "HE")
	fmt.Printf("%s, one of %d\n", first, logs.Stats().Buffers)

	all[42] = last
	for _, log := range all {
		logs.Free(log)
	}
	// Output: HEllo, one of 100000
}

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
