package epoch_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

func TestDomain_PinSeesTheNewestValue(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	g := pin(t, d)
	if g.Value() != nil || g.Version() != 1 || d.Value() != nil {
		t.Fatalf("fresh domain: value %v, version %d", g.Value(), g.Version())
	}
	v := publish(t, d, "a")
	if v != 2 || d.Value() != "a" || g.Value() != nil {
		t.Fatalf("version %d, newest %v, pinned %v", v, d.Value(), g.Value())
	}
	if err := g.Refresh(); err != nil || g.Value() != "a" || g.Version() != v {
		t.Fatalf("refreshed: %v, value %v, version %d", err, g.Value(), g.Version())
	}
	g.Unpin()
	if g.Value() != nil || g.Version() != 0 {
		t.Fatalf("unpinned: value %v, version %d", g.Value(), g.Version())
	}
	err := d.Read(func(v any) error {
		if v != "a" {
			t.Errorf("read %v", v)
		}
		return errors.New("from f")
	})
	if err == nil || err.Error() != "from f" {
		t.Errorf("Read returned %v", err)
	}
	if n := d.Stats().Pinned; n != 0 {
		t.Errorf("%d pinned", n)
	}
}

func TestDomain_ReadUnpinsOnPanic(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	wantPanic(t, func() { d.Read(func(any) error { panic("mine") }) }, "mine")
	if n := d.Stats().Pinned; n != 0 {
		t.Errorf("%d pinned", n)
	}
}

// The exact rule: a thing waits for the pins of versions that contain it, and
// for no others.
func TestDomain_ExactLifetime(t *testing.T) {
	for _, test := range []struct {
		name         string
		pinned       uint64
		birth, death uint64
		waits        bool
	}{
		{"pinned before its birth", 2, 3, 5, false},
		{"pinned at its birth", 3, 3, 5, true},
		{"pinned in the middle", 4, 3, 6, true},
		{"pinned at its last version", 4, 3, 5, true},
		{"pinned at its death", 5, 3, 5, false},
		{"pinned after its death", 6, 3, 5, false},
		{"one version only", 4, 4, 5, true},
		{"classic, pinned before", 4, 0, 5, true},
		{"classic, pinned at the retirement", 5, 0, 5, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
			var c counter
			var g epoch.Guard
			for v := uint64(2); v <= 6; v++ {
				var drop []epoch.Retired
				if v == test.death {
					drop = append(drop, c.retired(test.birth, 1))
				}
				publish(t, d, v, drop...)
				if v == test.pinned {
					g = pin(t, d)
				}
			}
			if test.waits {
				d.TryReclaim()
				if d.Stats().Retired != 1 || c.n.Load() != 0 {
					t.Error("freed while pinned")
				}
			} else if err := d.Barrier(ctx); err != nil || c.n.Load() != 1 {
				t.Errorf("waits for a pin that does not contain it: %v", err)
			}
			g.Unpin()
			if err := d.Barrier(ctx); err != nil {
				t.Fatal(err)
			}
			if c.n.Load() != 1 {
				t.Errorf("freed %d times", c.n.Load())
			}
			eventually(t, "idle", d.Idle)
		})
	}
}

// Idle tail: after the last Publish the pins end, in every order, and nothing
// else is called. All that was retired must go.
func TestDomain_IdleTail(t *testing.T) {
	const pins = 4
	permutations(pins, func(order []int) {
		d := epoch.NewDomain(epoch.Options{Slots: 2, StallAfter: testutil.NoStall})
		var c counter
		var guards [pins]epoch.Guard
		for i := range guards {
			birth := publish(t, d, i)
			guards[i] = pin(t, d)
			publish(t, d, i, c.retired(birth, 1), c.retired(0, 1))
		}
		for k, i := range order {
			if k%2 == 1 {
				if err := guards[i].Refresh(); err != nil {
					t.Fatal(err)
				}
			}
			guards[i].Unpin()
		}
		eventually(t, "all freed and idle", func() bool { return c.n.Load() == 2*pins && d.Idle() })
	})
}

// TestDomain_SameValue: what needs a new version and no new value keeps the old one.
func TestDomain_SameValue(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	publish(t, d, "a")
	for _, again := range []func() error{
		func() error { return d.Retire(epoch.Retired{}) },
		func() error { return d.Synchronize(ctx) },
	} {
		before := d.Stats().Version
		if err := again(); err != nil {
			t.Fatal(err)
		}
		if v, n := d.Value(), d.Stats().Version; v != "a" || n != before+1 {
			t.Errorf("value %v, version %d after %d", v, n, before)
		}
	}
	eventually(t, "idle", d.Idle)
}

// TestDomain_CheckedIdleTail: the Unpin of a guard or Local that is checked or in
// the profile wakes the reaper as any other.
func TestDomain_CheckedIdleTail(t *testing.T) {
	for _, opts := range []epoch.Options{{Debug: true}, {Profile: true}} {
		opts.StallAfter = testutil.NoStall
		d := epoch.NewDomain(opts)
		l := d.NewLocal()
		for n := range 4 {
			var c counter
			var unpin func()
			if n%2 == 0 {
				g := pin(t, d)
				unpin = g.Unpin
			} else {
				pinLocal(t, l)
				unpin = l.Unpin
			}
			d.Retire(c.retired(0, 1))
			eventually(t, "looked at", d.Counting)
			unpin()
			eventually(t, "freed and idle", func() bool { return c.n.Load() == 1 && d.Idle() })
		}
	}
}

