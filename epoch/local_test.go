package epoch_test

import (
	"bytes"
	"errors"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// pinLocal pins l and returns the value.
func pinLocal(t testing.TB, l *epoch.Local) any {
	t.Helper()
	v, err := l.Pin()
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLocal(t *testing.T) {
	var freed counter
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	publish(t, d, "a") // version 2
	l := d.NewLocal()
	if l.Value() != nil || l.Version() != 0 {
		t.Errorf("before Pin: %v, version %d", l.Value(), l.Version())
	}
	if v := pinLocal(t, l); v != "a" || l.Value() != "a" || l.Version() != 2 {
		t.Errorf("pinned %v, value %v, version %d", v, l.Value(), l.Version())
	}
	publish(t, d, "b", freed.retired(2, 1))
	if d.TryReclaim() != 0 || l.Value() != "a" {
		t.Errorf("freed what a Local pins; value %v", l.Value())
	}
	if err := l.Refresh(); err != nil || l.Value() != "b" || l.Version() != 3 {
		t.Errorf("refreshed: %v, value %v, version %d", err, l.Value(), l.Version())
	}
	eventually(t, "a freed", func() bool { return freed.n.Load() == 1 })

	publish(t, d, "c", freed.retired(3, 1))
	if s := d.Stats(); s.Pinned != 1 || s.Locals != 1 || s.Retired != 1 {
		t.Errorf("pinned: %+v", s)
	}
	l.Unpin() // wakes the reaper
	eventually(t, "b freed", func() bool { return freed.n.Load() == 2 })
	if err := l.Read(func(v any) error { return errors.New(v.(string)) }); err == nil || err.Error() != "c" {
		t.Errorf("Read: %v", err)
	}
	l.Close()
	l.Close()
	if s := d.Stats(); s.Pinned != 0 || s.Locals != 0 {
		t.Errorf("closed: %+v", s)
	}
	if err := d.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	eventually(t, "idle", d.Idle)
}

func TestLocal_Nested(t *testing.T) {
	for _, opts := range []epoch.Options{{}, {Debug: true}} {
		var freed counter
		d := epoch.NewDomain(opts)
		publish(t, d, "a")
		l := d.NewLocal()
		pinLocal(t, l)
		pinLocal(t, l)
		wantPanic(t, func() { l.Refresh() }, "within 1 pins") // also when nothing new was published
		l.Unpin()
		publish(t, d, "b", freed.retired(2, 1))
		if v := pinLocal(t, l); v != "a" {
			t.Errorf("the inner pin is of %v", v)
		}
		wantPanic(t, func() { l.Refresh() }, `Refresh of a Local in domain "domain"`, "within 1 pins")
		l.Unpin()
		if d.TryReclaim(); freed.n.Load() != 0 || l.Value() != "a" {
			t.Errorf("the inner Unpin has ended the outer pin; value %v", l.Value())
		}
		// Closing does not matter within a pin.
		if err := d.Shutdown(ended()); !errors.Is(err, epoch.ErrPinned) {
			t.Errorf("Close: %v", err)
		}
		if v := pinLocal(t, l); v != "a" {
			t.Errorf("a pin within one, in a closed domain, is of %v", v)
		}
		l.Unpin()
		l.Unpin()
		eventually(t, "freed", func() bool { return freed.n.Load() == 1 })
		if _, err := l.Pin(); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Pin in a closed domain: %v", err)
		}
		l.Close()
		if s := d.Stats(); s.Pinned != 0 {
			t.Errorf("%d pinned", s.Pinned)
		}
	}
}

func TestLocal_ClosedDomain(t *testing.T) {
	for _, opts := range []epoch.Options{{}, {Debug: true, Profile: true}} {
		d := epoch.NewDomain(opts)
		l := d.NewLocal()
		pinLocal(t, l)
		if err := d.Shutdown(ended()); !errors.Is(err, epoch.ErrPinned) {
			t.Errorf("Close: %v", err)
		}
		if err := l.Refresh(); !errors.Is(err, epoch.ErrClosed) || l.Value() != nil {
			t.Errorf("Refresh: %v, value %v", err, l.Value())
		}
		if err := l.Read(func(any) error { return nil }); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Read: %v", err)
		}
		wantPanic(t, l.Unpin, "that is not pinned")
		l.Close()
		other := d.NewLocal()
		if _, err := other.Pin(); !errors.Is(err, epoch.ErrClosed) {
			t.Errorf("Pin: %v", err)
		}
		wantPanic(t, func() { other.Refresh() }, "Refresh", "that is not pinned")
		other.Close()
		if err := d.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
}

func TestLocal_Misuse(t *testing.T) {
	for _, opts := range []epoch.Options{{Name: "d"}, {Name: "d", Debug: true}} {
		d := epoch.NewDomain(opts)
		l := d.NewLocal()
		wantPanic(t, l.Unpin, `epoch: Unpin of a Local in domain "d" that is not pinned`)
		wantPanic(t, func() { l.Refresh() }, `epoch: Refresh of a Local in domain "d" that is not pinned`)
		pinLocal(t, l)
		wantPanic(t, func() { _ = l.Close() }, `epoch: Close of a Local in domain "d" that is pinned at version 1`)
		l.Unpin()
		wantPanic(t, l.Unpin, "that is not pinned")
		l.Close()
		wantPanic(t, func() { l.Pin() }, `epoch: Pin of a Local in domain "d" that is closed`)
		wantPanic(t, l.Unpin, "that is not pinned")
		if s := d.Stats(); s.Pinned != 0 {
			t.Errorf("%d pinned", s.Pinned)
		}
	}
}

// TestLocal_TwoGoroutines: in a Debug domain it is noticed that somebody else has
// pinned or unpinned meanwhile. A copy stands for what the other sees.
func TestLocal_TwoGoroutines(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "d", Debug: true})
	l := d.NewLocal()
	pinLocal(t, l)
	l.SetWord(7) // as another pin would
	const text = `of Local 0 in domain "d", which another goroutine uses too`
	wantPanic(t, func() { l.Pin() }, text)
	publish(t, d, nil)
	wantPanic(t, func() { l.Refresh() }, text)
	wantPanic(t, l.Unpin, text)
	second := d.NewLocal()
	pinLocal(t, second)
	second.SetWord(7)
	wantPanic(t, second.Unpin, "of Local 1 in domain")
}

