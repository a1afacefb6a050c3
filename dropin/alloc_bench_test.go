package dropin_test

import (
	"strconv"
	"sync"
	"testing"

	"modernc.org/memory"

	"github.com/growarena/growarena/slab"
)

var sizes = []int{16, 64, 256, 1024, 4096, 32768}

// BenchmarkAllocFree allocates and frees one object at a time, as a program does
// that uses it in between: one store into it.
func BenchmarkAllocFree(b *testing.B) {
	for _, n := range sizes {
		size := "/size=" + strconv.Itoa(n)
		b.Run("impl=make"+size, func(b *testing.B) {
			for b.Loop() {
				p := make([]byte, n)
				p[0] = 1
				sink = p
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
		b.Run("impl=modernc"+size, func(b *testing.B) {
			var m memory.Allocator
			defer m.Close()
			for b.Loop() {
				p, err := m.Malloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				if err := m.Free(p); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("impl=slab"+size, func(b *testing.B) {
			a := slab.New(slab.Options{})
			defer a.Close()
			for b.Loop() {
				p, err := a.Alloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				a.Free(p)
			}
		})
		b.Run("impl=slab-parallel"+size, func(b *testing.B) {
			a := slab.New(slab.Options{})
			defer a.Close()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, err := a.Alloc(n)
					if err != nil {
						b.Fatal(err)
					}
					p[0] = 1
					a.Free(p)
				}
			})
		})
	}
}

var sink []byte

// BenchmarkChurn keeps 10,000 objects alive and replaces one of them at a time.
func BenchmarkChurn(b *testing.B) {
	const live = 10_000
	for _, n := range sizes {
		size := "/size=" + strconv.Itoa(n)
		b.Run("impl=make"+size, func(b *testing.B) {
			objects := make([][]byte, live)
			for i := 0; b.Loop(); i++ {
				p := make([]byte, n)
				p[0] = 1
				objects[i*7919%live] = p
			}
		})
		b.Run("impl=modernc"+size, func(b *testing.B) {
			var m memory.Allocator
			defer m.Close()
			objects := make([][]byte, live)
			for i := 0; b.Loop(); i++ {
				k := i * 7919 % live
				if objects[k] != nil {
					if err := m.Free(objects[k]); err != nil {
						b.Fatal(err)
					}
				}
				p, err := m.Malloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				objects[k] = p
			}
		})
		b.Run("impl=slab"+size, func(b *testing.B) {
			a := slab.New(slab.Options{})
			defer a.Close()
			objects := make([][]byte, live)
			for i := 0; b.Loop(); i++ {
				k := i * 7919 % live
				a.Free(objects[k])
				p, err := a.Alloc(n)
				if err != nil {
					b.Fatal(err)
				}
				p[0] = 1
				objects[k] = p
			}
		})
	}
}
