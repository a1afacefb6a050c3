package dropin_test

import (
	"context"
	"errors"
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
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// wasmMemories makes memories for wazero (v1.12.0) that grow in place.
//
// wazero frees the memory of an instance when that is closed, also by a host
// function in the middle of a call, or while another goroutine's call runs, and the
// call goes on until it notices. So what is freed is retired here, and goes when the
// calls that run have ended. Calls are known that are made with Call, or inside
// domain.Read, which is also the place for Instantiate where a start function may
// close the instance, and for using what Memory.Read gave.
type wasmMemories struct{ domain *epoch.Domain }

func newWasmMemories() wasmMemories {
	return wasmMemories{epoch.NewDomain(epoch.Options{Name: "wasm"})}
}

// Allocate makes the memory of an instance. wazero cannot be told that there is to
// be none, so that is a panic.
func (w wasmMemories) Allocate(capacity, limit uint64) experimental.LinearMemory {
	inner, err := arena.NewLinearMemory(capacity, limit, arena.LinearOptions{Name: "wasm"})
	if err != nil {
		panic(err)
	}
	m := &wasmMemory{LinearMemory: inner, retire: func() {
		if err := w.domain.Retire(epoch.Retired{Free: inner.Free}); err != nil {
			panic(err)
		}
	}}
	// wazero never frees the memory of an instance whose data or start function
	// fails; it forgets it.
	m.lost = runtime.AddCleanup(m, func(retire func()) { retire() }, m.retire)
	return m
}

// Call is f.Call, during which no memory goes.
func (w wasmMemories) Call(ctx context.Context, f api.Function, params ...uint64) (results []uint64, err error) {
	closed := w.domain.Read(func(any) error {
		results, err = f.Call(ctx, params...)
		return nil
	})
	return results, errors.Join(err, closed)
}

type wasmMemory struct {
	*arena.LinearMemory
	retire func()
	lost   runtime.Cleanup
}

func (m *wasmMemory) Free() {
	m.lost.Stop()
	m.retire()
	runtime.KeepAlive(m) // Or it could be lost before it is stopped.
}

// arenaMemory is that of all tests.
var arenaMemory = newWasmMemories()

// The memory of a module grows to its limit without being copied, and what the
// host has read of it stays where it is.
func Example_wazero() {
	memories := newWasmMemories()
	ctx := experimental.WithMemoryAllocator(context.Background(), memories)
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	mod, err := r.Instantiate(ctx, growModule(1, 1000, false)) // The context counts, here.
	if err != nil {
		log.Fatal(err)
	}
	view, _ := mod.Memory().Read(0, 8)
	grown, err := memories.Call(ctx, mod.ExportedFunction("fill"), 5000) // memory.grow in a loop
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

// trim frees what nobody uses any more.
func trim() {
	_ = arenaMemory.domain.Barrier(context.Background())
	_ = addrspace.Default().Trim()
}
