//go:build !portable

package arena

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

// The tests in this file are about which of two things comes first. They look in
// between, so they need neither luck nor load.

// orderArena makes an arena of one full window of 2 MiB, whose next growth moves
// it.
func orderArena(t *testing.T, o Options) *Arena {
	t.Helper()
	o.Name, o.Reserve, o.Rungs = t.Name(), extentSize, RungInWindow|RungRehome|RungAlias
	a, err := NewArena(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Free(); err != nil {
			t.Error(err)
		}
	})
	if err := a.Grow(extentSize); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestArena_ViewBeforeRetire: in a shared domain the new view is there before
// the old window is retired, or a guard that is pinned in between would find a
// window that nobody keeps for it.
//
// A domain with a limit runs what is ready on the goroutine that retires more.
// That is made to be a Free of ours, which looks at the arena; the reaper, who
// would do it otherwise, is kept busy.
func TestArena_ViewBeforeRetire(t *testing.T) {
	d := epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall, Name: t.Name(), MaxRetired: extentSize})
	a := orderArena(t, Options{Domain: d})
	busy, free := make(chan struct{}), make(chan struct{})
	retire := func(bytes int64, f func()) {
		t.Helper()
		if err := d.Retire(epoch.Retired{Bytes: bytes, Free: f}); err != nil {
			t.Fatal(err)
		}
	}
	retire(1, func() { close(busy); <-free })
	<-busy
	g, err := d.Pin()
	if err != nil {
		t.Fatal(err)
	}
	before, seen := a.Cap(), 0
	retire(1, func() { seen = a.Cap() })
	g.Unpin()
	if err := a.Grow(2 * extentSize); err != nil {
		t.Fatal(err)
	}
	if seen <= before {
		t.Errorf("the capacity was %d and is %d; while the old window was being retired it was %d", before, a.Cap(), seen)
	}
	close(free)
	if err := d.Barrier(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestArena_MovesAlone: page tables do not move while memory is being prepared
// (CVE-2024-50066).
func TestArena_MovesAlone(t *testing.T) {
	if !memfile.CanRehome() {
		t.Skip("this kernel does not move page tables of shared memory")
	}
	a := orderArena(t, Options{})
	var moves, shared atomic.Int64
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c == sys.CallMremap {
			moves.Add(1)
			if a.prep.TryRLock() {
				a.prep.RUnlock()
				shared.Add(1)
			}
		}
		return 0
	})
	err := a.Grow(2 * extentSize)
	restore()
	if err != nil {
		t.Fatal(err)
	}
	if moves.Load() != 1 || shared.Load() != 0 {
		t.Errorf("moved %d times, %d of them while memory could be prepared", moves.Load(), shared.Load())
	}
}

// TestBuffer_PublishesWhatIsThere: the bytes come first and then the length that
// says so. The copy is made to fail halfway, by a source that faults.
func TestBuffer_PublishesWhatIsThere(t *testing.T) {
	for name, n := range map[string]int{"fast": 100, "slow": 3 * extentSize} {
		t.Run(name, func(t *testing.T) {
			source := faulting(t, n)
			a := orderArena(t, Options{})
			b := NewBufferIn(a)
			if _, err := b.Write([]byte("here")); err != nil {
				t.Fatal(err)
			}
			var fault *FaultError
			err := CatchFault(nil, func() error {
				_, err := b.Write(source)
				return err
			})
			if !errors.As(err, &fault) {
				t.Fatalf("the source does not fault: %v", err)
			}
			if a.Len() != 4 || b.Len() != 4 || string(a.Bytes()) != "here" {
				t.Errorf("%d bytes are published after a write that was not finished", a.Len())
			}
		})
	}
}

