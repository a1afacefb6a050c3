package main

import "github.com/growarena/growarena/arena"

// linearStep grows and shrinks the memory of a WebAssembly instance.
func linearStep(e env) (kept, error) {
	m, err := arena.NewLinearMemory(uint64(e.size), uint64(4*e.size), arena.LinearOptions{Name: "smoke linear"})
	if err != nil {
		return kept{}, err
	}
	var c content
	var b []byte
	k := kept{func() error { return c.check(b, 0) }, func() error { m.Free(); return nil }}
	for i, n := range []int{64 * kib, mib, e.size, e.size / 2, e.size + 3*64*kib, 2 * e.size} {
		old := len(b)
		grown := m.Reallocate(uint64(n))
		if grown == nil {
			return kept{}, worse(worse(m.Err(), k.check()), k.free())
		}
		if len(grown) != n || old > 0 && &grown[0] != &b[0] {
			return kept{}, wrongf("%d bytes at %p, want %d at %p", len(grown), grown, n, b)
		}
		b = grown
		if n > old {
			c.put(b[old:], old, uint32(i+1)) // What has been there before may be there again.
		} else {
			c.cut(n)
		}
	}
	return k, k.check()
}
