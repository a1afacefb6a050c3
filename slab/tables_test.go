package slab

import (
	"errors"
	"testing"
)

// TestTables_Full: where the tables of spans or groups are full, an
// allocation is an error that says so and leaves nothing, and the next one works
// when there is room.
func TestTables_Full(t *testing.T) {
	a := New(Options{})
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	b, err := a.Alloc(4096)
	if err != nil {
		t.Fatal(err)
	}
	a.Free(b)
	const full = (1<<(32-tableShift) - 1) << tableShift
	for name, next := range map[string]struct {
		next *uint32
		full uint32
	}{
		"spans":  {&a.spans.next, full},
		"groups": {&a.groups.group.next, full},
	} {
		for _, n := range []int{24, 20 << 10} {
			before, was, spans, groups := a.Stats(), *next.next, a.spans.free, a.groups.free
			*next.next, a.spans.free = next.full, nil
			clear(a.groups.free[:])
			_, err := a.Alloc(n)
			*next.next, a.spans.free, a.groups.free = was, append(spans, a.spans.free...), groups
			if !errors.Is(err, errTables) {
				t.Errorf("%s, %d bytes: %v", name, n, err)
			}
			if after := a.Stats(); after.Live != before.Live || after.Objects != before.Objects || after.Charged != before.Charged {
				t.Errorf("%s, %d bytes: %+v, before %+v", name, n, after, before)
			}
		}
	}
	for _, n := range []int{24, 20 << 10} {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(b)
	}
}

// TestTable: numbers are consecutive within a chunk, belong to one record each, and
// records stay where they are.
func TestTable(t *testing.T) {
	var groups groupTable
	seen := make(map[*group]uint32)
	taken := 0
	for i := range 3000 {
		n := 1 + i%groupsMax
		first := groups.allocLocked(n)
		if first == 0 {
			t.Fatalf("no numbers after %d", taken)
		}
		for g := first; g < first+uint32(n); g++ {
			if other, twice := seen[groups.at(g)]; twice {
				t.Fatalf("groups %#x and %#x are one", g, other)
			}
			seen[groups.at(g)] = g
			*groups.spanOf(g) = g
		}
		taken += n
	}
	for gr, g := range seen {
		if groups.at(g) != gr || *groups.spanOf(g) != g {
			t.Fatalf("group %#x has moved, or its span is %#x", g, *groups.spanOf(g))
		}
	}
	room := 0
	for _, c := range groups.group.chunks {
		room += len(c)
	}
	if room > 2*taken {
		t.Errorf("there is room for %d groups, %d are taken", room, taken)
	}
}
