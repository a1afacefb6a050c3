//go:build linux

package arena_test

import (
	"fmt"

	"github.com/growarena/growarena/arena"
)

// What a WebAssembly engine does with the memory of an instance: it grows in
// place, up to its limit.
func ExampleLinearMemory() {
	const page = 64 << 10
	m, err := arena.NewLinearMemory(page, 3*page, arena.LinearOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer m.Free()
	first := m.Reallocate(page)
	copy(first, "hello")
	b := m.Reallocate(3 * page)
	fmt.Println(len(b), string(b[:5]), &b[0] == &first[0])
	fmt.Println(m.Reallocate(4*page) == nil)
	fmt.Println(m.Err())
	// Output:
	// 196608 hello true
	// true
	// arena: grow "linear memory" by 65536 bytes to 262144: arena full: the limit is 196608 bytes
}
