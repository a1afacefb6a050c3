package epoch_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

func TestDomain_Shutdown(t *testing.T) {
	t.Run("nothing pinned", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d"})
		var c counter
		birth := publish(t, d, "a")
		// Not even with an ended context is there anything to wait for.
		if err := d.Shutdown(ended(), c.retired(birth, 1)); err != nil || c.n.Load() != 1 {
			t.Fatalf("%v, %d freed", err, c.n.Load())
		}
		if _, err := d.Pin(); !errors.Is(err, epoch.ErrClosed) || !strings.Contains(err.Error(), `epoch: "d"`) {
			t.Errorf("Pin: %v", err)
		}
		if err := d.Read(func(any) error { return nil }); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		if _, err := d.Publish("b"); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Publish: %v", err)
		}
		if err := d.Retire(c.retired(0, 1)); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Retire: %v", err)
		}
		if d.Value() != nil {
			t.Errorf("Value: %v", d.Value())
		}
		if err := d.Synchronize(ctx); err != nil {
			t.Errorf("Synchronize: %v", err)
		}
		if err := d.Shutdown(ctx, c.retired(birth, 1)); err != nil || c.n.Load() != 2 {
			t.Errorf("closed again: %v, %d freed", err, c.n.Load())
		}
	})
	t.Run("context ends, unpin frees", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d", Trace: true})
		var c counter
		birth := publish(t, d, "a")
		g := pin(t, d)
		err := d.Shutdown(ended(), c.retired(birth, 4096))
		if !errors.Is(err, epoch.ErrPinned) || !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		for _, part := range []string{`epoch: shut down "d"`, "version 2 pinned", "4096 bytes", "epoch_test.pin"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("no %q in %q", part, err)
			}
		}
		if g.Value() != "a" || c.n.Load() != 0 {
			t.Error("the pinned value is gone")
		}
		if err := g.Refresh(); !errors.Is(err, epoch.ErrClosed) || g.Value() != nil {
			t.Errorf("Refresh: %v, value %v", err, g.Value())
		}
		wantPanic(t, g.Unpin, "not pinned")
		eventually(t, "freed and idle", func() bool { return c.n.Load() == 1 && d.Idle() })
	})
	t.Run("waits for a guard that holds nothing", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		g := pin(t, d)
		if err := d.Shutdown(ended()); !errors.Is(err, epoch.ErrPinned) {
			t.Fatal(err)
		}
		eventually(t, "no reaper", func() bool { return !d.Reaping() })
		done := make(chan error)
		go func() { done <- d.Shutdown(ctx) }()
		g.Unpin()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Run("names a few of many", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		var guards [9]epoch.Guard
		for i := range guards {
			guards[i] = pin(t, d)
		}
		err := d.Shutdown(ended())
		if err == nil || !strings.Contains(err.Error(), "and 5 more") {
			t.Error(err)
		}
		for i := range guards {
			guards[i].Unpin()
		}
	})
}

// TestDomain_CloseStartsNobody: where nothing waits there is nothing to do for a reaper.
func TestDomain_CloseStartsNobody(t *testing.T) {
	for range 20 {
		d := epoch.NewDomain(epoch.Options{})
		if err := d.Close(); err != nil || d.Reaping() {
			t.Fatalf("%v, reaping %v", err, d.Reaping())
		}
	}
}

// TestDomain_TryReclaim: what the reaper has not come to is freed, and counted.
func TestDomain_TryReclaim(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	freeing, end := make(chan struct{}), make(chan struct{})
	d.Retire(epoch.Retired{Free: func() { close(freeing); <-end }})
	<-freeing // The reaper has its hands full.
	var c counter
	for range 3 {
		d.Retire(c.retired(0, 1))
	}
	if n := d.TryReclaim(); n != 3 || c.n.Load() != 3 {
		t.Errorf("%d freed, said %d", c.n.Load(), n)
	}
	close(end)
	eventually(t, "idle", d.Idle)
}

// TestDomain_WakesNobody: neither pins of versions in which nothing that waits has lived, nor
// versions that drop nothing, make the reaper look again.
func TestDomain_WakesNobody(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	g := pin(t, d)
	d.Retire(epoch.Retired{})
	eventually(t, "looked at", d.Counting)
	scans := d.Scans()
	local := d.NewLocal()
	for range 100 {
		h := pin(t, d)
		h.Unpin()
		pinLocal(t, local)
		local.Unpin()
		publish(t, d, nil)
		runtime.Gosched()
	}
	local.Close()
	if n := d.Scans(); n != scans {
		t.Errorf("looked %d times for nothing", n-scans)
	}
	g.Unpin()
	eventually(t, "idle", d.Idle)
}

func TestDomain_Close(t *testing.T) {
	t.Run("nothing pinned", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		publish(t, d, "a")
		for range 2 {
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := d.Pin(); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Pin: %v", err)
		}
	})
	t.Run("does not wait, unpin frees", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{Name: "d", Trace: true})
		var held, free counter
		birth := publish(t, d, "a")
		g := pin(t, d)
		publish(t, d, "b", held.retired(birth, 4096))
		if err := d.Retire(free.retired(0, 1)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			err := d.Close()
			if !errors.Is(err, epoch.ErrPinned) {
				t.Fatal(err)
			}
			for _, part := range []string{`epoch: close "d"`, "version 2 pinned", "4097 bytes", "epoch_test.pin"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %q", part, err)
				}
			}
		}
		if g.Value() != "a" || held.n.Load() != 0 || d.Waits() != 0 {
			t.Errorf("value %v, %d freed, %d waits", g.Value(), held.n.Load(), d.Waits())
		}
		g.Unpin()
		eventually(t, "freed and idle", func() bool { return held.n.Load() == 1 && free.n.Load() == 1 && d.Idle() })
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("frees on the caller what is not pinned", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		var c counter
		birth := publish(t, d, "a")
		publish(t, d, "b", c.retired(birth, 1))
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		eventually(t, "freed and idle", func() bool { return c.n.Load() == 1 && d.Idle() })
	})
}

