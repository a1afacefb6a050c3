package stream_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/growarena/growarena/stream"
)

// BenchmarkAppend appends records to a stream of which 64 MiB are live, beside a copy
// into an array of 64 MiB over and over.
func BenchmarkAppend(b *testing.B) {
	const live = 64 * mib
	for _, size := range []int{56, 200, 4096} {
		record := make([]byte, size)
		b.Run(fmt.Sprintf("size=%d/impl=copy", size), func(b *testing.B) {
			array := make([]byte, live)
			clear(array)
			off := 0
			b.SetBytes(int64(size))
			for b.Loop() {
				if off+size > live {
					off = 0
				}
				copy(array[off:], record)
				off += size
			}
		})
		for _, appenders := range []int{1, 2} {
			b.Run(fmt.Sprintf("size=%d/impl=stream/appenders=%d", size, appenders), func(b *testing.B) {
				s := open(b, stream.Options{})
				b.SetBytes(int64(size))
				b.ResetTimer()
				var g sync.WaitGroup
				for a := range appenders {
					g.Go(func() {
						for i := a; i < b.N; i += appenders {
							off := must(s.Append(record))
							if off>>21 != (off+int64(size))>>21 {
								_ = s.DropFront(max(0, off-live))
							}
						}
					})
				}
				g.Wait()
			})
		}
	}
}

// BenchmarkAppend_Waiters appends while so many wait for what is far.
func BenchmarkAppend_Waiters(b *testing.B) {
	for _, waiters := range []int{0, 1, 10_000} {
		b.Run(fmt.Sprintf("waiters=%d", waiters), func(b *testing.B) {
			s := open(b, stream.Options{})
			ctx, cancel := context.WithCancel(b.Context())
			var g sync.WaitGroup
			for i := range waiters {
				g.Go(func() { _ = s.Wait(ctx, 1<<60+int64(i)) })
			}
			record := make([]byte, 200)
			b.ResetTimer()
			for i := range b.N {
				off := must(s.Append(record))
				if i%4096 == 0 {
					_ = s.DropFront(off)
				}
			}
			b.StopTimer()
			cancel()
			g.Wait()
		})
	}
}