// faulting returns n bytes the last of which cannot be read.
func faulting(t *testing.T, n int) []byte {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	a, err := NewArena(Options{Name: t.Name(), File: f, Headroom: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Free(); err != nil {
			t.Error(err)
		}
	})
	page := os.Getpagesize()
	total := (n+page-1)&^(page-1) + page
	b, err := a.Alloc(total)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(int64(total - page)); err != nil {
		t.Fatal(err)
	}
	return b[total-n:]
}

// TestArena_ZeroAfterRounds: what is handed out again is clear, also where the
// round before last was the longest.
func TestArena_ZeroAfterRounds(t *testing.T) {
	a := orderArena(t, Options{})
	for round, n := range []int{3 * extentSize, 1000, 2 * extentSize} {
		b, err := a.Alloc(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			if b[i] != 0 {
				t.Fatalf("round %d: byte %d is %d", round, i, b[i])
			}
			b[i] = 0xff
		}
		a.Reset()
	}
}

// TestArena_TouchHolds: while touch's function runs its view stays mapped, though the arena
// moves away and nobody else holds it; and it runs without a lock, so that the arena can.
func TestArena_TouchHolds(t *testing.T) {
	for name, o := range map[string]Options{
		"retire":  {Retire: true},
		"classic": {Domain: epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})},
	} {
		t.Run(name, func(t *testing.T) {
			o.Space = addrspace.New(addrspace.Options{CacheWindows: -1})
			a := orderArena(t, o)
			a.touch(func(v *view) {
				if err := a.Grow(2 * extentSize); err != nil {
					t.Fatal(err)
				}
				a.mapping.Domain.TryReclaim()
				if n := o.Space.Stats().Windows; n != 2 || a.load().Window == v.Window {
					t.Errorf("%d windows while the old one is being touched", n)
				}
			})
			if err := a.mapping.Domain.Barrier(t.Context()); err != nil {
				t.Error(err)
			}
			if n := o.Space.Stats().Windows; n != 1 {
				t.Errorf("%d windows afterwards", n)
			}
			// A domain that is closed keeps nothing; then the arena must not move.
			if err := a.mapping.Domain.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			a.touch(func(*view) {
				if a.mu.TryLock() {
					a.mu.Unlock()
					t.Error("the arena can move while it is being touched")
				}
			})
		})
	}
}

// TestArena_FreeEndsHelper: the helper ends with the arena, not when it has nothing to do
// for a while. In the bubble no time passes meanwhile.
func TestArena_FreeEndsHelper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := NewArena(Options{Name: t.Name()})
		if err != nil {
			t.Fatal(err)
		}
		a.head.running.Store(true)
		go a.help()
		synctest.Wait()
		if !a.head.running.Load() {
			t.Fatal("there is no helper")
		}
		if err := a.Free(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if a.head.running.Load() {
			t.Error("the helper outlives the arena")
		}
	})
}

// TestArena_FreesAlone: windows are not given up while memory at their addresses is being
// prepared.
func TestArena_FreesAlone(t *testing.T) {
	a, err := NewArena(Options{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	a.prep.RLock() // As one who prepares.
	done := make(chan error)
	go func() { done <- a.Free() }()
	for a.prep.TryRLock() { // Until Free waits for us.
		a.prep.RUnlock()
		if a.mapping.View().Window == nil {
			t.Error("the window has been given up while memory is being prepared")
			break
		}
		runtime.Gosched()
	}
	a.prep.RUnlock()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestArena_PreparesOnDisk: what a kernel can do with memory files says nothing of a caller's
// file: an extent of one without huge pages is made ready in small ones.
func TestArena_PreparesOnDisk(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	a, err := NewArena(Options{Name: t.Name(), File: f, Headroom: 8 * extentSize})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Free()
	if err := a.Grow(2 * extentSize); err != nil {
		t.Fatal(err)
	}
	a.prep.RLock()
	err = a.prepareExtent(a.load(), 0, true)
	a.prep.RUnlock()
	if n := a.file.Allocated(); err != nil || n < extentSize {
		t.Errorf("%d bytes are ready: %v", n, err)
	}
}
