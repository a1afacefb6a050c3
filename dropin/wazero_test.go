package dropin_test

import (
	"context"
	"fmt"
	"log"
	"math"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/testutil"
)

// arenaMemory gives every instance a memory that grows in place. wazero cannot be
// told that an instance is to have none, so that is a panic. It frees the memory
// when the instance is closed, but (v1.12.0) not that of an instance whose start
// function or data fails.
var arenaMemory = experimental.MemoryAllocatorFunc(func(capacity, limit uint64) experimental.LinearMemory {
	m, err := arena.NewLinearMemory(capacity, limit, arena.LinearOptions{Name: "wasm"})
	if err != nil {
		panic(err)
	}
	return m
})

// The memory of a module grows to its limit without being copied, and what the
// host has read of it stays where it is.
func Example_wazero() {
	ctx := experimental.WithMemoryAllocator(context.Background(), arenaMemory)
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	mod, err := r.Instantiate(ctx, growModule(1, 1000, false)) // The context counts, here.
	if err != nil {
		log.Fatal(err)
	}
	view, _ := mod.Memory().Read(0, 8)
	grown, err := mod.ExportedFunction("fill").Call(ctx, 5000) // memory.grow in a loop
	mod.Memory().WriteString(0, "hello")
	fmt.Printf("%d pages more, %d bytes, %q %v\n", grown[0], mod.Memory().Size(), view, err)
	// Output: 999 pages more, 65536000 bytes, "hello\x00\x00\x00" <nil>
}

const wasmPage = 64 << 10

// engines are both of wazero's, with threads.
func engines() map[string]wazero.RuntimeConfig {
	features := api.CoreFeaturesV2 | experimental.CoreFeaturesThreads
	e := map[string]wazero.RuntimeConfig{"interpreter": wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(features)}
	if runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" {
		e["compiler"] = wazero.NewRuntimeConfigCompiler().WithCoreFeatures(features)
	}
	return e
}

// spy is the memory allocator, and remembers the memories it gave out and where
// they were.
type spy struct {
	memories []*spied
}

type spied struct {
	experimental.LinearMemory
	bases map[*byte]bool
	sizes []uint64
	nils  int
	freed int
}

func (s *spy) Allocate(capacity, limit uint64) experimental.LinearMemory {
	m := &spied{LinearMemory: arenaMemory.Allocate(capacity, limit), bases: map[*byte]bool{}}
	s.memories = append(s.memories, m)
	return m
}

func (m *spied) Reallocate(size uint64) []byte {
	m.sizes = append(m.sizes, size)
	b := m.LinearMemory.Reallocate(size)
	if b == nil {
		m.nils++
		return nil
	}
	m.bases[unsafe.SliceData(b)] = true
	return b
}

func (m *spied) Free() {
	m.freed++
	m.LinearMemory.Free()
}

// TestWazero runs a module that grows its memory page by page until that is
// refused, writing into every page, with both engines, shared and not: it gets as
// far, and reads the same, as with wazero's own memory.
func TestWazero(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	const pages = 600
	for name, config := range engines() {
		for _, shared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/shared=%v", name, shared), func(t *testing.T) {
				testutil.NoLeaks(t, trim)
				var s spy
				grown, sum := grow(t, experimental.WithMemoryAllocator(context.Background(), &s), config, pages, shared)
				wantGrown, wantSum := grow(t, context.Background(), config, pages, shared)
				if grown != wantGrown || sum != wantSum || grown != pages-1 {
					t.Errorf("it grew by %d pages to a sum of %d, with wazero's memory by %d to %d", grown, sum, wantGrown, wantSum)
				}
				if len(s.memories) != 1 {
					t.Fatalf("%d memories", len(s.memories))
				}
				if m := s.memories[0]; len(m.bases) != 1 || m.freed != 1 || m.nils != 0 || len(m.sizes) != pages {
					t.Errorf("it was at %d places, freed %d times, reallocated %d times, %d of them nil", len(m.bases), m.freed, len(m.sizes), m.nils)
				}
			})
		}
	}
}

// grow runs the module and returns by how many pages it has grown and the sum of
// what it reads.
func grow(t *testing.T, ctx context.Context, config wazero.RuntimeConfig, pages uint32, shared bool) (grown, sum uint32) {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	mod, err := r.Instantiate(ctx, growModule(1, pages, shared))
	if err != nil {
		t.Fatal(err)
	}
	grown = call(t, ctx, mod, "fill", math.MaxInt32)
	return grown, call(t, ctx, mod, "sum")
}

func call(t testing.TB, ctx context.Context, mod api.Module, name string, params ...uint64) uint32 {
	t.Helper()
	got, err := mod.ExportedFunction(name).Call(ctx, params...)
	if err != nil {
		t.Fatal(err)
	}
	return api.DecodeU32(got[0])
}

// TestWazero_Threads has goroutines add to one word of a shared memory while
// another grows it: no addition is lost and nobody is disturbed.
func TestWazero_Threads(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	config, ok := engines()["compiler"]
	if !ok {
		t.Skip("needs wazero's compiler")
	}
	ctx := experimental.WithMemoryAllocator(context.Background(), arenaMemory)
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	mod, err := r.Instantiate(ctx, growModule(1, 1024, true))
	if err != nil {
		t.Fatal(err)
	}
	const adders, additions = 3, 200_000
	var wg sync.WaitGroup
	for range adders {
		wg.Go(func() {
			if _, err := mod.ExportedFunction("add").Call(ctx, additions); err != nil {
				t.Error(err)
			}
		})
	}
	grown := call(t, ctx, mod, "fill", 1023)
	wg.Wait()
	if n, _ := mod.Memory().ReadUint32Le(0); n != adders*additions || grown != 1023 {
		t.Errorf("%d additions arrived of %d, %d pages more", n, adders*additions, grown)
	}
}

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

func trim() { _ = addrspace.Default().Trim() }
