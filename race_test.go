//go:build race && heapbacked

package growarena_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
)

// TestHeapBacked_Races: with -tags heapbacked the race detector sees what lies in buffers: a race
// that a program has there is reported, with its lines, and what an atomic in there has put in order is not.
func TestHeapBacked_Races(t *testing.T) {
	for name, tt := range map[string]struct {
		run   func(t *testing.T)
		races bool
	}{
		"arena":    {racyArena, true},
		"typed":    {racyTyped, true},
		"stream":   {racyStream, true},
		"pool":     {racyPool, true},
		"slab":     {racySlab, true},
		"in order": {orderedArena, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := testutil.Child(t, testutil.ChildOptions{})
			if r == nil {
				tt.run(t)
				return
			}
			reported := strings.Contains(r.Output, "WARNING: DATA RACE") && strings.Contains(r.Output, "race_test.go:")
			if reported != tt.races || r.Passed() == tt.races {
				t.Errorf("a race is reported: %v, want %v: %v", reported, tt.races, r)
			}
		})
	}
}

// beside runs both at once.
func beside(f, g func()) {
	var wg sync.WaitGroup
	wg.Go(f)
	wg.Go(g)
	wg.Wait()
}

// need returns v, and fails the test for an error.
func need[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func racyArena(t *testing.T) {
	a := need[*arena.Arena](t)(arena.NewArena(arena.Options{}))
	defer a.Free()
	b := need[[]byte](t)(a.Alloc(3 << 20))
	beside(func() { b[2<<20]++ }, func() { a.Bytes()[2<<20]++ })
}

func racyTyped(t *testing.T) {
	a := need[*arena.Arena](t)(arena.NewArena(arena.Options{}))
	defer a.Free()
	p := arena.New[int](a)
	beside(func() { *p++ }, func() { *p++ })
}

func racyStream(t *testing.T) {
	s := need[*stream.Stream](t)(stream.New(stream.Options{}))
	defer s.Close()
	_ = need[int64](t)(s.Append([]byte("event")))
	g := need[stream.Guard](t)(s.Pin())
	defer g.Unpin()
	beside(func() { g.All()[1]++ }, func() { g.All()[1]++ })
}

func racyPool(t *testing.T) {
	p := need[*pool.Pool](t)(pool.New(pool.Options{}))
	defer p.Close()
	b := need[[]byte](t)(p.Alloc(100))
	defer p.Free(b)
	beside(func() { b[99]++ }, func() { b[99]++ })
}

func racySlab(t *testing.T) {
	a := slab.New(slab.Options{})
	defer a.Close()
	b := need[[]byte](t)(a.Alloc(48))
	defer a.Free(b)
	beside(func() { b[0]++ }, func() { b[0]++ })
}

func orderedArena(t *testing.T) {
	a := need[*arena.Arena](t)(arena.NewArena(arena.Options{}))
	defer a.Free()
	ready, where := arena.New[atomic.Bool](a), arena.New[int](a)
	on := new(int)
	beside(func() { *on, *where = 1, 1; ready.Store(true) }, func() {
		for !ready.Load() {
		}
		if *on != 1 || *where != 1 {
			t.Error("the stores are not seen")
		}
	})
}
