package arena_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestLocalGuard has readers check everything while a writer grows the arena over every
// rung; some keep a pin over many growths, and pin within it.
func TestLocalGuard(t *testing.T) {
	eachLadder(t, func(t *testing.T, o arena.Options) {
		a := newArena(t, o)
		total := 24 * mib
		if testing.Short() {
			total = 6 * mib
		}
		var published atomic.Int64
		var wg sync.WaitGroup
		for r := range 3 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(r), 5))
				g := a.NewLocalGuard()
				defer g.Close()
				if err := g.Pin(); err != nil {
					t.Error(err)
					return
				}
				defer g.Unpin()
				for published.Load() < int64(total) {
					n := int(published.Load())
					var err error
					switch rng.IntN(4) {
					case 0:
						err = g.Refresh()
					case 1:
						g.Unpin()
						err = g.Pin()
					case 2:
						before := g.Bytes()
						err = g.Pin()
						if b := g.Bytes(); len(b) != len(before) || len(b) > 0 && &b[0] != &before[0] {
							t.Errorf("a pin within a pin shows %d bytes, not the %d there", len(b), len(before))
						}
						g.Unpin()
					}
					if err != nil {
						t.Error(err)
						return
					}
					b := g.Bytes()
					b = b[:min(len(b), n)]
					if len(b) == 0 {
						continue
					}
					for range 100 {
						if i := rng.IntN(len(b)); b[i] != pattern(i) {
							t.Errorf("byte %d of %d is %d, want %d", i, n, b[i], pattern(i))
							return
						}
					}
				}
			})
		}
		for a.Len() < total {
			w, err := a.Pin()
			if err != nil {
				t.Fatal(err)
			}
			off := a.Len()
			b, err := w.Alloc(64 << 10)
			if err != nil {
				t.Fatal(err)
			}
			fill(b, off)
			w.Unpin()
			published.Store(int64(a.Len()))
		}
		wg.Wait()
		if d := a.Domain(); d != nil {
			if err := d.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			if s := d.Stats(); s.Retired != 0 || s.Pinned != 0 {
				t.Errorf("%d windows retired and %d pins with nobody left", s.Retired, s.Pinned)
			}
		}
		free(t, a)
	})
}

// TestLocalGuard_Keeps: what it shows stays over a move and over Free, and goes with its Unpin.
func TestLocalGuard_Keeps(t *testing.T) {
	testutil.NeedsMoves(t)
	for _, rule := range []string{"retire", "classic"} {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungRehome}
			rules[rule](&o)
			a := newArena(t, o)
			b, err := a.Alloc(mib)
			if err != nil {
				t.Fatal(err)
			}
			fill(b, 0)
			g := a.NewLocalGuard()
			if err := g.Pin(); err != nil {
				t.Fatal(err)
			}
			b = g.Bytes()
			if _, err := a.Alloc(8 * mib); err != nil {
				t.Fatal(err)
			}
			if err := g.Pin(); err != nil {
				t.Fatal(err)
			}
			d := a.Domain()
			g.Unpin() // Of two.
			d.TryReclaim()
			if s := d.Stats(); s.Retired == 0 {
				t.Error("the old window is gone under a guard")
			}
			free(t, a)
			d.TryReclaim()
			if i := check(b, 0); i >= 0 {
				t.Errorf("byte %d is wrong after Free under a guard", i)
			}
			if len(g.Bytes()) != mib {
				t.Errorf("%d bytes, want what there was when it was pinned", len(g.Bytes()))
			}
			g.Unpin()
			if err := d.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			if s := d.Stats(); s.Retired != 0 || s.Pinned != 0 {
				t.Errorf("%d windows retired and %d pins with nobody left", s.Retired, s.Pinned)
			}
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLocalGuard_AfterFree: one that comes too late, or looks again, gets an error, under
// every pointer rule the same, and leaves no pin behind.
func TestLocalGuard_AfterFree(t *testing.T) {
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Name: "gone"}
			set(&o)
			a := newArena(t, o)
			late, held := a.NewLocalGuard(), a.NewLocalGuard()
			if err := held.Pin(); err != nil {
				t.Fatal(err)
			}
			free(t, a)
			for what, err := range map[string]error{"Pin": late.Pin(), "Refresh": held.Refresh()} {
				if !errors.Is(err, epoch.ErrClosed) || !strings.Contains(err.Error(), `arena: pin "gone", which has been freed`) {
					t.Errorf("%s after Free: %v", what, err)
				}
			}
			mustPanic(t, `Unpin of a LocalGuard of "gone" that is not pinned`, held.Unpin)
			if d := a.Domain(); d != nil {
				if err := d.Barrier(t.Context()); err != nil {
					t.Error(err)
				}
				if s := d.Stats(); s.Pinned != 0 {
					t.Errorf("%d pins are left", s.Pinned)
				}
			}
			for range 2 {
				if err := errors.Join(late.Close(), held.Close()); err != nil {
					t.Error(err)
				}
			}
			mustPanic(t, "after Free", func() { a.NewLocalGuard() })
		})
	}
}

func TestLocalGuard_Misuse(t *testing.T) {
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			o := arena.Options{Name: "mine"}
			set(&o)
			a := newArena(t, o)
			defer free(t, a)
			g := a.NewLocalGuard()
			defer g.Close()
			mustPanic(t, `Refresh of a LocalGuard of "mine" with 0 pins`, func() { _ = g.Refresh() })
			mustPanic(t, `Unpin of a LocalGuard of "mine" that is not pinned`, g.Unpin)
			panics(t, func() { g.Bytes() })
			for range 2 {
				if err := g.Pin(); err != nil {
					t.Fatal(err)
				}
			}
			mustPanic(t, `Refresh of a LocalGuard of "mine" with 2 pins`, func() { _ = g.Refresh() })
			mustPanic(t, `Close of a LocalGuard of "mine" with 2 pins`, func() { _ = g.Close() })
			g.Unpin()
			if err := g.Refresh(); err != nil {
				t.Error(err)
			}
			g.Unpin()
			if n := testing.AllocsPerRun(100, func() {
				_ = g.Pin()
				_ = g.Refresh()
				_ = g.Bytes()
				g.Unpin()
			}); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}
