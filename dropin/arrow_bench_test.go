package dropin_test

import (
	"fmt"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/growarena/growarena/slab"
)

// allocators runs f with arrow's own allocator and with ours.
func allocators(b *testing.B, f func(b *testing.B, mem memory.Allocator)) {
	b.Run("impl=GoAllocator", func(b *testing.B) { f(b, memory.NewGoAllocator()) })
	b.Run("impl=slab.Arrow", func(b *testing.B) {
		f(b, slab.NewArrow(newSlab(b, slab.Options{}), slab.ArrowOptions{}))
	})
}

// BenchmarkArrowBuffer grows a buffer to a size, by doubling as builders do and by
// adding a megabyte at a time, and touches every page that is new.
func BenchmarkArrowBuffer(b *testing.B) {
	for _, size := range []int{64 << 10, 1 << 20, 64 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("grow=double/size=%d", size), func(b *testing.B) {
			allocators(b, func(b *testing.B, mem memory.Allocator) {
				growBuffers(b, mem, size, func(n int) int { return 2 * n })
			})
		})
	}
	b.Run(fmt.Sprintf("grow=1MiB/size=%d", 256<<20), func(b *testing.B) {
		allocators(b, func(b *testing.B, mem memory.Allocator) {
			growBuffers(b, mem, 256<<20, func(n int) int { return n + 1<<20 })
		})
	})
}

func growBuffers(b *testing.B, mem memory.Allocator, size int, next func(int) int) {
	b.SetBytes(int64(size))
	for b.Loop() {
		buf := memory.NewResizableBuffer(mem)
		for have, n := 0, 64; have < size; n = next(n) {
			n = min(n, size)
			buf.Resize(n)
			p := buf.Bytes()
			for i := have; i < n; i += 4096 {
				p[i] = 1
			}
			have = n
		}
		buf.Release()
	}
}

// BenchmarkArrowBuilder appends numbers to a builder and makes an array of them.
func BenchmarkArrowBuilder(b *testing.B) {
	for _, n := range []int{1000, 100_000, 10_000_000} {
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			allocators(b, func(b *testing.B, mem memory.Allocator) {
				b.SetBytes(int64(8 * n))
				for b.Loop() {
					builder := array.NewInt64Builder(mem)
					for i := range n {
						builder.Append(int64(i))
					}
					builder.NewInt64Array().Release()
					builder.Release()
				}
			})
		})
	}
}
