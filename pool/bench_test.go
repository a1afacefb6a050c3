//go:build linux && !(386 || arm || mips || mipsle)

package pool_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"golang.org/x/sys/unix"
)

// The pool beside what one would do without it: a memfd or anonymous memory for
// each buffer by bare system calls, and the Go heap. Run:
//
//	go test ./arena -run '^$' -bench Pool -benchtime 20x

// touchPages stores to each page of b.
func touchPages(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}

// readPages loads from each page of b.
func readPages(b []byte) (sum byte) {
	for i := 0; i < len(b); i += 4096 {
		sum += b[i]
	}
	return sum
}

// must1 is not a Helper of testing's, which takes longer than what is measured.
func must1(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

func benchAlloc(b *testing.B, p *pool.Pool, n int) []byte {
	buf, err := p.Alloc(n)
	must1(b, err)
	return buf
}

func benchGrow(b *testing.B, p *pool.Pool, buf []byte, n int) []byte {
	buf, err := p.Grow(buf, n)
	must1(b, err)
	return buf
}

// BenchmarkPoolAlloc makes a buffer, touches its pages and frees it.
func BenchmarkPoolAlloc(b *testing.B) {
	for _, n := range []int{4 * kib, 64 * kib, mib, 8 * mib} {
		size := "/size=" + strconv.Itoa(n)
		for name, keep := range map[string]int{"pool": 0, "pool-punch": -1} {
			b.Run("impl="+name+size, func(b *testing.B) {
				p := newPool(b, pool.Options{Keep: keep})
				defer closePool(b, p)
				for b.Loop() {
					buf := benchAlloc(b, p, n)
					touchPages(buf)
					p.Free(buf)
				}
			})
		}
		b.Run("impl=memfd"+size, func(b *testing.B) {
			for b.Loop() {
				fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
				must1(b, err)
				must1(b, unix.Ftruncate(fd, int64(n)))
				buf, err := unix.Mmap(fd, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
				must1(b, err)
				touchPages(buf)
				must1(b, unix.Munmap(buf))
				must1(b, unix.Close(fd))
			}
		})
		b.Run("impl=anon"+size, func(b *testing.B) {
			for b.Loop() {
				buf, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
				must1(b, err)
				touchPages(buf)
				must1(b, unix.Munmap(buf))
			}
		})
		b.Run("impl=make"+size, func(b *testing.B) {
			for b.Loop() {
				sink = make([]byte, n)
				touchPages(sink)
			}
			sink = nil
		})
	}
	// The bookkeeping alone, on one goroutine and on all processors.
	b.Run("impl=pool/size=0", func(b *testing.B) {
		p := newPool(b, pool.Options{})
		defer closePool(b, p)
		for b.Loop() {
			p.Free(benchAlloc(b, p, 0))
		}
	})
	b.Run("impl=pool/size=4096/procs=all", func(b *testing.B) {
		p := newPool(b, pool.Options{})
		defer closePool(b, p)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				buf := benchAlloc(b, p, 4*kib)
				buf[0] = 1
				p.Free(buf)
			}
		})
	})
}

// BenchmarkPoolGrow makes a buffer longer by 100 bytes and does not touch it:
// what one step of growing costs.
func BenchmarkPoolGrow(b *testing.B) {
	const step, most = 100, 12 * mib
	b.Run("impl=pool", func(b *testing.B) {
		p := newPool(b, pool.Options{})
		buf := benchAlloc(b, p, 0)
		for b.Loop() {
			if len(buf)+step > most {
				p.Free(buf)
				buf = benchAlloc(b, p, 0)
			}
			buf = benchGrow(b, p, buf, len(buf)+step)
		}
		p.Free(buf)
		closePool(b, p)
	})
	b.Run("impl=memfd", func(b *testing.B) { // mapped in advance, of a file that gets longer
		fd, err := unix.MemfdCreate("bench", unix.MFD_CLOEXEC)
		must1(b, err)
		defer unix.Close(fd)
		n := int64(0)
		for b.Loop() {
			if n += 4096; n > most {
				n = 4096
			}
			must1(b, unix.Ftruncate(fd, n))
		}
	})
	b.Run("impl=anon", func(b *testing.B) {
		page := 4 * kib
		buf, err := unix.Mmap(-1, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		must1(b, err)
		for b.Loop() {
			n := len(buf) + page
			if n > most {
				n = page
			}
			buf, err = unix.Mremap(buf, n, unix.MREMAP_MAYMOVE)
			must1(b, err)
		}
		must1(b, unix.Munmap(buf))
	})
}

// BenchmarkPoolOutgrow makes a full buffer outgrow its band, and reads all of it
// afterwards.
func BenchmarkPoolOutgrow(b *testing.B) {
	for _, band := range []int{16 * mib, 256 * mib} {
		size := "/size=" + strconv.Itoa(band)
		for _, impl := range []string{"pool", "pool-alias"} {
			b.Run("impl="+impl+size, func(b *testing.B) {
				p := newPool(b, pool.Options{Band: band})
				defer closePool(b, p)
				p.Free(benchGrow(b, p, benchAlloc(b, p, 1), p.Room()+1)) // probes
				if impl == "pool-alias" {
					defer testutil.FailAll(sys.CallMremap, sys.EINVAL)()
				}
				var read time.Duration
				for b.Loop() {
					b.StopTimer()
					buf := benchAlloc(b, p, p.Room())
					touchPages(buf)
					b.StartTimer()
					buf = benchGrow(b, p, buf, p.Room()+1)
					b.StopTimer()
					start := time.Now()
					readPages(buf)
					read += time.Since(start)
					p.Free(buf)
					b.StartTimer()
				}
				b.ReportMetric(float64(read.Microseconds())/float64(b.N), "µs/read")
			})
		}
		b.Run("impl=copy"+size, func(b *testing.B) {
			from, to := make([]byte, band), make([]byte, band+1)
			touchPages(from)
			touchPages(to) // memory that is there already: the best case
			for b.Loop() {
				copy(to, from)
			}
		})
		b.Run("impl=append"+size, func(b *testing.B) {
			from := make([]byte, band)
			touchPages(from)
			for b.Loop() {
				sink = append(from, 1)
			}
			sink = nil
		})
	}
}

// BenchmarkPoolMany frees and makes random ones of many live buffers.
func BenchmarkPoolMany(b *testing.B) {
	for _, many := range []int{1000, 100_000} {
		b.Run("impl=pool/live="+strconv.Itoa(many), func(b *testing.B) {
			p := newPool(b, pool.Options{Keep: -1})
			all := make([][]byte, many)
			for i := range all {
				all[i] = benchAlloc(b, p, 0)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				i := rng.IntN(many)
				p.Free(all[i])
				all[i] = benchAlloc(b, p, 0)
			}
			_ = p.Close() // with what is live
		})
	}
}