// permutations calls f with each order of 0..n-1.
func permutations(n int, f func([]int)) {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	var rec func(k int)
	rec = func(k int) {
		if k == n {
			f(p)
			return
		}
		for i := k; i < n; i++ {
			p[k], p[i] = p[i], p[k]
			rec(k + 1)
			p[k], p[i] = p[i], p[k]
		}
	}
	rec(0)
}

// The structural bound: one stalled reader, 20,000 retirements, one window.
func TestDomain_StalledReaderHoldsItsOwn(t *testing.T) {
	const n = 20_000
	d := epoch.NewDomain(epoch.Options{Name: "stall", MaxRetired: 4, StallAfter: 1})
	var c counter
	birth := publish(t, d, 0)
	g := pin(t, d)
	for i := range n {
		birth = publish(t, d, i, c.retired(birth, 2))
	}
	d.TryReclaim()
	eventually(t, "one left", func() bool { return c.n.Load() == n-1 })
	s := d.Stats()
	if s.Retired != 1 || s.RetiredBytes != 2 || s.Freed != n-1 {
		t.Errorf("%d retired, %d bytes, %d freed", s.Retired, s.RetiredBytes, s.Freed)
	}
	g.Unpin()
	if err := d.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDomain_LimitIsAnErrorThatNamesTheReader(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{Name: "index", MaxRetired: 10, StallAfter: 1, Trace: true})
	var c counter
	first := publish(t, d, "first")
	g := pin(t, d)
	second := publish(t, d, "second", c.retired(first, 10))
	before := d.Stats().Version

	_, err := d.Publish("third", c.retired(second, 1))
	if !errors.Is(err, epoch.ErrRetired) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{`publish in "index", dropping 1 bytes`, "10 of 10 bytes wait",
		"version 2 pinned for at least", "holding 10 bytes", "epoch_test.pin"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in %q", part, err)
		}
	}
	if d.Value() != "second" || d.Stats().Version != before {
		t.Errorf("something was published: %v", d.Value())
	}
	if err := d.Retire(c.retired(0, 1)); !errors.Is(err, epoch.ErrRetired) {
		t.Errorf("Retire: %v", err)
	}
	// What drops nothing is not refused.
	publish(t, d, "third")
	if _, err := d.PublishWait(ended(), "x", c.retired(0, 1)); !errors.Is(err, epoch.ErrRetired) {
		t.Errorf("PublishWait: %v", err)
	}
	if _, err := d.PublishWait(ctx, "x", c.retired(0, 11)); !errors.Is(err, epoch.ErrRetired) {
		t.Errorf("PublishWait above the limit: %v", err)
	}

	done := make(chan error)
	go func() {
		_, err := d.PublishWait(ctx, "fourth", c.retired(second, 7))
		done <- err
	}()
	g.Unpin()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := d.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if c.n.Load() != 2 {
		t.Errorf("%d freed", c.n.Load())
	}
	if _, err := d.PublishWait(ctx, "x"); !errors.Is(err, epoch.ErrClosed) {
		t.Errorf("PublishWait when closed: %v", err)
	}
}

// A limit counts what readers hold, never what merely is on its way.
func TestDomain_LimitWithoutReadersNeverRefuses(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{MaxRetired: 1})
	birth := publish(t, d, 0)
	for i := range 2000 {
		birth = publish(t, d, i, epoch.Retired{Birth: birth, Bytes: 1})
	}
	if err := d.Barrier(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestDomain_LastVersion(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
	d.SetVersion(epoch.VersionMax - 2)
	v := publish(t, d, "last")
	if v != epoch.VersionMax-1 {
		t.Fatal(v)
	}
	if _, err := d.Publish("more"); err == nil || !strings.Contains(err.Error(), "is the last") {
		t.Errorf("Publish: %v", err)
	}
	if err := d.Synchronize(ctx); err == nil || !strings.Contains(err.Error(), "is the last") {
		t.Errorf("Synchronize: %v", err)
	}
	g := pin(t, d)
	if g.Version() != v {
		t.Errorf("pinned %d", g.Version())
	}
	g.Unpin()
	if err := d.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// What waits for pins is counted for its owner: not what was refused, and not what is
// being freed.
func TestDomain_CountsForTheOwner(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{MaxRetired: 4})
	var mine, others atomic.Int64
	var freeing []int64
	drop := epoch.Retired{Bytes: 1, Waiting: &mine, Free: func() { freeing = append(freeing, mine.Load()) }}
	g := pin(t, d)
	for range 3 {
		if err := d.Retire(drop); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Retire(epoch.Retired{Bytes: 1, Waiting: &others}); err != nil {
		t.Fatal(err)
	}
	if err := d.Retire(drop); !errors.Is(err, epoch.ErrRetired) {
		t.Fatalf("over the limit: %v", err)
	}
	if mine.Load() != 3 || others.Load() != 1 {
		t.Errorf("%d and %d wait, want 3 and 1", mine.Load(), others.Load())
	}
	g.Unpin()
	if err := d.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if mine.Load() != 0 || others.Load() != 0 {
		t.Errorf("%d and %d wait, want none", mine.Load(), others.Load())
	}
	if !slices.Equal(freeing, []int64{2, 1, 0}) {
		t.Errorf("while the three were freed %v waited", freeing)
	}
}
