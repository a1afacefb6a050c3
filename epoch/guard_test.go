package epoch_test

import (
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

func TestGuard_Misuse(t *testing.T) {
	t.Run("unpinned twice", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d", Slots: 1})
		publish(t, d, "a")
		g := pin(t, d)
		g.Unpin()
		wantPanic(t, g.Unpin, `epoch: Unpin of a Guard in domain "d"`, "slot 0, version 2", "the slot is free")
		wantPanic(t, func() { g.Refresh() }, "epoch: Refresh of a Guard", "slot 0, version 2")
	})
	t.Run("unpinned through a copy", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d", Slots: 1})
		g := pin(t, d)
		dead := g
		g.Unpin()
		wantPanic(t, dead.Unpin, "slot 0, version 1", "the slot is free")
		// The slot is used again, at the same version: still noticed, and
		// the new pin is untouched.
		g = pin(t, d)
		wantPanic(t, dead.Unpin, "slot 0, version 1", "the slot now holds version 1")
		publish(t, d, "new")
		wantPanic(t, func() { dead.Refresh() }, "epoch: Refresh", "the slot now holds version 1")
		if d.Stats().Pinned != 1 {
			t.Error("the other pin is gone")
		}
		g.Unpin()
	})
	t.Run("refreshed through a copy", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Slots: 1})
		g := pin(t, d)
		dead := g
		publish(t, d, "new")
		g.Refresh()
		wantPanic(t, dead.Unpin, "the pin was refreshed to version 2")
		g.Unpin()
	})
	t.Run("in an overflow table", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Slots: 1})
		a := pin(t, d)
		b := pin(t, d)
		dead := b
		b.Unpin()
		wantPanic(t, dead.Unpin, "slot 1, version 1")
		a.Unpin()
	})
	t.Run("never pinned", func(t *testing.T) {
		var g epoch.Guard
		wantPanic(t, g.Unpin, "epoch: Unpin of a Guard that Pin did not return")
		wantPanic(t, func() { g.Refresh() }, "epoch: Refresh of a Guard that Pin did not return")
		if g.Value() != nil || g.Version() != 0 {
			t.Error("zero guard has a value")
		}
	})
	t.Run("arguments", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d"})
		wantPanic(t, func() { d.Publish(nil, epoch.Retired{Birth: 2}) }, `epoch: publish in domain "d"`, "Birth 2", "new version is 2")
		wantPanic(t, func() { d.Retire(epoch.Retired{Bytes: -1}) }, "-1 Bytes")
		wantPanic(t, func() { d.Shutdown(ctx, epoch.Retired{Birth: 7}) }, "Birth 7")
		wantPanic(t, func() { epoch.NewDomain(epoch.Options{MaxRetired: -1}) }, "MaxRetired is -1")
		if err := d.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestGuard_CopyIsDeadForLong: a copy of a guard is dead through all the pins of
// its slot that the number in the slot's word can tell apart. A number of fewer bits
// repeats after a smaller power of two, one that is too long reaches into the
// version.
func TestGuard_CopyIsDeadForLong(t *testing.T) {
	for _, tt := range []struct {
		where string
		held  int // guards that keep the first table full
	}{{"first table", 0}, {"overflow table", 1}} {
		t.Run(tt.where, func(t *testing.T) {
			d := epoch.NewDomain(epoch.Options{Slots: 1})
			version := publish(t, d, "even: 2")
			for range tt.held {
				g := pin(t, d)
				defer g.Unpin()
			}
			first := pin(t, d)
			dead := first
			first.Unpin()
			for n := 1; n < epoch.PinsToldApart; n++ {
				g := pin(t, d)
				if g.Version() != version {
					t.Fatalf("pin %d is of version %d", n, g.Version())
				}
				if n&(n-1) == 0 || n == epoch.PinsToldApart-1 {
					wantPanic(t, dead.Unpin, "version 2", "the slot now holds version 2")
				}
				g.Unpin()
			}
		})
	}
}

func TestGuard_AllocatesNothing(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	value := any("v")
	publish(t, d, value)
	f := func(any) error { return nil }
	g := pin(t, d)
	defer g.Unpin()
	for name, op := range map[string]func(){
		"pin and unpin":         func() { g, _ := d.Pin(); g.Unpin() },
		"pin, value, unpin":     func() { g, _ := d.Pin(); _ = g.Value(); g.Unpin() },
		"deferred unpin":        func() { g, _ := d.Pin(); defer g.Unpin() },
		"read":                  func() { d.Read(f) },
		"refresh, nothing new":  func() { g.Refresh() },
		"pin, unpin of a third": func() { a, _ := d.Pin(); b, _ := d.Pin(); a.Unpin(); b.Unpin() },
	} {
		if n := testing.AllocsPerRun(100, op); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	// A refresh that moves on: the one allocation is Publish's view.
	if n := testing.AllocsPerRun(100, func() { d.Publish(value); g.Refresh() }); n > 1 {
		t.Errorf("publish and refresh: %v allocations", n)
	}
}

func TestGuard_NestedAndMoved(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	var c counter
	a := pin(t, d)
	b := pin(t, d)
	if err := d.Retire(c.retired(0, 1)); err != nil {
		t.Fatal(err)
	}
	a.Unpin()
	d.TryReclaim()
	if c.n.Load() != 0 {
		t.Fatal("freed under the inner guard")
	}
	done := make(chan bool)
	go func(g epoch.Guard) { g.Unpin(); close(done) }(b)
	<-done
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	wantPanic(t, b.Unpin, "not pinned")
}

func TestGuard_DebugChecksTheWord(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Debug: true})
	publish(t, d, "a")
	g := pin(t, d)
	dead := g
	if g.Value() != "a" {
		t.Fatal(g.Value())
	}
	publish(t, d, "b")
	if err := g.Refresh(); err != nil || g.Value() != "b" {
		t.Fatal(err, g.Value())
	}
	if err := g.Refresh(); err != nil || g.Value() != "b" {
		t.Fatal(err, g.Value())
	}
	wantPanic(t, func() { dead.Refresh() }, "epoch: Refresh of a Guard")
	wantPanic(t, func() { dead.Value() }, "epoch: Value of a Guard", "refreshed to version 3")
	g.Unpin()
	wantPanic(t, g.Unpin, "epoch: Unpin")
	if g.Value() != nil {
		t.Error("value after Unpin")
	}
	g = pin(t, d)
	d.Shutdown(ended())
	if err := g.Refresh(); !errors.Is(err, epoch.ErrClosed) || g.Value() != nil {
		t.Error(err, g.Value())
	}
}

