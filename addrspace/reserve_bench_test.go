//go:build !(386 || arm || mips || mipsle)

package addrspace

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/growarena/growarena/internal/sys"
)

// liveCounts are the numbers of windows that live beside the measured ones.
var liveCounts = []int{0, 1000, 20_000, 60_000}

// crowd reserves n windows in s and releases them with the benchmark.
func crowd(b *testing.B, s *Space, n int, o ReserveOptions) {
	if n+1000 > sys.MaxMapCount() {
		b.Skipf("vm.max_map_count is %d", sys.MaxMapCount())
	}
	windows := make([]*Window, n)
	for i := range windows {
		w, err := s.Reserve(Alignment, o)
		if err != nil {
			b.Fatal(err)
		}
		windows[i] = w
	}
	b.Cleanup(func() {
		for _, w := range windows {
			if err := w.Release(); err != nil {
				b.Fatal(err)
			}
		}
		if err := s.Trim(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkReserveRelease compares a window's life with the two system calls it
// cannot do without, at a place the kernel chooses (mmap) and at a random
// free one (hint), which is what a Space does.
func BenchmarkReserveRelease(b *testing.B) {
	const n = Alignment
	for _, live := range liveCounts {
		for _, impl := range []string{"mmap", "hint", "roomy", "compact", "recycled"} {
			b.Run(fmt.Sprintf("impl=%s/live=%d", impl, live), func(b *testing.B) {
				o := Options{CacheWindows: -1, MaxVMAs: sys.MaxMapCount()}
				if impl == "recycled" {
					o.CacheWindows = 0
				}
				s := New(o)
				ro := ReserveOptions{Compact: impl == "compact"}
				crowd(b, s, live, ro)
				zones := zonesFor("amd64", 47)
				rng := rand.New(rand.NewPCG(1, 2))
				b.ReportAllocs()
				switch impl {
				case "mmap":
					for b.Loop() {
						at, err := sys.Reserve(0, n)
						if err != nil {
							b.Fatal(err)
						}
						if err := sys.Unmap(at, n); err != nil {
							b.Fatal(err)
						}
					}
				case "hint":
					for b.Loop() {
						z := zones[3]
						at, err := sys.Reserve(z.Start+uintptr(rng.Uint64N(uint64(z.Len())/n)*n), n)
						if err != nil {
							continue
						}
						if err := sys.Unmap(at, n); err != nil {
							b.Fatal(err)
						}
					}
				default:
					for b.Loop() {
						w, err := s.Reserve(n, ro)
						if err != nil {
							b.Fatal(err)
						}
						if err := w.Release(); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkLookup finds a random address among the windows.
func BenchmarkLookup(b *testing.B) {
	for _, live := range []int{1000, 60_000} {
		b.Run(fmt.Sprintf("live=%d", live), func(b *testing.B) {
			s := New(Options{CacheWindows: -1, MaxVMAs: sys.MaxMapCount()})
			crowd(b, s, live, ReserveOptions{})
			var at []uintptr
			for w := range s.All() {
				at = append(at, w.start+4096)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			for b.Loop() {
				if s.Lookup(at[rng.IntN(len(at))]) == nil {
					b.Fatal("a window was not found")
				}
			}
		})
	}
}

// BenchmarkPlace chooses a place, without any system call.
func BenchmarkPlace(b *testing.B) {
	for _, live := range []int{1000, 60_000, 300_000} {
		for _, kind := range []string{"roomy", "compact"} {
			b.Run(fmt.Sprintf("kind=%s/live=%d", kind, live), func(b *testing.B) {
				pl := newPlacer(b, 1)
				for range live {
					pl.put(b, Alignment, kind == "compact")
				}
				for b.Loop() {
					if _, ok := pl.place(Alignment, Alignment, kind == "compact", false); !ok {
						b.Fatal("no place")
					}
				}
			})
		}
	}
}
