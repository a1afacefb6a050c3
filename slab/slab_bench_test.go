package slab_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/growarena/growarena/slab"
)

var sink []byte

var benchSizes = []int{16, 64, 256, 1024, 4096, 32768, 1 << 18, 4 << 20}

// BenchmarkAllocFree allocates and frees one object at a time.
func BenchmarkAllocFree(b *testing.B) {
	for _, n := range benchSizes {
		size := "/size=" + strconv.Itoa(n)
		b.Run("impl=slab"+size, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			defer closeEmpty(b, a)
			for b.Loop() {
				p, err := a.Alloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				a.Free(p)
			}
		})
		b.Run("impl=slab.Local"+size, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			defer closeEmpty(b, a)
			l := a.NewLocal()
			for b.Loop() {
				p, err := l.Alloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				l.Free(p)
			}
		})
		b.Run("impl=make"+size, func(b *testing.B) {
			for b.Loop() {
				sink = make([]byte, n)
			}
		})
		b.Run("impl=sync.Pool"+size, func(b *testing.B) {
			pool := sync.Pool{New: func() any { p := make([]byte, n); return &p }}
			for b.Loop() {
				p := pool.Get().(*[]byte)
				(*p)[0] = 1
				pool.Put(p)
			}
		})
	}
}

// BenchmarkAllocFreeParallel is BenchmarkAllocFree on all processors.
func BenchmarkAllocFreeParallel(b *testing.B) {
	for _, n := range benchSizes[:6] {
		size := "/size=" + strconv.Itoa(n)
		b.Run("impl=slab"+size, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			defer closeEmpty(b, a)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, err := a.Alloc(n)
					if err != nil {
						b.Error(err)
						return
					}
					p[0] = 1
					a.Free(p)
				}
			})
		})
		b.Run("impl=make"+size, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				var keep []byte
				for pb.Next() {
					keep = make([]byte, n)
				}
				if keep == nil {
					return
				}
				sink = keep
			})
		})
	}
}

// BenchmarkHandOver allocates on one goroutine and frees on another.
func BenchmarkHandOver(b *testing.B) {
	for _, n := range []int{64, 1024} {
		size := "/size=" + strconv.Itoa(n)
		const batch = 256
		run := func(b *testing.B, get func() []byte, put func([]byte)) {
			c := make(chan [][]byte, 16)
			var wg sync.WaitGroup
			wg.Go(func() {
				for all := range c {
					for _, p := range all {
						put(p)
					}
				}
			})
			var all [][]byte
			for b.Loop() {
				if all = append(all, get()); len(all) == batch {
					c <- all
					all = nil
				}
			}
			c <- all
			close(c)
			wg.Wait()
		}
		b.Run("impl=slab"+size, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			defer closeEmpty(b, a)
			run(b, func() []byte {
				p, err := a.Alloc(n)
				if err != nil {
					b.Error(err)
				}
				return p
			}, a.Free)
		})
		b.Run("impl=slab.Local"+size, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			defer closeEmpty(b, a)
			get, put := a.NewLocal(), a.NewLocal()
			run(b, func() []byte {
				p, err := get.Alloc(n)
				if err != nil {
					b.Error(err)
				}
				return p
			}, put.Free)
		})
		b.Run("impl=make"+size, func(b *testing.B) {
			run(b, func() []byte { return make([]byte, n) }, func([]byte) {})
		})
	}
}

// BenchmarkChurn keeps 100,000 objects of a size and replaces one at a time, at
// random.
func BenchmarkChurn(b *testing.B) {
	const live = 100_000
	for _, n := range []int{16, 64, 256, 1024} {
		size := "/size=" + strconv.Itoa(n)
		for _, impl := range []string{"slab", "slab.Local"} {
			b.Run("impl="+impl+size, func(b *testing.B) {
				a := newAllocator(b, slab.Options{})
				defer closeEmpty(b, a)
				var from source = a
				if impl == "slab.Local" {
					from = a.NewLocal()
				}
				rng := rand.New(rand.NewPCG(1, 2))
				objects := make([][]byte, live)
				for k := range objects {
					objects[k] = mustAlloc(b, a, n)
					objects[k][0] = 1
				}
				for b.Loop() {
					k := rng.IntN(live)
					from.Free(objects[k])
					p, err := from.Alloc(n)
					if err != nil {
						b.Fatal(err)
					}
					p[0] = 1
					objects[k] = p
				}
				for _, p := range objects {
					a.Free(p)
				}
			})
		}
		b.Run("impl=make"+size, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			objects := make([][]byte, live)
			for k := range objects {
				objects[k] = make([]byte, n)
			}
			for b.Loop() {
				k := rng.IntN(live)
				objects[k] = make([]byte, n)
				objects[k][0] = 1
			}
		})
	}
}

