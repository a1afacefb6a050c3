package epoch_test

import (
	"strings"
	"testing"

	"github.com/growarena/growarena/epoch"
)

// TestTable_Numbers: each overflow table is twice as large as the one before, so
// that there are few, and each slot has a number of its own, by which reports name
// it and find its stack.
func TestTable_Numbers(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Slots: 1, StallAfter: 1, Trace: true})
	guards := make([]epoch.Guard, 40)
	for i := range guards {
		guards[i] = pin(t, d)
	}
	if err := d.Retire(epoch.Retired{Bytes: 3}); err != nil {
		t.Fatal(err)
	}
	d.Stats() // from here on they are known to hold something
	s := d.Stats()
	// Tables of so few words are searched as a whole: 1, and 1+2+4+8+16+32.
	if s.Pinned != 40 || s.Slots != 64 || d.Tables() != 6 {
		t.Errorf("%d pinned in %d slots, %d overflow tables", s.Pinned, s.Slots, d.Tables())
	}
	seen := map[int]bool{}
	for _, stall := range s.Stalled {
		if stall.Slot < 0 || stall.Slot >= s.Slots || seen[stall.Slot] || stall.Bytes != 3 {
			t.Errorf("slot %d of %d, holding %d bytes, seen before: %v", stall.Slot, s.Slots, stall.Bytes, seen[stall.Slot])
		}
		if !strings.Contains(stall.String(), "TestTable_Numbers") {
			t.Errorf("slot %d has the wrong stack:\n%v", stall.Slot, stall)
		}
		seen[stall.Slot] = true
	}
	if len(seen) != len(guards) {
		t.Errorf("%d slots named, want %d", len(seen), len(guards))
	}
	for i := range guards {
		guards[i].Unpin()
	}
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "idle", d.Idle)
}
