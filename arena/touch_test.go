package arena_test

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// big is what one operation below touches: so much that the arena has moved, and the
// old window has gone if nobody holds it, long before all of it is touched.
type big [64 * mib]byte

// TestArena_TouchesWhatItHolds: what the library itself does to bytes of an arena, such as
// clearing those that are handed out again, it does where they are mapped, also while
// somebody else grows the arena into another window and nobody holds a guard.
func TestArena_TouchesWhatItHolds(t *testing.T) {
	testutil.NeedsMoves(t)
	value := new(big)
	value[len(value)-1] = 7
	// A collection that begins meanwhile stops the goroutine that grows, and waits for the copy to end.
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var g arena.Guard
	operations := map[string]func(*arena.Arena) error{
		"Alloc":        func(a *arena.Arena) error { _, err := a.Alloc(len(value)); return err },
		"AllocAligned": func(a *arena.Arena) error { _, err := a.AllocAligned(len(value), 4096); return err },
		"TryNew":       func(a *arena.Arena) error { _, err := arena.TryNew[big](a); return err },
		"MakeSlice":    func(a *arena.Arena) error { arena.MakeSlice[uint64](a, 1, len(value)/8); return nil },
		"CloneSlice":   func(a *arena.Arena) error { arena.CloneSlice(a, value[:]); return nil },
		"Local":        func(a *arena.Arena) error { _, err := a.NewLocal().Alloc(len(value)); return err },
		"Guard.Alloc": func(a *arena.Arena) error { // By a guard of an earlier window.
			b, err := g.Alloc(len(value))
			if err == nil && b[len(b)-1] != 0 {
				err = errors.New("what Alloc returns is not zero")
			}
			return err
		},
	}
	for _, rule := range []string{"retire", "classic"} {
		for name, do := range operations {
			if testing.Short() && (rule != "retire" || name != "Alloc" && name != "Guard.Alloc" && name != "CloneSlice") {
				continue
			}
			t.Run(rule+"/"+name, func(t *testing.T) {
				o := arena.Options{
					Name: "touched", Reserve: 2 * mib, Headroom: -1,
					Rungs: arena.RungInWindow | arena.RungRehome | arena.RungAlias,
					Space: addrspace.New(addrspace.Options{CacheWindows: -1}),
				}
				rules[rule](&o)
				a := newArena(t, o)
				defer freeNow(t, a)
				if name == "Guard.Alloc" {
					var err error
					if g, err = a.Pin(); err != nil {
						t.Fatal(err)
					}
					defer g.Unpin()
				}
				if err := a.Grow(len(value) + mib); err != nil {
					t.Fatal(err)
				}
				if name != "CloneSlice" { // Others clear what is not new, that one copies.
					b, err := a.Alloc(len(value))
					if err != nil {
						t.Fatal(err)
					}
					b[0] = 1
					a.Reset()
				}
				moved := a.Stats().Growth
				var wg sync.WaitGroup
				wg.Go(func() {
					for a.Len() == 0 { // Until the operation has its bytes and is at them.
					}
					if err := a.Grow(a.Stats().Window); err != nil {
						t.Error(err)
					}
				})
				if err := catch(func() error { return do(a) }); err != nil {
					t.Error(err)
				}
				wg.Wait()
				if s := a.Stats(); s.Growth == moved {
					t.Errorf("the arena has not moved: %+v", s)
				}
				if name == "CloneSlice" && a.Bytes()[len(value)-1] != 7 {
					t.Error("the copy is not there")
				}
			})
		}
	}
}

// catch calls f and returns a memory fault of it as an error.
func catch(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return f()
}

// TestArena_NothingLockedAtFree: a domain that is over its limit runs what is ready on
// the goroutine that retires more, which may be one that grows or frees an arena. Then no lock
// of that arena is held: a Free may use it.
func TestArena_NothingLockedAtFree(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, do := range map[string]func(*arena.Arena) error{
		"Grow": func(a *arena.Arena) error { return a.Grow(4 * mib) },
		"Alloc": func(a *arena.Arena) error {
			_, err := a.Alloc(4 * mib)
			return err
		},
		"Free": func(a *arena.Arena) error { return a.Free() },
	} {
		t.Run(name, func(t *testing.T) {
			d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 4 * mib})
			a := newArena(t, arena.Options{Reserve: 2 * mib, Domain: d, Headroom: -1, Rungs: arena.RungInWindow | arena.RungAlias})
			if _, err := a.Alloc(2 * mib); err != nil {
				t.Fatal(err)
			}
			// The reaper has something else to do, so that it is left to us.
			busy, goOn := make(chan struct{}), make(chan struct{})
			retire(t, d, 1, func() { close(busy); <-goOn })
			<-busy
			called := 0
			retire(t, d, 4*mib, func() {
				called++
				if name == "Free" {
					panics(t, func() { _ = a.Trim() }) // It is free, and says so, without waiting.
					if s := a.Stats(); s.Cap != 0 {
						t.Errorf("%+v", s)
					}
					return
				}
				a.Stats()
				if err := errors.Join(a.Decommit(0, mib), a.Trim()); err != nil {
					t.Error(err)
				}
				if f, err := a.File(); err != nil || f.Close() != nil {
					t.Error(err)
				}
			})
			done := make(chan error, 1)
			go func() { done <- do(a) }()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("what is freed waits for us, and we for it")
			}
			if called != 1 {
				t.Errorf("what was ready has been freed %d times by the one who retires", called)
			}
			close(goOn)
			if name != "Free" {
				free(t, a)
			}
		})
	}
}

