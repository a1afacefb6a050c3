package slab_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// TestIdle frees what took memory, and a moment later most of that is the system's,
// without anybody asking; a small part is kept for what comes.
func TestIdle(t *testing.T) {
	for _, n := range []int{100, 16 << 10, 500 << 10} {
		before := resident(t)
		a := newAllocator(t, slab.Options{})
		var held [][]byte
		for range 64 * mib / n {
			b := mustAlloc(t, a, n)
			fillWith(b, 1)
			held = append(held, b)
		}
		for _, b := range held {
			a.Free(b)
		}
		const kept = 4 * mib
		await(t, func() bool { return a.Stats().Kept <= kept && resident(t)-before <= kept+4*mib })
		if s := a.Stats(); s.Returned < 32*mib {
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
