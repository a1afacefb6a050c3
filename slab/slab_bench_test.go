package slab_test

import (
	"strconv"
	"sync"
	"testing"

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
