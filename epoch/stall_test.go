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
	d := epoch.NewDomain(epoch.Options{Name: "d", StallAfter: testutil.NoStall})
	var guards [6]epoch.Guard
	for i := range guards {
		guards[i] = pin(t, d)
	}
	text := d.Shutdown(ended()).Error()
	if n := strings.Count(text, "\nslot "); n != 4 || !strings.Contains(text, "\nand 2 more") {
		t.Errorf("%d named: %s", n, text)
	}
	guards[0].Unpin()
	guards[1].Unpin()
	if text := d.Shutdown(ended()).Error(); strings.Contains(text, "more") {
		t.Errorf("four pins are more than four: %s", text)
	}
	for i := range guards[2:] {
		guards[i+2].Unpin()
	}
}

// TestStall_NotYet: a pin that has held something for less than StallAfter is not told, nor
// shown, whatever the time.
func TestStall_NotYet(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, OnStall: func(s epoch.Stall) { t.Error("told:", s) }})
	g := pin(t, d)
	d.Retire(epoch.Retired{})
	eventually(t, "looked at", d.Counting)
	if s := d.Stats().Stalled; len(s) != 0 || d.Traced() {
		t.Errorf("stalled %v, traced %v", s, d.Traced())
	}
	g.Unpin()
	eventually(t, "idle", d.Idle)
}

// TestStall_Lifetimes: by the exact rule a pin holds what lived in its version, and is shown for
// nothing else.
func TestStall_Lifetimes(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: 1, Slots: 8})
	var guards []epoch.Guard
	for v := uint64(1); v <= 5; v++ {
		guards = append(guards, pin(t, d)) // of version v
		var drop []epoch.Retired
		if v == 3 {
			drop = []epoch.Retired{{Birth: 2, Bytes: 7}} // in versions 2 and 3
		}
		publish(t, d, v, drop...)
	}
	d.Stats()
	got := map[uint64]int64{}
	for _, s := range d.Stats().Stalled {
		got[s.Version] = s.Bytes
	}
	if len(got) != 2 || got[2] != 7 || got[3] != 7 {
		t.Errorf("held by version: %v", got)
	}
	for i := range guards {
		guards[i].Unpin()
	}
	eventually(t, "idle", d.Idle)
}

// TestStall_String: who is not known has no lines; who is known comes first, Pin's caller.
func TestStall_String(t *testing.T) {
	if s := (epoch.Stall{Slot: 3, Version: 7, Bytes: 5}).String(); strings.Contains(s, "\n") {
		t.Errorf("of nobody: %q", s)
	}
	d := epoch.NewDomain(epoch.Options{Trace: true})
	g, _ := d.Pin()
	l := d.NewLocal()
	l.Pin()
	for _, s := range d.Pins(2) {
		lines := strings.Split(s.String(), "\n")
		if len(lines) < 2 || !strings.HasSuffix(lines[1], "TestStall_String") {
			t.Errorf("pinned by %q", lines)
		}
	}
	l.Unpin()
	g.Unpin()
}

// TestHolders_LocalGone: an error names who pinned at the last look, of which a Local may have
// gone since.
func TestHolders_LocalGone(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "d", StallAfter: testutil.NoStall, Trace: true})
	l := d.NewLocal()
	a, b := pin(t, d), pin(t, d)
	pinLocal(t, l)
	d.Retire(epoch.Retired{})
	eventually(t, "looked at", d.Counting)
	l.Unpin() // One of three does not make the reaper look again.
	l.Close()
	if err := d.Barrier(ended()); err == nil || !strings.Contains(err.Error(), "local 0: version 1") {
		t.Errorf("Barrier: %v", err)
	}
	a.Unpin()
	b.Unpin()
	eventually(t, "idle", d.Idle)
}

// TestEvent: who waits without a time limit waits until it is told; one that was told before
// goes on at once, and then waits again.
func TestEvent(t *testing.T) {
	e := epoch.NewEvent()
	e.Set()
	e.Set()
	e.Wait(0)
	told := make(chan struct{})
	woken := make(chan struct{})
	go func() {
		e.Wait(0)
		select {
		case <-told:
		default:
			t.Error("woken by nobody")
		}
		close(woken)
	}()
	time.Sleep(5 * time.Millisecond)
	close(told)
	e.Set()
	<-woken
	e.Wait(time.Microsecond)
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