// BenchmarkDay fills with objects of random sizes, frees nine of ten at random and
// fills again, ten times. It reports what is resident of the allocator for each
// live byte when full, a moment after a tenth is left, when that is trimmed, and what is left of the process's
// memory beyond what it had, when all is free and trimmed.
func BenchmarkDay(b *testing.B) {
	const fill = 256 << 20
	for b.Loop() {
		start := resident(b)
		a := newAllocator(b, slab.Options{})
		rng := rand.New(rand.NewPCG(1, 3))
		var held [][]byte
		var full, tenth, trimmed float64
		for round := range 10 {
			live := 0
			for _, p := range held {
				live += cap(p)
			}
			for live < fill {
				n := 1 + rng.IntN(1<<(3+rng.IntN(14)))
				if rng.IntN(1000) == 0 {
					n = 1 + rng.IntN(4<<20)
				}
				p := mustAlloc(b, a, n)
				fillWith(p, 1)
				held = append(held, p)
				live += cap(p)
			}
			full = max(full, float64(resident(b)-start)/float64(live))
			rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			keep := len(held) / 10
			for _, p := range held[keep:] {
				a.Free(p)
			}
			held = held[:keep:keep]
			live = 0
			for _, p := range held {
				live += cap(p)
			}
			b.StopTimer()
			time.Sleep(300 * time.Millisecond) // What is not needed for a moment is given back.
			b.StartTimer()
			tenth = max(tenth, float64(resident(b)-start)/float64(live))
			if round%2 == 1 {
				if err := a.Trim(); err != nil {
					b.Fatal(err)
				}
				trimmed = max(trimmed, float64(resident(b)-start)/float64(live))
			}
		}
		for _, p := range held {
			a.Free(p)
		}
		if err := a.Trim(); err != nil {
			b.Fatal(err)
		}
		left := resident(b) - start
		closeEmpty(b, a)
		b.ReportMetric(full, "resident/live")
		b.ReportMetric(tenth, "resident/live-of-a-tenth")
		b.ReportMetric(trimmed, "resident/live-trimmed")
		b.ReportMetric(float64(left)/mib, "MiB-left")
	}
}

// resident returns the bytes of files that are resident in the process: the
// payload, and not the Go heap.
func resident(b testing.TB) int {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "RssShmem:"); ok {
			kib, err := strconv.Atoi(strings.Fields(v)[0])
			if err != nil {
				b.Fatal(err)
			}
			return kib << 10
		}
	}
	b.Skip("no RssShmem")
	return 0
}

// BenchmarkReallocDoubling doubles a buffer from 1 MiB, every page of which is
// touched, to the given length.
func BenchmarkReallocDoubling(b *testing.B) {
	for _, to := range []int{64 << 20, 512 << 20} {
		length := "/len=" + strconv.Itoa(to)
		touch := func(p []byte) {
			for i := 0; i < len(p); i += os.Getpagesize() {
				p[i] = 1
			}
		}
		b.Run("impl=slab"+length, func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			var inRealloc time.Duration
			for b.Loop() {
				p := mustAlloc(b, a, mib)
				touch(p)
				for n := 2 * mib; n <= to; n *= 2 {
					start := time.Now()
					q, err := a.Realloc(p, n)
					inRealloc += time.Since(start)
					if err != nil {
						b.Fatal(err)
					}
					touch(q[n/2:])
					p = q
				}
				a.Free(p)
			}
			b.ReportMetric(float64(inRealloc.Microseconds())/float64(b.N), "µs-in-Realloc/op")
			closeEmpty(b, a)
		})
		b.Run("impl=copy"+length, func(b *testing.B) {
			var inCopy time.Duration
			for b.Loop() {
				p := make([]byte, mib)
				touch(p)
				for n := 2 * mib; n <= to; n *= 2 {
					start := time.Now()
					q := make([]byte, n)
					copy(q, p)
					inCopy += time.Since(start)
					touch(q[n/2:])
					p = q
				}
			}
			b.ReportMetric(float64(inCopy.Microseconds())/float64(b.N), "µs-in-Realloc/op")
		})
	}
}

// BenchmarkGC collects garbage with as many objects of 64 bytes in use.
func BenchmarkGC(b *testing.B) {
	for _, objects := range []int{0, 1 << 20, 1 << 24} {
		b.Run("impl=slab/objects="+strconv.Itoa(objects), func(b *testing.B) {
			a := newAllocator(b, slab.Options{})
			cache := slab.NewCache[[64]byte](a)
			refs := make([]slab.Ref[[64]byte], objects)
			for i := range refs {
				p, err := cache.Get()
				if err != nil {
					b.Fatal(err)
				}
				refs[i] = slab.RefTo(a, p)
			}
			for b.Loop() {
				runtime.GC()
			}
			for _, r := range refs {
				cache.Put(r.In(a))
			}
			closeEmpty(b, a)
		})
		if objects > 1<<20 {
			continue
		}
		b.Run("impl=make/objects="+strconv.Itoa(objects), func(b *testing.B) {
			all := make([]*[64]byte, objects)
			for i := range all {
				all[i] = new([64]byte)
			}
			for b.Loop() {
				runtime.GC()
			}
			runtime.KeepAlive(all)
		})
	}
}
