package dropin_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/growarena/growarena/internal/testutil"
)

// TestWazero_CloseInCall has a host function close the instance that called it,
// which wazero allows, and that instance go on with its memory until its function
// returns: it reads what it wrote, as with wazero's own memory.
func TestWazero_CloseInCall(t *testing.T) {
	closeInCall(t, func(ctx context.Context, mod api.Module) { mod.CloseWithExitCode(ctx, 3) })
}

// TestWazero_CloseBesideCall has another goroutine close it.
func TestWazero_CloseBesideCall(t *testing.T) {
	closeInCall(t, func(ctx context.Context, mod api.Module) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			mod.Close(ctx)
		}()
		<-done
	})
}

func closeInCall(t *testing.T, stop func(context.Context, api.Module)) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for name, config := range engines() {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			got, err := callAndStop(t, experimental.WithMemoryAllocator(context.Background(), arenaMemory), config, stop)
			want, wantErr := callAndStop(t, context.Background(), config, stop)
			if !slices.Equal(got, want) || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("the function returned %v, %v; with wazero's own memory %v, %v", got, err, want, wantErr)
			}
		})
	}
}

func callAndStop(t *testing.T, ctx context.Context, config wazero.RuntimeConfig, stop func(context.Context, api.Module)) ([]uint64, error) {
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer r.Close(ctx)
	if _, err := r.NewHostModuleBuilder("host").NewFunctionBuilder().WithFunc(stop).Export("stop").Instantiate(ctx); err != nil {
		t.Fatal(err)
	}
	mod, err := r.Instantiate(ctx, stopModule())
	if err != nil {
		t.Fatal(err)
	}
	got, err := arenaMemory.Call(ctx, mod.ExportedFunction("f"))
	if !mod.IsClosed() {
		t.Error("it was not closed")
	}
	return got, err
}

// TestWazero_Cancel ends a call by its context, in the middle of writing.
func TestWazero_Cancel(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	for name, config := range engines() {
		t.Run(name, func(t *testing.T) {
			testutil.NoLeaks(t, trim)
			var s spy
			ctx := experimental.WithMemoryAllocator(context.Background(), &s)
			r := wazero.NewRuntimeWithConfig(ctx, config.WithCloseOnContextDone(true))
			defer r.Close(ctx)
			mod, err := r.Instantiate(ctx, growModule(1, 10, true))
			if err != nil {
				t.Fatal(err)
			}
			short, cancel := context.WithTimeout(ctx, time.Millisecond)
			defer cancel()
			add := mod.ExportedFunction("add")
			for err == nil {
				_, err = arenaMemory.Call(short, add, 1<<24)
			}
			if !mod.IsClosed() || s.memories[0].freed != 1 {
				t.Errorf("closed %v, memory freed %d times: %v", mod.IsClosed(), s.memories[0].freed, err)
			}
		})
	}
}

// TestWazero_Lost instantiates a module whose data do not fit, so that wazero
// forgets its memory without freeing it.
func TestWazero_Lost(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	var freed atomic.Int32
	testutil.NoLeaks(t, trim)
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(func(capacity, limit uint64) experimental.LinearMemory {
		m := arenaMemory.Allocate(capacity, limit).(*wasmMemory)
		runtime.AddCleanup(m, func(f *atomic.Int32) { f.Add(1) }, &freed)
		return m
	}))
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer r.Close(ctx)
	data := slices.Concat([]byte{0, opConst}, leb(wasmPage), []byte{opEnd}, sized([]byte("beyond the only page")))
	if mod, err := r.Instantiate(ctx, slices.Concat(growModule(1, 10, false), section(11, vec(data)))); err == nil {
		t.Fatalf("%v was made", mod)
	} else {
		t.Log(err)
	}
	for freed.Load() == 0 {
		runtime.GC()
		runtime.Gosched()
	}
}

// stopModule assembles a module that calls a function of the host and goes on with
// its memory then:
//
//	(module
//	  (import "host" "stop" (func))
//	  (memory (export "memory") 1 2)
//	  (func (export "f") (result i32)
//	    (call 0) (i32.store (i32.const 8) (i32.const 7)) (i32.load (i32.const 8))))
func stopModule() []byte {
	return slices.Concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, vec([]byte{0x60, 0, 0}, []byte{0x60, 0, 1, 0x7f})),
		section(2, vec(slices.Concat(sized([]byte("host")), sized([]byte("stop")), []byte{0, 0}))),
		section(3, vec([]byte{1})),
		section(5, vec([]byte{1, 1, 2})),
		section(7, vec(export("memory", 2, 0), export("f", 0, 1))),
		section(10, vec(body(0, []byte{0x10, 0, opConst, 8, opConst, 7, opStore, 2, 0, opConst, 8, opLoad, 2, 0}))),
	)
}