// TestLocal_Numbers: reports name Locals by number, and a number is used again.
func TestLocal_Numbers(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: 1, Trace: true})
	a, b, c := d.NewLocal(), d.NewLocal(), d.NewLocal()
	pinLocal(t, a)
	pinLocal(t, b)
	pinLocal(t, c)
	d.Retire(epoch.Retired{Bytes: 5})
	for i, l := range []*epoch.Local{a, b, c} {
		s := d.Stats()
		if len(s.Stalled) != 3-i {
			t.Fatalf("%d stalled: %v", len(s.Stalled), s.Stalled)
		}
		if got := s.Stalled[0]; !got.Local || got.Slot != i || got.Bytes != 5 || got.Version != 1 ||
			!strings.Contains(got.String(), "local") || !strings.Contains(got.String(), "TestLocal_Numbers") {
			t.Errorf("local %d: %v", i, got)
		}
		l.Unpin()
	}
	b.Close()
	d.Barrier(ctx)
	b = d.NewLocal()
	if s := d.Stats(); s.Locals != 3 {
		t.Errorf("%d locals", s.Locals)
	}
	d.Retire(epoch.Retired{})
	pinLocal(t, b)
	g := pin(t, d)
	d.Retire(epoch.Retired{})
	if s := d.Stats(); s.Pinned != 2 || s.Stalled[0].Local || !s.Stalled[1].Local || s.Stalled[1].Slot != 1 {
		t.Errorf("%+v", s)
	}
	g.Unpin()
	b.Unpin()
	a.Close()
	if a = d.NewLocal(); d.LocalsLen() != 3 {
		t.Errorf("%d places for three locals", d.LocalsLen())
	}
	for _, l := range []*epoch.Local{c, b, a} {
		l.Close()
	}
	if n := d.LocalsLen(); n != 0 {
		t.Errorf("%d places for locals are left", n)
	}
}

// TestLocal_Profile: a pin is in the profile while it lasts, by who pinned.
func TestLocal_Profile(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Profile: true})
	l := d.NewLocal()
	in := func() bool {
		var b bytes.Buffer
		if err := pprof.Lookup("growarena.pins").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(b.String(), "epoch_test.pinLocal")
	}
	pinLocal(t, l)
	pinLocal(t, l)
	publish(t, d, 1)
	l.Unpin()
	if err := l.Refresh(); err != nil || !in() {
		t.Errorf("not in the profile: %v", err)
	}
	l.Unpin()
	if in() {
		t.Error("still in the profile")
	}
}

// TestLocal_HandedOver: another goroutine may go on where this one has stopped.
func TestLocal_HandedOver(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Debug: true})
	l := d.NewLocal()
	for range 100 {
		pinLocal(t, l)
		done := make(chan struct{})
		go func() {
			defer close(done)
			l.Unpin()
			l.Pin()
		}()
		<-done
		l.Unpin()
	}
	l.Close()
}

func TestLocal_AllocatesNothing(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	l := d.NewLocal()
	value := any("v")
	if n := testing.AllocsPerRun(100, func() {
		l.Pin()
		l.Pin()
		l.Unpin()
		l.Unpin()
	}); n != 0 {
		t.Errorf("%v allocations in Pin and Unpin", n)
	}
	l.Pin()
	if n := testing.AllocsPerRun(100, func() {
		d.Publish(value)
		l.Refresh()
	}); n > 2 { // what Publish needs
		t.Errorf("%v allocations in Publish and Refresh", n)
	}
}

// TestLocal_TellsPinsApart: the words of a Local's pins differ as those of a slot
// do, so that a report about one is not taken for one about another.
func TestLocal_TellsPinsApart(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	l := d.NewLocal()
	seen := map[uint64]bool{}
	for range 1000 {
		pinLocal(t, l)
		if w := l.Word(); seen[w] {
			t.Fatalf("word %#x twice", w)
		} else {
			seen[w] = true
		}
		l.Unpin()
		if w := l.Word(); w&1 != 0 {
			t.Fatalf("word %#x of a slot that is free", w)
		}
	}
}
