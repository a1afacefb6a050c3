package epoch_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/epoch"
)

// The stress tests use windows on the heap whose Free overwrites them with
// plain stores: under the race detector a free that is not ordered after a read
// is a report, whether or not the read came too early.

// poison is no value a window ever holds.
const poison = ^uint64(0)

// A stressWindow holds one number in all its words.
type stressWindow struct{ words [8]uint64 }

func newStressWindow(n uint64) *stressWindow {
	w := &stressWindow{}
	for i := range w.words {
		w.words[i] = n
	}
	return w
}

// check returns what is wrong with a window that must hold n.
func (w *stressWindow) check(n uint64) error {
	for i := range w.words {
		if w.words[i] != n {
			return fmt.Errorf("word %d is %#x, want %#x", i, w.words[i], n)
		}
	}
	return nil
}

func (w *stressWindow) poison() {
	for i := range w.words {
		w.words[i] = poison
	}
}

// A stressValue is a version's content: two windows, of which a publication
// replaces one, so that each lives for several versions.
type stressValue struct {
	windows [2]*stressWindow
	births  [2]uint64
	numbers [2]uint64
}

func (v *stressValue) check() error {
	for i, w := range v.windows {
		if err := w.check(v.numbers[i]); err != nil {
			return err
		}
	}
	return nil
}

// TestStress_Exact: readers of every kind against one writer.
func TestStress_Exact(t *testing.T) {
	for _, slots := range []int{1, 4, 64} {
		t.Run(fmt.Sprintf("slots=%d", slots), func(t *testing.T) { stressExact(t, slots) })
	}
}

func stressExact(t *testing.T, slots int) {
	publications := 3000
	if testing.Short() {
		publications = 300
	}
	d := epoch.NewDomain(epoch.Options{Name: "stress", Slots: slots, MaxRetired: 1 << 20})
	v := stressValue{births: [2]uint64{2, 2}}
	for i := range v.windows {
		v.windows[i] = newStressWindow(0)
	}
	publish(t, d, &stressValue{v.windows, v.births, v.numbers})

	var stop atomic.Bool
	var readers sync.WaitGroup
	moved := make(chan epoch.Guard, 4)
	for kind := range 4 {
		readers.Go(func() {
			l := d.NewLocal()
			defer l.Close()
			for !stop.Load() {
				err := stressRead(d, kind, moved)
				if err == nil {
					err = stressReadLocal(l)
				}
				if err != nil {
					t.Error(err)
					return
				}
				if rand.IntN(8) == 0 {
					runtime.Gosched()
				}
			}
		})
	}
	for n := uint64(1); n <= uint64(publications); n++ {
		i := rand.IntN(2)
		old, birth := v.windows[i], v.births[i]
		v.windows[i], v.numbers[i] = newStressWindow(n), n
		v.births[i] = d.Stats().Version + 1
		publish(t, d, &stressValue{v.windows, v.births, v.numbers},
			epoch.Retired{Birth: birth, Bytes: 64, Free: old.poison})
		if n%8 == 0 {
			runtime.Gosched()
			if err := d.CheckInvariants(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
	close(moved)
	for g := range moved {
		g.Unpin()
	}
	if err := d.Shutdown(ctx, epoch.Retired{Birth: v.births[0], Free: v.windows[0].poison},
		epoch.Retired{Birth: v.births[1], Free: v.windows[1].poison}); err != nil {
		t.Error(err)
	}
	if s := d.Stats(); s.Pinned != 0 || s.Retired != 0 || s.Freed != uint64(publications)+2 {
		t.Errorf("at the end: %+v", s)
	}
	eventually(t, "idle", d.Idle)
}

// stressRead reads once in one of several ways.
func stressRead(d *epoch.Domain, kind int, moved chan epoch.Guard) error {
	if kind == 0 {
		return d.Read(func(v any) error { return v.(*stressValue).check() })
	}
	g, err := d.Pin()
	if err != nil {
		return err
	}
	switch kind {
	case 1: // refresh a few times
		for range rand.IntN(6) {
			if err := g.Value().(*stressValue).check(); err != nil {
				return err
			}
			if err := g.Refresh(); err != nil {
				return err
			}
		}
	case 2: // nest
		h, err := d.Pin()
		if err != nil {
			return err
		}
		runtime.Gosched()
		if err := h.Value().(*stressValue).check(); err != nil {
			return err
		}
		h.Unpin()
	case 3: // hand it over, and unpin what another handed over
		select {
		case moved <- g:
			g = <-moved
		default:
		}
	}
	err = g.Value().(*stressValue).check()
	g.Unpin()
	return err
}

// stressReadLocal reads under a pin, within a pin, and after a refresh.
func stressReadLocal(l *epoch.Local) error {
	v, err := l.Pin()
	if err != nil {
		return err
	}
	defer l.Unpin()
	if rand.IntN(2) == 0 {
		runtime.Gosched()
	}
	if err := v.(*stressValue).check(); err != nil {
		return err
	}
	if err := l.Read(func(v any) error { return v.(*stressValue).check() }); err != nil {
		return err
	}
	if err := l.Refresh(); err != nil {
		return err
	}
	return l.Value().(*stressValue).check()
}

// TestStress_ClassicAges is the torture by age: a list-like structure of which
// readers follow a pointer that is loaded after the pin, in a shared domain. A
// reader counts how many retirements ago what it reads was unlinked: while
// pinned it may be any number, but it must never be one that was freed.
func TestStress_ClassicAges(t *testing.T) {
	type element struct {
		window  *stressWindow
		number  uint64
		retired atomic.Uint64 // the retirement that unlinked it; 0: linked
		freed   atomic.Bool
	}
	retirements := uint64(3000)
	if testing.Short() {
		retirements = 300
	}
	d := epoch.NewDomain(epoch.Options{Name: "shared", Slots: 2})
	var head atomic.Pointer[element]
	var clock atomic.Uint64
	head.Store(&element{window: newStressWindow(0)})

	var stop atomic.Bool
	var readers sync.WaitGroup
	var ages [4]atomic.Int64 // 0, 1, up to 10, more
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				g, err := d.Pin()
				if err != nil {
					t.Error(err)
					return
				}
				e := head.Load()
				if rand.IntN(4) == 0 {
					runtime.Gosched()
				}
				if err := e.window.check(e.number); err != nil {
					t.Error(err)
				}
				if r := e.retired.Load(); r > 0 {
					age := clock.Load() - r
					switch {
					case age == 0:
						ages[1].Add(1)
					case age <= 10:
						ages[2].Add(1)
					default:
						ages[3].Add(1)
					}
				} else {
					ages[0].Add(1)
				}
				if e.freed.Load() {
					t.Error("reads a freed element")
				}
				g.Unpin()
			}
		})
	}
	for n := uint64(1); n <= retirements; n++ {
		old := head.Swap(&element{window: newStressWindow(n), number: n})
		old.retired.Store(clock.Add(1))
		if err := d.Retire(epoch.Retired{Bytes: 64, Free: func() {
			old.freed.Store(true)
			old.window.poison()
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Synchronize(ctx); err != nil {
		t.Error(err)
	}
	if err := d.Barrier(ctx); err != nil {
		t.Error(err)
	}
	stop.Store(true)
	readers.Wait()
	if err := d.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("ages: linked %d, just unlinked %d, to 10 %d, older %d",
		ages[0].Load(), ages[1].Load(), ages[2].Load(), ages[3].Load())
	if s := d.Stats(); s.Freed != retirements {
		t.Errorf("%d freed, want %d", s.Freed, retirements)
	}
	eventually(t, "idle", d.Idle)
}

// TestStress_CloseAtAnyTime closes while readers pin, refresh and unpin.
func TestStress_CloseAtAnyTime(t *testing.T) {
	rounds := 300
	if testing.Short() {
		rounds = 30
	}
	for range rounds {
		d := epoch.NewDomain(epoch.Options{Slots: 1})
		w := newStressWindow(7)
		birth := publish(t, d, w)
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for {
					g, err := d.Pin()
					if err != nil {
						return
					}
					for range 3 {
						if err := g.Value().(*stressWindow).check(7); err != nil {
							t.Error(err)
						}
						if g.Refresh() != nil {
							return
						}
					}
					g.Unpin()
					runtime.Gosched()
				}
			})
		}
		runtime.Gosched()
		if err := d.Shutdown(ctx, epoch.Retired{Birth: birth, Free: w.poison}); err != nil {
			t.Fatal(err)
		}
		if w.words[0] != poison {
			t.Fatal("Close returned before the Free")
		}
		readers.Wait()
	}
}

