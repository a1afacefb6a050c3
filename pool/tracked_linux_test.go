//go:build !portable

package pool_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/track"
)

// TestPool_Tracked: buffers that are tracked, and the guards before and behind them, may be used in any way; what is given back
// goes on being tracked where it stays mapped, and has gone where it does not. No call hangs.
func TestPool_Tracked(t *testing.T) {
	const band = 4 * mib
	page := uintptr(os.Getpagesize())
	for name, extent := range map[string]func(b dirty.Range) dirty.Range{
		"a buffer":       func(b dirty.Range) dirty.Range { return b },
		"with its guard": func(b dirty.Range) dirty.Range { return dirty.Range{Start: b.Start - page, End: b.End} },
		"with the next":  func(b dirty.Range) dirty.Range { return dirty.Range{Start: b.Start, End: b.Start - page + 3*band} },
		"three whole bands": func(b dirty.Range) dirty.Range {
			return dirty.Range{Start: b.Start - page, End: b.Start - page + 3*band}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := pool.New(pool.Options{Band: band})
			if err != nil {
				t.Fatal(err)
			}
			var b, other []byte
			var tr *track.Tracker
			for _, step := range []struct {
				name string
				do   func()
			}{
				{"alloc", func() { b = must(p.Alloc(mib)); fill(b, 0) }},
				{"track", func() { tr, err = track.New(extent(dirty.RangeOf(b)).Bytes()) }},
				{"alloc behind it", func() { other = must(p.Alloc(3 * mib)); fill(other, 7) }},
				{"grow", func() { b = must(p.Grow(b, 3*mib)) }},
				{"shrink", func() { b = p.Shrink(b, mib); right(t, b, 0) }},
				{"outgrow", func() { b = must(p.Grow(b, 9*mib)); right(t, b[:mib], 0) }},
				{"grow on", func() { b = must(p.Grow(b, 300*mib)); right(t, b[:mib], 0) }},
				{"free", func() { p.Free(b) }},
				{"trim", func() { p.Trim() }},
				{"alloc again", func() { b = must(p.Alloc(mib)); fill(b, 3) }},
				{"outgrow again", func() { b = must(p.Grow(b, 9*mib)); right(t, b[:mib], 3); right(t, other, 7) }},
				{"free all", func() { p.Free(b); p.Free(other) }},
			} {
				inTime(t, step.name, step.do)
				if errors.Is(err, track.ErrUnsupported) {
					p.Free(b)
					_ = p.Close()
					t.Skip(err)
				}
				if err != nil {
					t.Fatal(err)
				}
				if tr != nil {
					inTime(t, "look after "+step.name, func() {
						for _, e := range tr.Dirty() {
							err = errors.Join(err, e)
						}
					})
					if err != nil {
						t.Errorf("look after %s: %v", step.name, err)
					}
				}
			}
			inTime(t, "close", func() { err = p.Close() })
			if err != nil {
				t.Error(err)
			}
			inTime(t, "last look", func() {
				for _, err = range tr.Dirty() {
				}
			})
			if !errors.Is(err, track.ErrGone) {
				t.Errorf("the pool is closed, and the error is %v, want ErrGone", err)
			}
			tr.Close()
		})
	}
}

// TestPool_TrackedGuard: a guard that would lie in memory that is tracked is left out, counted, and no other one is.
func TestPool_TrackedGuard(t *testing.T) {
	const band = 4 * mib
	p, err := pool.New(pool.Options{Band: band})
	if err != nil {
		t.Fatal(err)
	}
	b := must(p.Alloc(mib))
	at := dirty.RangeOf(b)
	page := uintptr(os.Getpagesize())
	at.End = at.Start - page + 2*band + mib
	tr, err := track.New(at.Bytes())
	if errors.Is(err, track.ErrUnsupported) {
		p.Free(b)
		_ = p.Close()
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	before := p.Stats().GuardsRefused
	bufs := [][]byte{b, must(p.Alloc(mib)), must(p.Alloc(mib))}
	if got := p.Stats().GuardsRefused - before; got != 1 && before == 0 {
		t.Errorf("%d guards are left out, want that in tracked memory", got)
	}
	tr.Close()
	for _, b := range bufs {
		p.Free(b)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// inTime calls f, and fails if it does not return.
func inTime(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s does not return", what)
	}
}

// right fails unless b has the pattern of seed.
func right(t *testing.T, b []byte, seed int) {
	t.Helper()
	if i := check(b, seed); i >= 0 {
		t.Errorf("byte %d is %d", i-seed, b[i-seed])
	}
}
