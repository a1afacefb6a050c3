//go:build !portable

package arena_test

import (
	"errors"
	"os"
	"testing"

	"github.com/growarena/growarena/arena"
)

// TestTrackStats: what an increment would copy is told, after each thing that can be done.
func TestTrackStats(t *testing.T) {
	page := os.Getpagesize()
	a := newArena(t, arena.Options{Reserve: 2 * mib, Rungs: arena.RungInWindow | arena.RungAlias, Headroom: -1, HugePages: arena.HugeNever})
	if _, ok := a.TrackStats(); ok {
		t.Error("it is tracked")
	}
	startTracking(t, a)
	b := alloc(t, a, mib)
	fill(b, 0)
	want := func(when string, written, checkpoints, windows int) arena.TrackStats {
		t.Helper()
		s, ok := a.TrackStats()
		if !ok || s.Written != written || s.Checkpoints != checkpoints || s.Windows != windows {
			t.Errorf("%s: %+v, want %d bytes, %d checkpoints and %d windows", when, s, written, checkpoints, windows)
		}
		return s
	}
	want("at first", mib, 0, 1)
	dst := &memory{}
	var last *arena.Checkpoint
	checkpoint := func(increment int) {
		t.Helper()
		c, err := a.Checkpoint(dst, arena.CheckpointOptions{Since: last, Quiesce: func() error {
			_, ok := a.TrackStats() // During one.
			if !ok {
				t.Error("it is not tracked")
			}
			return nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if last = c; int(c.Copied) != increment {
			t.Errorf("%d bytes were copied, and %d were told", c.Copied, increment)
		}
	}
	checkpoint(mib)
	if s := want("after one", 0, 1, 1); s.Last != *last {
		t.Errorf("the last one is %+v, want %+v", s.Last, *last)
	}
	b[0], b[7*page], b[7*page+1] = 1, 1, 1
	want("after writes", 2*page, 1, 1)
	boom := errors.New("boom")
	if _, err := a.Checkpoint(dst, arena.CheckpointOptions{Since: last, Quiesce: func() error { return boom }}); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	b[9*page]++
	want("after one that failed", 3*page, 1, 1)
	checkpoint(3 * page)
	if err := a.Grow(8 * mib); err != nil {
		t.Fatal(err)
	}
	want("after a move, when nobody has looked", mib, 2, 1)
	b[5*page]++ // By the old window, which is kept.
	checkpoint(mib)
	want("then", 0, 3, 2)
	b[5*page]++
	want("by the old window", page, 3, 2)
	a.Truncate(4 * page)
	want("cut", 0, 3, 2)
	a.Untrack()
	if s, ok := a.TrackStats(); ok {
		t.Errorf("after Untrack: %+v", s)
	}
	startTracking(t, a)
	free(t, a)
	if s, ok := a.TrackStats(); ok {
		t.Errorf("after Free: %+v", s)
	}
}