// TestStress_AllOperations mixes every operation on a domain with a small
// limit, which readers keep reaching, and closes it in the middle.
func TestStress_AllOperations(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	for range rounds {
		d := epoch.NewDomain(epoch.Options{Slots: 2, MaxRetired: 4, StallAfter: 1,
			OnStall: func(s epoch.Stall) { _ = s.String() }})
		var given, freed atomic.Int64
		retired := func() epoch.Retired {
			return epoch.Retired{Bytes: 1 + rand.Int64N(2), Free: func() { freed.Add(1) }}
		}
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				for range 60 {
					var err error
					switch rand.IntN(9) {
					case 0:
						_, err = d.Publish(1, retired())
						if err == nil {
							given.Add(1)
						}
					case 1:
						_, err = d.PublishWait(ctx, 2, retired(), retired())
						if err == nil {
							given.Add(2)
						}
					case 2:
						if err = d.Retire(retired()); err == nil {
							given.Add(1)
						}
					case 3:
						err = d.Synchronize(ctx)
					case 4:
						err = d.Barrier(ctx)
					case 5:
						d.TryReclaim()
					case 6:
						d.Stats()
						err = d.CheckInvariants()
					default:
						var g, h epoch.Guard
						if g, err = d.Pin(); err != nil {
							break
						}
						if h, err = d.Pin(); err == nil {
							h.Unpin()
						}
						runtime.Gosched()
						if g.Refresh() == nil {
							g.Unpin()
						}
					}
					if err != nil && !errors.Is(err, epoch.ErrClosed) && !errors.Is(err, epoch.ErrRetired) {
						t.Error(err)
					}
				}
			})
		}
		for range rand.IntN(200) {
			runtime.Gosched()
		}
		if err := d.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		all.Wait()
		if given.Load() != freed.Load() {
			t.Fatalf("%d retired, %d freed", given.Load(), freed.Load())
		}
		eventually(t, "idle", d.Idle)
	}
}
