package slab

import (
	"fmt"
	"slices"
)

// fill sets all of b.
func fill(b []byte, with byte) {
	if len(b) == 0 {
		return
	}
	b[0] = with
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}

// mustBePoisoned panics if somebody has written into b since it was freed, and
// gives it back before.
func mustBePoisoned(a *Allocator, method string, b []byte, r record) {
	i := slices.IndexFunc(b, func(c byte) bool { return c != poison })
	if i < 0 {
		return
	}
	who := ""
	if r.n != 0 {
		who = fmt.Sprintf(", allocated by%v\nfreed by%v", r.allocated, r.released)
	}
	what := b[i]
	fill(b, poison)
	a.release(method, b)
	panic(fmt.Sprintf("slab: %s: %#x was written at %#x, byte %d of %d that are free%s",
		method, what, addrOf(b)+uintptr(i), i, len(b), who))
}
