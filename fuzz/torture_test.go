//go:build linux && !(386 || arm || mips || mipsle)

package fuzz

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
)

// TestTorture_DescheduledReader holds up a reader through many moves of an arena,
// as a thread that the system does not run. What it has in hand stays right, under
// every pointer rule: through old windows it sees the same bytes, also those
// written since. And what is kept for it is what the rule says: with a domain of
// the arena's own its window alone, otherwise all.
//
// The two take turns, so that nothing depends on who is faster.
func TestTorture_DescheduledReader(t *testing.T) {
	for rule, set := range map[string]func(*arena.Options){
		"keep":    func(*arena.Options) {},
		"retire":  func(o *arena.Options) { o.Retire = true },
		"classic": func(o *arena.Options) { o.Domain = epoch.NewDomain(epoch.Options{}) },
	} {
		for _, rung := range []arena.Rungs{arena.RungRehome, arena.RungAlias} {
			t.Run(fmt.Sprintf("%s/%v", rule, rung), func(t *testing.T) {
				space := addrspace.New(addrspace.Options{CacheWindows: -1})
				o := arena.Options{Name: "torture", Reserve: 2 << 20, Headroom: -1, Space: space, Rungs: arena.RungInWindow | rung}
				set(&o)
				deschedule(t, o, space)
			})
		}
	}
}

// moves is how often the arena moves while the reader sleeps: from 2 MiB to 2 GiB
// of addresses.
const moves = 10

func deschedule(t *testing.T, o arena.Options, space *addrspace.Space) {
	a, err := arena.NewArena(o)
	if err != nil {
		t.Fatal(err)
	}
	first, err := a.Alloc(2 << 20)
	if err != nil {
		t.Fatal(err)
	}
	pattern := func(i int) byte { return byte(i>>12) ^ byte(i) | 1 }
	for i := range first {
		first[i] = pattern(i)
	}
	wrong := func(b []byte) int {
		for i := range b {
			if b[i] != pattern(i) {
				return i
			}
		}
		return -1
	}

	pinned, goOn, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // The thread sleeps, not just the goroutine.
		defer runtime.UnlockOSThread()
		g, err := a.Pin()
		if err != nil {
			t.Error(err)
			close(pinned)
			return
		}
		b := g.Bytes()
		half := b[:len(b)/2]
		if i := wrong(half); i >= 0 { // Touches the pages of a half only.
			t.Errorf("byte %d is wrong before", i)
		}
		close(pinned)
		<-goOn
		time.Sleep(time.Millisecond) // Now it is late.
		b[7] ^= 0x80                 // The writer did so too: twice is not at all.
		if i := wrong(b); i >= 0 {
			t.Errorf("byte %d of %d is wrong after %d moves", i, len(b), moves)
		}
		if err := g.Refresh(); err != nil {
			t.Error(err)
			return
		}
		if i := wrong(g.Bytes()[:2<<20]); i >= 0 || len(g.Bytes()) != 3<<20 {
			t.Errorf("byte %d of %d is wrong after Refresh", i, len(g.Bytes()))
		}
		g.Unpin()
	}()
	<-pinned
	windows := map[int]bool{}
	for range moves {
		before := a.Stats()
		if err := a.Grow(before.Window - before.Len + 1); err != nil {
			t.Fatal(err)
		}
		windows[a.Stats().Window] = true
	}
	if s := a.Stats(); s.Growth.Rehomed+s.Growth.Aliased != moves || len(windows) != moves {
		t.Errorf("moved %d times to %d windows: %+v", s.Growth.Rehomed+s.Growth.Aliased, len(windows), s.Growth)
	}
	a.Bytes()[7] ^= 0x80 // Through the newest window, for the reader to see in its own.
	if _, err := a.Alloc(1 << 20); err != nil {
		t.Fatal(err)
	}
	want := 1 + moves
	if o.Retire {
		want = 2 // The reader's and the newest.
	}
	if err := until("windows to go that nobody holds", func() bool {
		if d := a.Domain(); d != nil {
			d.TryReclaim()
		}
		return space.Stats().Windows <= want
	}); err != nil {
		t.Error(err)
	}
	if got := space.Stats().Windows; got != want {
		t.Errorf("%d windows while the reader sleeps, want %d", got, want)
	}
	close(goOn)
	<-done
	if d := a.Domain(); d != nil {
		want = 1
		if err := d.Barrier(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := space.Stats().Windows; got != want {
		t.Errorf("%d windows with nobody pinned, want %d", got, want)
	}
	if err := a.Free(); err != nil {
		t.Error(err)
	}
	if d := a.Domain(); d != nil {
		if err := d.Barrier(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := space.Stats().Windows; got != 0 {
		t.Errorf("%d windows after Free", got)
	}
	if err := space.Trim(); err != nil {
		t.Error(err)
	}
}
