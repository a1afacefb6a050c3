//go:build !portable && !(386 || arm || mips || mipsle)

package arena_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
)

// The benchmarks compare with the bare system calls in the same run; the suite
// against other libraries is in benchmarks/. Run:
//
//	go test ./arena -run '^$' -bench . -benchtime 5x

// sink keeps the compiler from knowing where allocations go.
var sink []byte

func BenchmarkAlloc(b *testing.B) {
	for _, n := range []int{64, 1024} {
		size := "/size=" + strconv.Itoa(n)
		b.Run("impl=make"+size, func(b *testing.B) {
			for b.Loop() {
				sink = make([]byte, n)
				sink[0] = 1
			}
		})
		// Three prices of the same call: of the bookkeeping alone, in memory that
		// is warm and was used before (Alloc clears it), and in fresh memory, all of
		// which the kernel has to clear.
		b.Run("impl=arena/memory=untouched"+size, func(b *testing.B) {
			a := newArena(b, arena.Options{Headroom: -1})
			defer free(b, a)
			for b.Loop() {
				p, err := a.Alloc(n)
				if err != nil {
					b.Fatal(err)
				}
				keep(p)
			}
		})
		for memory, limit := range map[string]int{"warm": 1 << 20, "fresh": 4 << 30} {
			b.Run("impl=arena/memory="+memory+size, func(b *testing.B) {
				a := newArena(b, arena.Options{Limit: limit})
				defer free(b, a)
				for b.Loop() {
					p, err := a.Alloc(n)
					if err != nil {
						a.Reset()
						continue
					}
					p[0] = 1
				}
			})
		}
		b.Run("impl=arena-parallel"+size, func(b *testing.B) {
			a := newArena(b, arena.Options{})
			defer free(b, a)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := a.Alloc(n); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		b.Run("impl=make-parallel"+size, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				var last []byte
				for pb.Next() {
					last = make([]byte, n)
				}
				keep(last)
			})
		})
	}
}

//go:noinline
func keep([]byte) {}

func BenchmarkPin(b *testing.B) {
	for _, rule := range []string{"keep", "retire", "classic"} {
		o := arena.Options{}
		rules[rule](&o)
		a := newArena(b, o)
		if _, err := a.Alloc(4096); err != nil {
			b.Fatal(err)
		}
		b.Run("impl=arena/rule="+rule, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				var sum byte
				for pb.Next() {
					g, err := a.Pin()
					if err != nil {
						b.Fatal(err)
					}
					sum += g.Bytes()[7]
					g.Unpin()
				}
				_ = sum
			})
		})
		b.Run("impl=arena-refresh/rule="+rule, func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				g, err := a.Pin()
				if err != nil {
					b.Fatal(err)
				}
				var sum byte
				for pb.Next() {
					if err := g.Refresh(); err != nil {
						b.Fatal(err)
					}
					sum += g.Bytes()[7]
				}
				g.Unpin()
				_ = sum
			})
		})
		free(b, a)
	}
	buf := make([]byte, 4096)
	var mu sync.RWMutex
	b.Run("impl=RWMutex", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			var sum byte
			for pb.Next() {
				mu.RLock()
				sum += buf[7]
				mu.RUnlock()
			}
			_ = sum
		})
	})
}

// faults returns the page faults of this process so far.
func faults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return u.Minflt + u.Majflt
}

// rss returns the resident memory of this process in bytes.
func rss() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	n, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	return n * int64(os.Getpagesize())
}

// BenchmarkRehome fills a window, makes the arena outgrow it, and reads all of
// it through the new one.
func BenchmarkRehome(b *testing.B) {
	for _, huge := range []arena.HugePages{arena.HugeNever, arena.HugeAuto} {
		for _, rung := range []arena.Rungs{arena.RungRehome, arena.RungAlias} {
			name := "rung=" + rung.String() + "/size=1GiB/pages=" + map[arena.HugePages]string{arena.HugeNever: "4KiB", arena.HugeAuto: "2MiB"}[huge]
			b.Run(name, func(b *testing.B) {
				var moves []time.Duration
				var faulted int64
				var read time.Duration
				headroom := 0
				if huge == arena.HugeNever {
					headroom = -1 // The helper would go on preparing while we count faults.
				}
				for b.Loop() {
					b.StopTimer()
					a := newArena(b, arena.Options{Reserve: 1 << 30, Rungs: arena.RungInWindow | rung, HugePages: huge, Headroom: headroom})
					if err := a.Grow(1 << 30); err != nil {
						b.Fatal(err)
					}
					for a.Len() < 1<<30 {
						p, err := a.Alloc(1 << 20)
						if err != nil {
							b.Fatal(err)
						}
						for i := 0; i < len(p); i += 4096 {
							p[i] = 1
						}
					}
					b.StartTimer()
					start := time.Now()
					if err := a.Grow(1); err != nil {
						b.Fatal(err)
					}
					moves = append(moves, time.Since(start))
					b.StopTimer()
					before, start := faults(), time.Now()
					p, sum := a.Bytes(), byte(0)
					for i := 0; i < len(p); i += 4096 {
						sum += p[i]
					}
					read += time.Since(start)
					faulted += faults() - before
					keep([]byte{sum})
					free(b, a)
					b.StartTimer()
				}
				slices.Sort(moves)
				b.ReportMetric(float64(moves[len(moves)/2].Microseconds()), "µs/move")
				b.ReportMetric(float64(faulted)/float64(len(moves)), "faults/read")
				b.ReportMetric(float64(read.Microseconds())/1e3/float64(len(moves)), "ms/read")
			})
		}
	}
}

