package dropin_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/growarena/growarena/arena"
)

// memories runs f with a context for each way to have memory.
func memories(b *testing.B, f func(b *testing.B, ctx context.Context)) {
	b.Run("impl=wazero", func(b *testing.B) { f(b, context.Background()) })
	for _, lazy := range []bool{false, true} {
		b.Run(fmt.Sprintf("impl=LinearMemory/lazy=%v", lazy), func(b *testing.B) {
			f(b, experimental.WithMemoryAllocator(context.Background(),
				experimental.MemoryAllocatorFunc(func(capacity, limit uint64) experimental.LinearMemory {
					m, err := arena.NewLinearMemory(capacity, limit, arena.LinearOptions{Lazy: lazy})
					if err != nil {
						b.Fatal(err)
					}
					return m
				})))
		})
	}
}

// BenchmarkWazeroGrow has a module grow its memory from one page on, page by page,
// and write into the first and the last word of each.
func BenchmarkWazeroGrow(b *testing.B) {
	for _, size := range []int{1 << 20, 64 << 20, 1 << 30} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			memories(b, func(b *testing.B, ctx context.Context) {
				pages := uint32(size / wasmPage)
				instances(b, ctx, growModule(1, pages, false), func(mod api.Module) {
					if n := call(b, ctx, mod, "fill", uint64(pages)); n != pages-1 {
						b.Fatalf("it grew by %d pages", n)
					}
				})
			})
		})
	}
}

// BenchmarkWazeroInstance makes an instance with a page of memory that may grow to
// 4 GiB, and closes it.
func BenchmarkWazeroInstance(b *testing.B) {
	memories(b, func(b *testing.B, ctx context.Context) {
		instances(b, ctx, growModule(1, 65536, false), func(mod api.Module) {
			call(b, ctx, mod, "sum")
		})
	})
}

// instances calls f with a new instance each time.
func instances(b *testing.B, ctx context.Context, module []byte, f func(api.Module)) {
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	compiled, err := r.CompileModule(ctx, module)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(""))
		if err != nil {
			b.Fatal(err)
		}
		f(mod)
		if err := mod.Close(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
