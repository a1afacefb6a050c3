package epoch_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/growarena/growarena/epoch"
)

// A payload is what the benchmarks publish: a buffer of which each operation
// reads 64 bytes.
type payload struct{ b []byte }

func newPayload() *payload { return &payload{make([]byte, 64)} }

// sum reads 64 bytes, as a reader would.
//
//go:noinline
func (p *payload) sum() (n uint64) {
	for i := 0; i < 64; i += 8 {
		n += uint64(p.b[i])
	}
	return n
}

// reader is one way to protect a read. loop does one protected read per call
// of next that returns true.
type reader struct {
	impl string
	loop func(next func() bool)
}

// readers returns the ways that are compared, over fresh state.
func readers() []reader {
	var mu sync.RWMutex
	plain := newPayload()
	d := epoch.NewDomain(epoch.Options{})
	if _, err := d.Publish(newPayload()); err != nil {
		panic(err)
	}
	traced := epoch.NewDomain(epoch.Options{Trace: true})
	debug := epoch.NewDomain(epoch.Options{Debug: true})
	return []reader{
		{"rwmutex", func(next func() bool) {
			for next() {
				mu.RLock()
				plain.sum()
				mu.RUnlock()
			}
		}},
		{"pin", func(next func() bool) {
			for next() {
				g, _ := d.Pin()
				g.Value().(*payload).sum()
				g.Unpin()
			}
		}},
		{"local", func(next func() bool) {
			l := d.NewLocal()
			defer l.Close()
			for next() {
				v, _ := l.Pin()
				v.(*payload).sum()
				l.Unpin()
			}
		}},
		{"refresh", func(next func() bool) {
			g, _ := d.Pin()
			defer g.Unpin()
			for next() {
				g.Refresh()
				g.Value().(*payload).sum()
			}
		}},
		{"read", func(next func() bool) {
			f := func(v any) error { v.(*payload).sum(); return nil }
			for next() {
				d.Read(f)
			}
		}},
		{"traced", func(next func() bool) {
			for next() {
				g, _ := traced.Pin()
				g.Unpin()
			}
		}},
		{"debug", func(next func() bool) {
			for next() {
				g, _ := debug.Pin()
				g.Unpin()
			}
		}},
		{"none", func(next func() bool) {
			for next() {
				plain.sum()
			}
		}},
	}
}

// BenchmarkReader is one protected read of 64 bytes by g goroutines. Compare
// the implementations of one run: ns/op is wall time divided by all
// operations, so multiply by min(g, procs) for the cost of one.
func BenchmarkReader(b *testing.B) {
	for _, g := range []int{1, 2, 16, 1000} {
		for _, r := range readers() {
			b.Run(fmt.Sprintf("impl=%s/g=%d", r.impl, g), func(b *testing.B) {
				if g == 1 {
					b.ReportAllocs()
					r.loop(b.Loop)
					return
				}
				parallel(b, g, r.loop)
			})
		}
	}
}

// parallel shares b.N operations among exactly g goroutines and reports the
// processor time of one.
func parallel(b *testing.B, g int, loop func(next func() bool)) {
	b.ReportAllocs()
	const chunk = 1024
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range g {
		wg.Go(func() {
			n := 0
			loop(func() bool {
				if n == 0 {
					if left.Add(-chunk) <= -chunk {
						return false
					}
					n = chunk
				}
				n--
				return true
			})
		})
	}
	wg.Wait()
	procs := min(g, runtime.GOMAXPROCS(0))
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())*float64(procs)/float64(b.N), "cpu-ns/op")
}

