package dropin_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/slab"
)

// Pebble's package internal/manual (v2.1.7) cannot be imported, so this is its
// shape: Buf and Purpose as they are there, and its New and Free on a slab, to be
// put in the place of manual_cgo.go and manual_nocgo.go.
var manualMem = slab.NewArrow(slab.New(slab.Options{Name: "pebble"}), slab.ArrowOptions{})

func manualNew(purpose Purpose, n uintptr) Buf {
	if n == 0 {
		return Buf{}
	}
	recordAlloc(purpose, n)
	b := manualMem.Allocate(int(n))
	return Buf{data: unsafe.Pointer(unsafe.SliceData(b)), n: n}
}

func manualFree(purpose Purpose, b Buf) {
	recordFree(purpose, b.n)
	manualMem.Free(b.Slice())
}

// What is in Pebble's manual.go.
type (
	Purpose uint8
	Buf     struct {
		data unsafe.Pointer
		n    uintptr
	}
)

func (b Buf) Slice() []byte { return unsafe.Slice((*byte)(b.data), b.n) }

var inUse [8]atomic.Int64

func recordAlloc(purpose Purpose, n uintptr) { inUse[purpose].Add(int64(n)) }
func recordFree(purpose Purpose, n uintptr)  { inUse[purpose].Add(-int64(n)) }

const memTable Purpose = 4

// A memtable's arena, outside the Go heap and without cgo.
func Example_pebble() {
	b := manualNew(memTable, 4<<20)
	b.Slice()[100] = 1
	fmt.Println(len(b.Slice()), inUse[memTable].Load())
	manualFree(memTable, b)
	fmt.Println(inUse[memTable].Load())
	// Output:
	// 4194304 4194304
	// 0
}

// TestPebble allocates and frees, on several goroutines, what a block cache and memtables do: of a Buf
// only address and length are kept, and it comes zeroed.
func TestPebble(t *testing.T) {
	newSlab(t, slab.Options{}) // Skips elsewhere than on Linux.
	manualFree(memTable, manualNew(memTable, 0))
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { allocateBufs(t) })
	}
	wg.Wait()
	if n := inUse[memTable].Load(); n != 0 {
		t.Errorf("%d bytes in use", n)
	}
}

func allocateBufs(t *testing.T) {
	for range 3 {
		var held []Buf
		for _, n := range []uintptr{1, 64, 100, 4096, 33_000, 256 << 10, 1 << 20, 4 << 20, 64 << 20} {
			b := manualNew(memTable, n)
			s := b.Slice()
			if uintptr(len(s)) != n || s[0] != 0 || s[n-1] != 0 {
				t.Errorf("manualNew(%d) gives %d bytes, not zero", n, len(s))
				return
			}
			s[0], s[n-1] = 1, 1
			held = append(held, b)
		}
		for _, b := range held {
			manualFree(memTable, b)
		}
	}
}
