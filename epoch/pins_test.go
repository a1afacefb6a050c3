package epoch_test

import (
	"strings"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestPins: pins are told with what waits for each, those that hold something longest first, and no
// more than are wanted.
func TestPins(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "pins", Trace: true, StallAfter: testutil.NoStall, Slots: 1})
	if d.Name() != "pins" || d.Stats().Closed {
		t.Errorf("%q, %+v", d.Name(), d.Stats())
	}
	local := d.NewLocal()
	defer local.Close()
	if _, err := local.Pin(); err != nil {
		t.Fatal(err)
	}
	d.Retire(epoch.Retired{Bytes: 5})
	d.Pins(1) // Sees that it holds something.
	middle := pin(t, d)
	d.Retire(epoch.Retired{Bytes: 7})
	d.Pins(0)
	last := pin(t, d)
	check := func(n int, want ...epoch.Stall) {
		t.Helper()
		got := d.Pins(n)
		if len(got) != len(want) {
			t.Fatalf("%d pins of %d: %v", len(got), n, got)
		}
		for i, s := range got {
			w := want[i]
			if s.Domain != "pins" || s.Local != w.Local || s.Version != w.Version || s.Bytes != w.Bytes || (s.Age > 0) != (w.Bytes > 0) || s.Lost {
				t.Errorf("pin %d is %v, want %v", i, s, w)
			}
			if !strings.Contains(s.String(), "epoch_test.") {
				t.Errorf("pin %d is of nobody: %v", i, s)
			}
		}
		if i := len(got); i > 1 && got[0].Age < got[1].Age {
			t.Errorf("ages: %v", got)
		}
	}
	first := epoch.Stall{Local: true, Version: 1, Bytes: 12}
	second, third := epoch.Stall{Version: 2, Bytes: 7}, epoch.Stall{Version: 3}
	check(100, first, second, third)
	check(3, first, second, third)
	check(2, first, second)
	check(1, first)
	check(0)
	local.Unpin()
	check(2, second, third)
	middle.Unpin()
	last.Unpin()
	check(2)
	d.Close()
	if !d.Stats().Closed {
		t.Error("it is closed, and does not say so")
	}
	defer func() {
		if recover() == nil {
			t.Error("Pins(-1) does not panic")
		}
	}()
	d.Pins(-1)
}