// BenchmarkReaderWithWriter is BenchmarkReader beside a writer that retires
// something 1,000 times a second. For the RWMutex it takes the write lock.
func BenchmarkReaderWithWriter(b *testing.B) {
	var mu sync.RWMutex
	plain := newPayload()
	d := epoch.NewDomain(epoch.Options{})
	d.Publish(newPayload())
	free := func() {}
	impls := []struct {
		reader
		write func()
	}{
		{reader{"rwmutex", func(next func() bool) {
			for next() {
				mu.RLock()
				plain.sum()
				mu.RUnlock()
			}
		}}, func() { mu.Lock(); plain = newPayload(); mu.Unlock() }},
		{reader{"pin", func(next func() bool) {
			for next() {
				g, _ := d.Pin()
				g.Value().(*payload).sum()
				g.Unpin()
			}
		}}, func() { d.Publish(newPayload(), epoch.Retired{Birth: 1, Free: free}) }},
		{reader{"refresh", func(next func() bool) {
			g, _ := d.Pin()
			defer g.Unpin()
			for next() {
				g.Refresh()
				g.Value().(*payload).sum()
			}
		}}, func() { d.Publish(newPayload(), epoch.Retired{Birth: 1, Free: free}) }},
	}
	for _, g := range []int{1, 2, 16} {
		for _, i := range impls {
			b.Run(fmt.Sprintf("impl=%s/g=%d", i.impl, g), func(b *testing.B) {
				stop := make(chan struct{})
				var writer sync.WaitGroup
				writer.Go(func() {
					t := time.NewTicker(time.Millisecond)
					defer t.Stop()
					for {
						select {
						case <-stop:
							return
						case <-t.C:
							i.write()
						}
					}
				})
				parallel(b, g, i.loop)
				b.StopTimer()
				close(stop)
				writer.Wait()
			})
		}
	}
}

// BenchmarkLocal is a pin and unpin with nothing read, beside an RWMutex.
func BenchmarkLocal(b *testing.B) {
	var mu sync.RWMutex
	d := epoch.NewDomain(epoch.Options{})
	for _, g := range []int{1, 2, 16} {
		for _, r := range []reader{
			{"rwmutex", func(next func() bool) {
				for next() {
					mu.RLock()
					mu.RUnlock() //lint:ignore SA2001 the lock alone is what is measured
				}
			}},
			{"pin", func(next func() bool) {
				for next() {
					g, _ := d.Pin()
					g.Unpin()
				}
			}},
			{"local", func(next func() bool) {
				l := d.NewLocal()
				defer l.Close()
				for next() {
					l.Pin()
					l.Unpin()
				}
			}},
			{"localnested", func(next func() bool) {
				l := d.NewLocal()
				defer l.Close()
				l.Pin()
				defer l.Unpin()
				for next() {
					l.Pin()
					l.Unpin()
				}
			}},
		} {
			b.Run(fmt.Sprintf("impl=%s/g=%d", r.impl, g), func(b *testing.B) {
				if g == 1 {
					b.ReportAllocs()
					r.loop(b.Loop)
					return
				}
				parallel(b, g, r.loop)
			})
		}
	}
}

// BenchmarkHeld is pin and unpin, and a retirement with its reclamation, while
// other pins are held.
func BenchmarkHeld(b *testing.B) {
	for _, held := range []int{0, 1000, 100_000} {
		d := epoch.NewDomain(epoch.Options{})
		guards := make([]epoch.Guard, held)
		for i := range guards {
			guards[i], _ = d.Pin()
		}
		b.Run(fmt.Sprintf("impl=pin/held=%d", held), func(b *testing.B) {
			for b.Loop() {
				g, _ := d.Pin()
				g.Unpin()
			}
		})
		b.Run(fmt.Sprintf("impl=publish/held=%d", held), func(b *testing.B) {
			for b.Loop() {
				v, _ := d.Publish(nil)
				d.Publish(nil, epoch.Retired{Birth: v})
				d.TryReclaim()
			}
		})
		b.Run(fmt.Sprintf("impl=unpinall/held=%d", held), func(b *testing.B) {
			if held == 0 {
				b.Skip("nothing held")
			}
			d.Retire(epoch.Retired{})
			for b.Loop() {
				for i := range guards {
					guards[i].Unpin()
				}
				b.StopTimer()
				d.Barrier(context.Background())
				for i := range guards {
					guards[i], _ = d.Pin()
				}
				d.Retire(epoch.Retired{})
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(held), "ns/unpin")
		})
	}
}

// BenchmarkRetire is a writer's retirement with nobody pinned, from Retire to
// the Free on the reaper.
func BenchmarkRetire(b *testing.B) {
	d := epoch.NewDomain(epoch.Options{})
	b.Run("impl=retire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.Retire(epoch.Retired{})
		}
	})
	b.Run("impl=synchronize", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.Synchronize(context.Background())
		}
	})
}
