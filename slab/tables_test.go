package slab

import (
	"errors"
	"testing"
)

// TestTables_Full: where the tables of spans, groups or regions are full, an
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
	for name, next := range map[string]struct {
		next *uint32
		full uint32
	}{
		"spans":  {&a.spans.next, spanChunkLen * spanChunkMax},
		"groups": {&a.groups.next, groupChunkLen * groupChunkMax},
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
	if _, err := a.newRegionLocked(regionMax); !errors.Is(err, errTables) {
		t.Errorf("regions: %v", err)
	}
	for _, n := range []int{24, 20 << 10} {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		a.Free(b)
	}
}
