package slab_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestIdle frees what took memory, and a moment later most of that is the system's,
// without anybody asking; a small part is kept for what comes.
func TestIdle(t *testing.T) {
	total := 64 * mib
	if testing.Short() {
		total = 32 * mib
	}
	for _, n := range []int{100, 16 << 10, 500 << 10} {
		if n == 16<<10 && testing.Short() {
			continue
		}
		before := resident(t)
		a := newAllocator(t, slab.Options{})
		var held [][]byte
		for range total / n {
			b := mustAlloc(t, a, n)
			fillWith(b, 1)
			held = append(held, b)
		}
		for _, b := range held {
			a.Free(b)
		}
		const kept = 4 * mib
		await(t, func() bool { return a.Stats().Kept <= kept && resident(t)-before <= kept+4*mib })
		if s := a.Stats(); int(s.Returned) < total/2 || s.Refused != 0 {
			t.Errorf("objects of %d bytes: %+v", n, s)
		}
		// Closed while the timer may run: nothing is given back that is no more.
		for range 64 {
			a.Free(mustAlloc(t, a, mib))
		}
		closeEmpty(t, a)
	}
}

// TestIdle_SystemRefuses: what the system does not take back is counted and stays, and is
// given back after something else was freed.
func TestIdle_SystemRefuses(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	free := func() {
		var held [][]byte
		for range 32 {
			held = append(held, mustAlloc(t, a, mib))
		}
		held = append(held, mustAlloc(t, a, 2*mib)) // A large one.
		for _, b := range held {
			fillWith(b, 1)
			a.Free(b)
		}
	}
	restore := testutil.FailAll(sys.CallPunch, syscall.ENOSPC)
	free()
	await(t, func() bool { return a.Stats().Refused >= 2 })
	restore()
	if s := a.Stats(); s.Returned != 0 || s.Kept < 32*mib {
		t.Errorf("refused: %+v", s)
	}
	free()
	await(t, func() bool { return a.Stats().Kept <= 4*mib })
	closeEmpty(t, a)
}

// TestIdle_EveryWay frees 48 MiB in each way there is to free pages, and does nothing
// more: most of it goes back to the system, whatever way that was.
func TestIdle_EveryWay(t *testing.T) {
	const kept = 4 * mib
	total := 48 * mib
	if testing.Short() {
		total = 24 * mib
	}
	for name, way := range map[string]struct {
		n    int // bytes of an object
		o    slab.Options
		free func(t *testing.T, a *slab.Allocator, all [][]byte)
	}{
		"small":        {n: 1000, free: freeAll},
		"small, big":   {n: 20 << 10, free: freeAll},
		"medium":       {n: 300 << 10, free: freeAll},
		"large":        {n: 3 * mib, free: freeAll},
		"debug":        {n: 300 << 10, o: slab.Options{Debug: true}, free: freeAll},
		"debug, small": {n: 20 << 10, o: slab.Options{Debug: true}, free: freeAll},
		"debug, large": {n: 3 * mib, o: slab.Options{Debug: true}, free: freeAll},
		"profile":      {n: 300 << 10, o: slab.Options{Profile: mib}, free: freeAll},
		"shorter":      {n: mib, free: reallocAll(40 << 10)},
		"smaller":      {n: mib, free: reallocAll(16)},
		"from small":   {n: 20 << 10, free: reallocAll(16)},
		"to large": {n: mib, free: func(t *testing.T, a *slab.Allocator, all [][]byte) {
			reallocAll(mib+1)(t, a, all)
		}},
		"large shorter": {n: 4 * mib, free: reallocAll(64 << 10)},
		"retired": {n: 300 << 10, free: func(t *testing.T, a *slab.Allocator, all [][]byte) {
			for _, b := range all {
				if err := a.Retire(b); err != nil {
					t.Fatal(err)
				}
			}
		}},
		"through a Local": {n: 1000, free: func(t *testing.T, a *slab.Allocator, all [][]byte) {
			l := a.NewLocal()
			for _, b := range all {
				l.Free(b)
			}
			l.Close()
		}},
		"slices": {n: 300 << 10, free: func(t *testing.T, a *slab.Allocator, all [][]byte) {
			for _, b := range all {
				slab.FreeSlice(a, b)
			}
		}},
		"arrow": {n: 300 << 10, free: func(t *testing.T, a *slab.Allocator, all [][]byte) {
			arrow := slab.NewArrow(a, slab.ArrowOptions{})
			for _, b := range all {
				arrow.Free(b)
			}
		}},
	} {
		switch name {
		case "small", "medium", "large", "shorter", "retired":
		default:
			if testing.Short() {
				continue
			}
		}
		t.Run(name, func(t *testing.T) {
			way.o.Domain = epoch.NewDomain(epoch.Options{StallAfter: testutil.NoStall})
			before := resident(t)
			a := newAllocator(t, way.o)
			var all [][]byte
			for range total / way.n {
				b := mustAlloc(t, a, way.n)
				fillWith(b, 1)
				all = append(all, b)
			}
			await(t, a.Quiet) // It was armed by growing.
			way.free(t, a, all)
			await(t, func() bool {
				s := a.Stats()
				return s.Kept <= kept && resident(t)-before <= s.Live+s.Held+kept+4*mib
			})
			_ = a.Close() // Of some there is something left.
		})
	}
}

func freeAll(_ *testing.T, a *slab.Allocator, all [][]byte) {
	for _, b := range all {
		a.Free(b)
	}
}

func reallocAll(n int) func(*testing.T, *slab.Allocator, [][]byte) {
	return func(t *testing.T, a *slab.Allocator, all [][]byte) {
		for _, b := range all {
			if _, err := a.Realloc(b, n); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// await waits until what is to happen a moment later has happened. How long that is is not
// promised, so it waits fifty times longer than it should have to.
func await(t *testing.T, happened func() bool) {
	t.Helper()
	for range 500 {
		if happened() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("it has not happened")
}

// TestIdle_BesideLarge: free pages go back though large objects come and go all the time, whose own
// memory stays for the next one.
func TestIdle_BesideLarge(t *testing.T) {
	a := newAllocator(t, slab.Options{})
	var held [][]byte
	for range 32 {
		held = append(held, mustAlloc(t, a, mib))
	}
	for _, b := range held {
		fillWith(b, 1)
		a.Free(b)
	}
	await(t, func() bool {
		a.Free(mustAlloc(t, a, 2*mib))
		return a.Stats().Returned >= 24*mib
	})
	closeEmpty(t, a)
}