func TestDomain_Synchronize(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "d"})
	if err := d.Synchronize(ended()); err != nil {
		t.Fatalf("nobody pinned: %v", err)
	}
	g := pin(t, d)
	if err := d.Synchronize(ended()); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "pinned for at least") {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- d.Synchronize(ctx) }()
	before := g.Version()
	eventually(t, "a new version", func() bool { return d.Stats().Version > before+1 })
	later := pin(t, d) // does not matter
	g.Refresh()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	g.Unpin()
	later.Unpin()
	eventually(t, "idle", d.Idle)
}

func TestDomain_Barrier(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "d"})
	if err := d.Barrier(ended()); err != nil {
		t.Fatalf("nothing retired: %v", err)
	}
	// A Free that takes its time: Publish does not wait for it, Barrier does.
	gate := make(chan bool)
	var mu sync.Mutex
	freed := false
	d.Retire(epoch.Retired{Free: func() {
		<-gate
		mu.Lock()
		freed = true
		mu.Unlock()
	}})
	publish(t, d, "while it runs")
	if err := d.Barrier(ended()); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "1 of 1 retired things") {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- d.Barrier(ctx) }()
	close(gate)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !freed {
		t.Error("Barrier returned before Free")
	}
}

// TestWait_GivenUp: a wait that its context has ended leaves nothing behind, though
// what it waited for has not come.
func TestWait_GivenUp(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	g := pin(t, d)
	for range 3 {
		if err := d.Synchronize(ended()); !errors.Is(err, context.Canceled) {
			t.Errorf("Synchronize: %v", err)
		}
	}
	eventually(t, "idle, with a pin", d.Idle)

	var c counter
	if err := d.Retire(c.retired(0, 1)); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := d.Barrier(ended()); !errors.Is(err, context.Canceled) {
			t.Errorf("Barrier: %v", err)
		}
		if err := d.Shutdown(ended(), c.retired(0, 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("Close: %v", err)
		}
		if err := d.CheckInvariants(); err != nil {
			t.Error(err)
		}
	}
	if n := d.Waits(); n != 0 {
		t.Errorf("%d waits are left", n)
	}
	g.Unpin()
	eventually(t, "idle", d.Idle)
	if n := c.n.Load(); n != 4 {
		t.Errorf("%d freed", n)
	}
}

// TestRetired_FreeIsForgotten: what a Free refers to can be collected once it has
// been called, also while others wait, before it in the queue or behind it.
func TestRetired_FreeIsForgotten(t *testing.T) {
	freedAndForgotten := func(d *epoch.Domain, big weak.Pointer[[1 << 16]byte]) {
		t.Helper()
		eventually(t, "one freed", func() bool { return d.Stats().Freed == 1 })
		runtime.GC()
		if s := d.Stats(); big.Value() != nil || s.Retired != 1 {
			t.Errorf("still referred to: %v; %d retired", big.Value() != nil, s.Retired)
		}
	}
	t.Run("classic", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		old := pin(t, d)
		big := retireBig(d, 0)
		later := pin(t, d)
		d.Retire(epoch.Retired{}) // waits for later
		old.Unpin()
		freedAndForgotten(d, big)
		later.Unpin()
		eventually(t, "idle", d.Idle)
	})
	t.Run("exact", func(t *testing.T) {
		d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
		g := pin(t, d)
		d.Retire(epoch.Retired{Birth: 1}) // waits for g
		freedAndForgotten(d, retireBig(d, 2))
		g.Unpin()
		eventually(t, "idle", d.Idle)
	})
}

// retireBig retires something to which only its Free refers.
func retireBig(d *epoch.Domain, birth uint64) weak.Pointer[[1 << 16]byte] {
	big := new([1 << 16]byte)
	d.Retire(epoch.Retired{Birth: birth, Free: func() { big[0]++ }})
	return weak.Make(big)
}

// A Free may use the domain that calls it.
func TestRetired_FreeMayCallTheDomain(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{MaxRetired: 2})
	var c counter
	d.Retire(epoch.Retired{Bytes: 2, Free: func() {
		g := pin(t, d)
		g.Unpin()
		d.Stats()
		d.TryReclaim()
		if err := d.Retire(c.retired(0, 2)); err != nil {
			t.Error(err)
		}
	}})
	eventually(t, "both freed", func() bool { return c.n.Load() == 1 && d.Idle() })
}

// The countdown keeps the unpinning of many pins linear: slot tables stay
// small, and scans few.
func TestDomain_ManyHeldPins(t *testing.T) {
	n := 100_000
	if testing.Short() || raceEnabled {
		n = 10_000
	}
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	var c counter
	guards := make([]epoch.Guard, n)
	for i := range guards {
		guards[i] = pin(t, d)
	}
	if s := d.Stats(); s.Pinned != n || s.Slots > 4*n {
		t.Errorf("%d pinned in %d slots", s.Pinned, s.Slots)
	}
	if err := d.Retire(c.retired(0, 1)); err != nil {
		t.Fatal(err)
	}
	scans := d.Scans()
	for i := range guards {
		guards[i].Unpin()
	}
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
	// Each scan asks for half of what is left: log2 n scans, and a few for
	// wake-ups that cross.
	if scans = d.Scans() - scans; scans > 64 {
		t.Errorf("%d scans while %d pins ended", scans, n)
	}
	eventually(t, "idle", d.Idle)
}