// BenchmarkAppend grows to 1 GiB in writes of 64 KiB.
func BenchmarkAppend(b *testing.B) {
	const total, step = 1 << 30, 64 << 10
	src := make([]byte, step)
	for i := range src {
		src[i] = byte(i)
	}
	run := func(name string, grow func(write func(off int, dst func() []byte)) (done func())) {
		b.Run("impl="+name+"/total=1GiB/step=64KiB", func(b *testing.B) {
			var worst []time.Duration
			var peak int64
			for b.Loop() {
				var slowest time.Duration
				base := rss()
				last := time.Now()
				done := grow(func(off int, dst func() []byte) {
					copy(dst(), src)
					now := time.Now()
					slowest = max(slowest, now.Sub(last))
					last = now
				})
				b.StopTimer()
				peak = max(peak, rss()-base)
				worst = append(worst, slowest)
				done()
				b.StartTimer()
			}
			slices.Sort(worst)
			b.ReportMetric(float64(worst[len(worst)/2].Microseconds())/1e3, "ms/worst-write")
			b.ReportMetric(float64(peak)/total, "rss/data")
		})
	}
	run("mremap", func(write func(int, func() []byte)) func() {
		n := uintptr(1 << 20)
		p, err := unix.MmapPtr(-1, 0, nil, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			b.Fatal(err)
		}
		for off := 0; off < total; off += step {
			write(off, func() []byte {
				if uintptr(off)+step > n {
					if p, err = unix.MremapPtr(p, n, nil, 2*n, unix.MREMAP_MAYMOVE); err != nil {
						b.Fatal(err)
					}
					n *= 2
				}
				return pointed(p, off, step)
			})
		}
		return func() { unix.MunmapPtr(p, n) }
	})
	for name, o := range map[string]arena.Options{
		"arena":               {},
		"arena-retire":        {Retire: true},
		"arena-no-headroom":   {Headroom: -1},
		"arena-2MiB-window":   {Reserve: 2 << 20},
		"arena-rehome-always": {Reserve: 2 << 20, Rungs: arena.RungInWindow | arena.RungRehome},
	} {
		run(name, func(write func(int, func() []byte)) func() {
			a := newArena(b, o)
			for off := 0; off < total; off += step {
				write(off, func() []byte {
					p, err := a.Alloc(step)
					if err != nil {
						b.Fatal(err)
					}
					return p
				})
			}
			return func() { free(b, a) }
		})
	}
}

// BenchmarkMake makes and frees a small arena, against the bare calls for it.
func BenchmarkMake(b *testing.B) {
	b.Run("impl=arena", func(b *testing.B) {
		for b.Loop() {
			a := newArena(b, arena.Options{})
			p, err := a.Alloc(64)
			if err != nil {
				b.Fatal(err)
			}
			p[0] = 1
			free(b, a)
		}
	})
	b.Run("impl=raw", func(b *testing.B) {
		for b.Loop() {
			fd, err := sys.Memfd("raw", 0)
			if err != nil {
				b.Fatal(err)
			}
			sys.Truncate(fd, 2<<20)
			p, err := unix.MmapPtr(fd, 0, nil, 256<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
			if err != nil {
				b.Fatal(err)
			}
			pointed(p, 0, 1)[0] = 1
			unix.MunmapPtr(p, 256<<20)
			sys.Close(fd)
		}
	})
}

// BenchmarkGrowSparse moves windows of 4 TiB with 64 MiB in use at their end: of which nothing
// else was ever touched, and where each GiB had a page that was given back.
func BenchmarkGrowSparse(b *testing.B) {
	const window, live = 4 << 40, 64 << 20
	for _, touched := range []bool{false, true} {
		b.Run("touched="+strconv.FormatBool(touched), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				a := newArena(b, arena.Options{Reserve: window, Headroom: -1, HugePages: arena.HugeNever, Rungs: arena.RungInWindow | arena.RungRehome})
				p, err := a.AllocSparse(window)
				if err != nil {
					b.Fatal(err)
				}
				for off := 0; touched && off < window; off += 1 << 30 {
					p[off] = 1
					if err := a.Decommit(off, 4096); err != nil {
						b.Fatal(err)
					}
				}
				for off := window - live; off < window; off += 4096 {
					p[off] = 1
				}
				b.StartTimer()
				err = a.Grow(1)
				b.StopTimer()
				if err != nil || a.Stats().Growth.Rehomed != 1 {
					b.Fatal(err, a.Stats().Growth)
				}
				free(b, a)
			}
		})
	}
}
