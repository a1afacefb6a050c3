package slab_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/growarena/growarena/slab"
)

// BenchmarkFree_Beside frees objects of 4 to 32 KiB beside small objects that stay, of 1 MiB
// or of 512 MiB: it must take the same.
func BenchmarkFree_Beside(b *testing.B) {
	for _, n := range []int{4 << 10, 8 << 10, 16 << 10, 32 << 10} {
		for _, beside := range []int{1, 512} {
			b.Run(fmt.Sprintf("%dKiB/beside=%dMiB", n>>10, beside), func(b *testing.B) {
				a := newAllocator(b, slab.Options{})
				for range beside * mib / 112 {
					if _, err := a.Alloc(112); err != nil {
						b.Fatal(err)
					}
				}
				all := make([][]byte, 1024)
				for b.Loop() {
					b.StopTimer()
					for i := range all {
						var err error
						if all[i], err = a.Alloc(n); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
					for _, o := range all {
						a.Free(o)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(all)), "ns/Free")
				if err := a.Discard(); err != nil {
					b.Error(err)
				}
			})
		}
	}
}

// BenchmarkNew makes an allocator, takes its first objects, and ends it: what is used
// little takes little.
func BenchmarkNew(b *testing.B) {
	for name, sizes := range map[string][]int{
		"nothing": nil, "small": {100}, "small and medium": {100, 100 << 10}, "all kinds": {100, 100 << 10, 2 * mib},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := begin(b, sizes).Discard(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkNew_Live makes allocators that all live at once.
func BenchmarkNew_Live(b *testing.B) {
	const live = 3000 // The limit on descriptors is often 4096 or more.
	for b.Loop() {
		all := make([]*slab.Allocator, live)
		for i := range all {
			all[i] = begin(b, []int{100})
		}
		b.StopTimer()
		for _, a := range all {
			if err := a.Discard(); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/live, "ns/New")
}

// begin makes an allocator that holds objects.
func begin(b *testing.B, sizes []int) *slab.Allocator {
	a := newAllocator(b, slab.Options{})
	for _, n := range sizes {
		o, err := a.Alloc(n)
		if err != nil {
			b.Fatal(err)
		}
		o[0] = 1
	}
	return a
}
