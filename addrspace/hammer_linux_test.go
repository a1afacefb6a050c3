//go:build !portable && !(386 || arm || mips || mipsle)

package addrspace

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSpace_Hammer lets goroutines reserve, extend, map, rehome and release
// their own windows while others look addresses up: every address a goroutine
// holds is its own, with its own bytes behind it.
func TestSpace_Hammer(t *testing.T) {
	loops := 150
	if testing.Short() {
		loops = 40
	}
	s := newSpace(t, Options{Zones: testZones(16 * gib), CacheWindows: 8})
	var stop atomic.Bool
	var workers, readers sync.WaitGroup
	start := make(chan struct{})
	for g := range uint64(8) {
		fd := memfd(t, 4*mib)
		workers.Go(func() {
			rng := rand.New(rand.NewPCG(g, 0))
			<-start
			for range loops {
				hammer(t, s, rng, fd, byte(g+1))
			}
		})
	}
	for g := range uint64(2) {
		readers.Go(func() {
			rng := rand.New(rand.NewPCG(g, 1))
			<-start
			for !stop.Load() {
				addr := s.opts.Zones[0].Start + uintptr(rng.Uint64N(16*gib))
				_ = s.Lookup(addr)
				if rng.IntN(16) == 0 {
					var last uintptr
					for w := range s.All() {
						if w.start < last {
							t.Errorf("%v after %#x", w, last)
						}
						last = w.start
					}
					_ = s.Stats()
				}
				runtime.Gosched()
			}
		})
	}
	close(start)
	workers.Wait()
	stop.Store(true)
	readers.Wait()
	s.agree(t)
}

// hammer lives the life of one window, and sometimes of two.
func hammer(t *testing.T, s *Space, rng *rand.Rand, fd int, tag byte) {
	must := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	w, err := s.Reserve(4*mib*(1+rng.IntN(3)), ReserveOptions{Compact: rng.IntN(2) == 0})
	if err != nil {
		t.Error(err)
		return
	}
	for off := 0; off < 4*mib; off += 2 * mib {
		must(w.MapFile(off, 2*mib, fd, int64(off), readWrite))
	}
	b := w.data(4 * mib)
	b[0], b[len(b)-1] = tag, tag
	_ = w.Extend(2 * mib) // may be refused
	if rng.IntN(2) == 0 {
		v, err := s.Reserve(16*mib, ReserveOptions{})
		if err != nil {
			t.Error(err)
			return
		}
		must(w.Rehome(v))
		if w, v = v, w; rng.IntN(2) == 0 {
			must(v.Quarantine())
		}
		must(v.Release())
		b = w.data(4 * mib)
	}
	if b[0] != tag || b[len(b)-1] != tag {
		t.Errorf("%v shows %d and %d, want %d", w, b[0], b[len(b)-1], tag)
	}
	if got := s.Lookup(w.start + uintptr(rng.IntN(w.Size()))); got != w {
		t.Errorf("Lookup in %v finds %v", w, got)
	}
	must(w.Release())
	if rng.IntN(32) == 0 {
		must(s.Trim())
	}
}
