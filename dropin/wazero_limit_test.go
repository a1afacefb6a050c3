package dropin_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// TestWazero_LimitAS runs modules that may each grow to 4 GiB, shared ones, where
// the process has 3 GB of addresses: reserving the most they can be fails, as does
// wazero's own shared memory. They grow as far as it goes and are refused then.
func TestWazero_LimitAS(t *testing.T) {
	if runtime.GOOS != "linux" || math.MaxInt == math.MaxInt32 {
		t.Skip("needs 64-bit Linux")
	}
	if !testutil.InChild(t, "-v 3000000") {
		return
	}
	lazy := experimental.MemoryAllocatorFunc(func(capacity, limit uint64) experimental.LinearMemory {
		m, err := arena.NewLinearMemory(capacity, limit, arena.LinearOptions{Name: "wasm", Lazy: true})
		if err != nil {
			panic(err)
		}
		return m
	})
	ctx := experimental.WithMemoryAllocator(context.Background(), lazy)
	config := engines()["compiler"]
	if config == nil {
		t.Skip("needs wazero's compiler")
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	var mods []api.Module
	for i := range 4 {
		compiled, err := r.CompileModule(ctx, growModule(1, 65536, true))
		if err != nil {
			t.Fatal(err)
		}
		mod, err := r.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		mods = append(mods, mod)
	}
	for _, mod := range mods {
		if n := call(t, ctx, mod, "fill", 100); n != 100 {
			t.Errorf("it grew by %d pages, want 100", n)
		}
	}
	// In steps of 64 MiB, so as not to touch it all.
	steps := 0
	for ; steps < 64; steps++ {
		if _, ok := mods[0].Memory().Grow(1024); !ok {
			break
		}
	}
	if steps < 8 || steps == 64 {
		t.Errorf("it grew by %d times 64 MiB", steps)
	}
	if n := call(t, ctx, mods[0], "sum"); n != 100*101 {
		t.Errorf("the sum is %d", n)
	}
	t.Logf("one of four memories grew by %d MiB", steps*64)
}

// TestWazero_Refused has the allocator refuse memory: memory.grow returns -1 and
// the module goes on.
func TestWazero_Refused(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for name, config := range engines() {
		t.Run(name, func(t *testing.T) {
			// A limit below the module's own.
			small := experimental.MemoryAllocatorFunc(func(capacity, _ uint64) experimental.LinearMemory {
				return arenaMemory.Allocate(capacity, 10*wasmPage)
			})
			ctx := experimental.WithMemoryAllocator(context.Background(), small)
			grown, sum := grow(t, ctx, config, 100, false)
			if grown != 9 || sum != 9*10 {
				t.Errorf("it grew by %d pages to a sum of %d", grown, sum)
			}
		})
	}
}