// TestArena_FreeInFree: a Free that runs while an arena retires its windows frees that
// very arena: none of them is forgotten.
func TestArena_FreeInFree(t *testing.T) {
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 4 * mib})
	a := newArena(t, arena.Options{Reserve: 2 * mib, Domain: d, Space: space, Rungs: arena.RungInWindow | arena.RungAlias})
	if _, err := a.Alloc(2 * mib); err != nil {
		t.Fatal(err)
	}
	busy, goOn := make(chan struct{}), make(chan struct{})
	retire(t, d, 1, func() { close(busy); <-goOn })
	<-busy
	retire(t, d, 4*mib, func() { free(t, a) })
	if err := a.Grow(4 * mib); err != nil {
		t.Error(err)
	}
	close(goOn)
	settled(t, space, 0)
}

// TestArena_RefusedWindowsGoOneByOne: windows that together are more than a domain takes
// at once go as soon as there is room for each.
func TestArena_RefusedWindowsGoOneByOne(t *testing.T) {
	testutil.NeedsMoves(t)
	space := addrspace.New(addrspace.Options{CacheWindows: -1})
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, MaxRetired: 20 * mib})
	a := newArena(t, arena.Options{Reserve: 2 * mib, Domain: d, Space: space, Rungs: arena.RungInWindow | arena.RungAlias})
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{2, 4, 8, 16, 32} { // Retired so far: 2+4+8, and 16 has no room.
		if err := a.Grow(size * mib); err != nil {
			t.Fatal(err)
		}
	}
	retired := d.Stats().RetiredBytes
	g.Unpin()
	if err := d.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.Grow(64 * mib); err != nil { // 16 and 32: too much together.
		t.Fatal(err)
	}
	if retired != 14*mib {
		t.Errorf("%d bytes were retired under the guard", retired)
	}
	if err := d.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The one of 32 MiB is more than the domain ever takes.
	settled(t, space, 2)
	free(t, a)
	settled(t, space, 0)
}

// retire has d call f when no guard pinned now is left.
func retire(t *testing.T, d *epoch.Domain, bytes int64, f func()) {
	t.Helper()
	if err := d.Retire(epoch.Retired{Bytes: bytes, Free: f}); err != nil {
		t.Fatal(err)
	}
}

// settled waits until space has that many windows.
func settled(t *testing.T, space *addrspace.Space, windows int) {
	t.Helper()
	for range 500 {
		if space.Stats().Windows == windows {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d windows, want %d", space.Stats().Windows, windows)
}

// TestCatchFault_AfterFree: a use of bytes whose window has gone is an error, too, be it
// after Free or after the guard's end.
func TestCatchFault_AfterFree(t *testing.T) {
	testutil.NeedsMoves(t)
	for rule, set := range rules {
		t.Run(rule, func(t *testing.T) {
			space := addrspace.New(addrspace.Options{CacheWindows: -1})
			o := arena.Options{Space: space, Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungAlias}
			set(&o)
			a := newArena(t, o)
			b, err := a.Alloc(mib)
			if err != nil {
				t.Fatal(err)
			}
			touched := func(when string) {
				t.Helper()
				var fault *arena.FaultError
				err := arena.CatchFault(space, func() error { b[5] = 1; return nil })
				if !errors.As(err, &fault) || fault.Offset != -1 || !strings.Contains(err.Error(), "used after Free") {
					t.Errorf("touched %s: %v", when, err)
				}
			}
			if d := a.Domain(); d != nil {
				if err := a.Grow(4 * mib); err != nil {
					t.Fatal(err)
				}
				if err := d.Barrier(t.Context()); err != nil {
					t.Fatal(err)
				}
				touched("after the move")
				b = a.Bytes()
			}
			freeNow(t, a)
			touched("after Free")
		})
	}
}

// TestNewArena_DefaultName: one that is not named has one name, in errors and panics too.
func TestNewArena_DefaultName(t *testing.T) {
	restore := testutil.FailAll(sys.CallMmap, syscall.ENOMEM)
	_, err := arena.NewArena(arena.Options{Space: addrspace.New(addrspace.Options{CacheWindows: -1})})
	restore()
	if err == nil || !strings.Contains(err.Error(), `arena: make "arena": `) {
		t.Errorf("refused: %v", err)
	}
	if msg := fmt.Sprint(panics(t, func() { arena.NewArena(arena.Options{Reserve: -1}) })); !strings.Contains(msg, `make "arena"`) {
		t.Errorf("misused: %s", msg)
	}
}

// TestArena_OffsetOfNothing: an empty slice of an arena has an offset like any other, also
// where there is nothing else, and at the end.
func TestArena_OffsetOfNothing(t *testing.T) {
	a := newArena(t, arena.Options{})
	defer free(t, a)
	if off := a.Offset(a.Bytes()); off != 0 {
		t.Errorf("empty: %d", off)
	}
	if _, err := a.Alloc(2 * mib); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Alloc(a.Cap() - a.Len()); err != nil {
		t.Fatal(err)
	}
	b, err := a.Alloc(0)
	if err != nil {
		t.Fatal(err)
	}
	if off := a.Offset(b); off != a.Cap() {
		t.Errorf("at the end: %d", off)
	}
}
