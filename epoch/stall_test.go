package epoch_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestStall_Holds: a pin is reported with what waits for it: nothing that was
// retired before the version it pins, and all that was after.
func TestStall_Holds(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: 1})
	begin := time.Now()
	g := pin(t, d)
	d.Retire(epoch.Retired{Bytes: 5})
	h := pin(t, d) // of the version in which those 5 bytes had gone
	if s := d.Stats(); len(s.Stalled) > 1 || s.Pinned != 2 {
		t.Errorf("a pin that holds nothing is stalled: %v", s.Stalled)
	}
	d.Retire(epoch.Retired{Bytes: 7})
	d.Stats()
	got := map[uint64]epoch.Stall{}
	for _, s := range d.Stats().Stalled {
		got[s.Version] = s
		if most := time.Since(begin); s.Age <= 0 || s.Age > most {
			t.Errorf("version %d has held something for %v of %v", s.Version, s.Age, most)
		}
	}
	if len(got) != 2 || got[1].Bytes != 12 || got[2].Bytes != 7 {
		t.Errorf("stalled: %v", got)
	}
	g.Unpin()
	h.Unpin()
	eventually(t, "idle", d.Idle)
}

// TestStall_RefreshedIsAnother: a pin that was refreshed holds other things, and is
// reported for them again.
func TestStall_RefreshedIsAnother(t *testing.T) {
	var told atomic.Int64
	d := epoch.NewDomain(epoch.Options{StallAfter: 1, OnStall: func(epoch.Stall) { told.Add(1) }})
	g := pin(t, d)
	for n := int64(1); n <= 3; n++ {
		d.Retire(epoch.Retired{})
		eventually(t, "told", func() bool { return told.Load() == n })
		if err := g.Refresh(); err != nil {
			t.Fatal(err)
		}
	}
	g.Unpin()
	eventually(t, "idle", d.Idle)
}

// TestStall_ErrorsNameFour: an error names a few of those who hold.
func TestStall_ErrorsNameFour(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	var guards [6]epoch.Guard
	for i := range guards {
		guards[i] = pin(t, d)
	}
	text := d.Shutdown(ended()).Error()
	if n := strings.Count(text, "\nslot "); n != 4 || !strings.Contains(text, "\nand 2 more") {
		t.Errorf("%d named: %s", n, text)
	}
	for i := range guards {
		guards[i].Unpin()
	}
}

// TestStats_WhileFreeing: what is being freed counts as retired until its Free has
// returned.
func TestStats_WhileFreeing(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	var s epoch.Stats
	d.Retire(epoch.Retired{Bytes: 5, Free: func() { s = d.Stats() }})
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	if s.Retired != 1 || s.RetiredBytes != 5 || s.Freed != 0 || s.FreedBytes != 0 {
		t.Errorf("in the Free: %+v", s)
	}
	if s := d.Stats(); s.Retired != 0 || s.RetiredBytes != 0 || s.Freed != 1 || s.FreedBytes != 5 {
		t.Errorf("after it: %+v", s)
	}
}

// TestNextWake: the reaper looks again when the first pin may have stalled.
func TestNextWake(t *testing.T) {
	for _, tt := range [][3]time.Duration{{0, 5, 5}, {5, 3, 3}, {3, 5, 3}, {4, 4, 4}} {
		if got := epoch.NextWake(tt[0], tt[1]); got != tt[2] {
			t.Errorf("of %v and %v: %v", tt[0], tt[1], got)
		}
	}
}
