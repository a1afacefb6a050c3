package epoch_test

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/growarena/growarena/epoch"
)

// TestTable_Numbers: each overflow table is twice as large as the one before, so
// that there are few, and each slot has a number of its own, by which reports name
// it and find its stack.
func TestTable_Numbers(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Slots: 1, StallAfter: 1, Trace: true})
	guards := make([]epoch.Guard, 64)
	for i := range guards {
		guards[i] = pin(t, d)
	}
	if err := d.Retire(epoch.Retired{Bytes: 3}); err != nil {
		t.Fatal(err)
	}
	d.Stats() // from here on they are known to hold something
	s := d.Stats()
	// Tables of so few words are searched as a whole: 1, and 1+2+4+8+16+32.
	if s.Pinned != 64 || s.Slots != 64 || d.Tables() != 6 {
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
	named := map[string]bool{}
	for i := range guards {
		dead := guards[i]
		guards[i].Unpin()
		func() {
			defer func() { named[regexp.MustCompile(`slot \d+`).FindString(fmt.Sprint(recover()))] = true }()
			dead.Unpin()
		}()
	}
	for slot := range seen {
		if !named[fmt.Sprintf("slot %d", slot)] {
			t.Errorf("the panics name %v, and not slot %d", named, slot)
		}
	}
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "idle", d.Idle)
}

// TestTable_Home: a pin's place is that of the high bits of its hash, or one of the four behind
// it, or in an overflow table.
func TestTable_Home(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Slots: 64})
	for i, want := range []int{62, 63, 0, 1, 2} {
		if got := d.Claim(62<<58 | 7); got != want {
			t.Errorf("pin %d is in slot %d, want %d", i, got, want)
		}
	}
	if got := d.Claim(62<<58 | 7); got < 64 {
		t.Errorf("a sixth pin is in slot %d of the first table", got)
	}
	one := epoch.NewDomain(epoch.Options{Slots: 2})
	for i, want := range []int{1, 0} {
		if got := one.Claim(1 << 63); got != want {
			t.Errorf("of two slots: pin %d is in %d, want %d", i, got, want)
		}
	}
	if got := one.Claim(0); got < 2 {
		t.Errorf("a third pin is in slot %d of two", got)
	}
}

// TestTable_Size: there is room for the readers that can run at once.
func TestTable_Size(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(32))
	if n := epoch.NewDomain(epoch.Options{}).Stats().Slots; n != 8*32 {
		t.Errorf("%d slots for 32 processors", n)
	}
	runtime.GOMAXPROCS(1)
	if n := epoch.NewDomain(epoch.Options{}).Stats().Slots; n != 64 {
		t.Errorf("%d slots for one", n)
	}
}

// TestStackHash: goroutines that are there at once go to slots of their own, nearly always.
func TestStackHash(t *testing.T) {
	slots := map[uint64]bool{}
	for _, h := range epoch.StackHashes(16) {
		slots[h>>58] = true
	}
	if len(slots) < 8 {
		t.Errorf("16 goroutines are in %d of 64 slots", len(slots))
	}
}
