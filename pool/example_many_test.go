//go:build linux && !portable && !(386 || arm || mips || mipsle)

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