// TestGuard_LostAreMany: all that are lost are told, and the first 64 remembered.
func TestGuard_LostAreMany(t *testing.T) {
	var told atomic.Int64
	d := epoch.NewDomain(epoch.Options{Debug: true, OnStall: func(epoch.Stall) { told.Add(1) }})
	for range 70 {
		loseGuard(t, d)
	}
	eventually(t, "told", func() bool {
		runtime.GC()
		return told.Load() == 70
	})
	if n := len(d.Stats().Lost); n != 64 {
		t.Errorf("%d remembered", n)
	}
}

// A guard that is dropped without Unpin is reported with its stack, and keeps
// its pin.
func TestGuard_LostIsReported(t *testing.T) {
	lost := make(chan epoch.Stall, 1)
	d := epoch.NewDomain(epoch.Options{Name: "d", Debug: true, OnStall: func(s epoch.Stall) {
		if s.Lost {
			lost <- s
		}
	}})
	publish(t, d, "a")
	loseGuard(t, d)
	kept := pin(t, d)
	unpinned := pin(t, d)
	unpinned.Unpin()
	var s epoch.Stall
	eventually(t, "reported", func() bool {
		runtime.GC()
		select {
		case s = <-lost:
			return true
		default:
			return false
		}
	})
	if s.Version != 2 || !s.Lost || s.Domain != "d" || !strings.Contains(s.String(), "epoch_test.loseGuard") ||
		!strings.Contains(s.String(), "pinned by a guard that was lost") {
		t.Errorf("reported %+v: %v", s, s)
	}
	if st := d.Stats(); st.Pinned != 2 || len(st.Lost) != 1 {
		t.Errorf("%d pinned, %d lost", st.Pinned, len(st.Lost))
	}
	kept.Unpin()
}

//go:noinline
func loseGuard(t *testing.T, d *epoch.Domain) {
	pin(t, d)
}

// The first report arms the tracing: the next stall comes with its stack.
func TestStall_ReportArmsTheTrace(t *testing.T) {
	stalls := make(chan epoch.Stall, 16)
	d := epoch.NewDomain(epoch.Options{Name: "d", StallAfter: time.Microsecond, Slots: 1,
		OnStall: func(s epoch.Stall) { stalls <- s }})
	stall := func() epoch.Stall {
		birth := publish(t, d, "a")
		g := pin(t, d)
		h := pin(t, d) // in an overflow table
		publish(t, d, "b", epoch.Retired{Birth: birth, Bytes: 77})
		s := <-stalls
		<-stalls
		if s.Version != birth || s.Bytes != 77 || s.Lost || s.Age <= 0 {
			t.Errorf("stall %+v", s)
		}
		st := d.Stats()
		if len(st.Stalled) != 2 {
			t.Errorf("%d stalled", len(st.Stalled))
		} else if st.Stalled[0].Slot != 0 || st.Stalled[1].Slot == 0 {
			t.Errorf("slots %d and %d", st.Stalled[0].Slot, st.Stalled[1].Slot)
		}
		g.Unpin()
		h.Unpin()
		if err := d.Barrier(ctx); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := stall(); s.Stack != nil {
		t.Errorf("traced before the first report: %v", s)
	}
	if s := stall(); !strings.Contains(s.String(), "TestStall_ReportArmsTheTrace") {
		t.Errorf("not traced after it: %v", s)
	}
	if len(stalls) != 0 {
		t.Errorf("%d reports too many", len(stalls))
	}
}

// A pin that stalls is reported once, however often it is found to.
func TestStall_ToldOnce(t *testing.T) {
	var told atomic.Int64
	d := epoch.NewDomain(epoch.Options{StallAfter: 1, OnStall: func(epoch.Stall) { told.Add(1) }})
	birth := publish(t, d, 0)
	g := pin(t, d)
	for i := range uint64(10) {
		// The reaper has been round when it has freed what the pin does not hold.
		birth = publish(t, d, i, epoch.Retired{Birth: birth, Bytes: 1})
		eventually(t, "freed", func() bool { return d.Stats().Freed == i && told.Load() > 0 })
	}
	g.Unpin()
	if err := d.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, "idle", d.Idle)
	if n := told.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
}
