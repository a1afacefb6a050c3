package dropin_test

import (
	"fmt"
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

var inUse [8]int

func recordAlloc(purpose Purpose, n uintptr) { inUse[purpose] += int(n) }
func recordFree(purpose Purpose, n uintptr)  { inUse[purpose] -= int(n) }

const memTable Purpose = 4

// A memtable's arena, outside the Go heap and without cgo.
func Example_pebble() {
	b := manualNew(memTable, 4<<20)
	b.Slice()[100] = 1
	fmt.Println(len(b.Slice()), inUse[memTable])
	manualFree(memTable, b)
	fmt.Println(inUse[memTable])
	// Output:
	// 4194304 4194304
	// 0
}

// TestPebble allocates and frees what a block cache and memtables do: of a Buf
// only address and length are kept, and it comes zeroed.
func TestPebble(t *testing.T) {
	newSlab(t, slab.Options{}) // Skips elsewhere than on Linux.
	manualFree(memTable, manualNew(memTable, 0))
	for range 3 {
		var held []Buf
		for _, n := range []uintptr{1, 64, 100, 4096, 33_000, 256 << 10, 1 << 20, 4 << 20, 64 << 20} {
			b := manualNew(memTable, n)
			s := b.Slice()
			if uintptr(len(s)) != n || s[0] != 0 || s[n-1] != 0 {
				t.Fatalf("manualNew(%d) gives %d bytes from %d to %d", n, len(s), s[0], s[n-1])
			}
			s[0], s[n-1] = 1, 1
			held = append(held, b)
		}
		for _, b := range held {
			manualFree(memTable, b)
		}
	}
	if inUse[memTable] != 0 {
		t.Errorf("%d bytes in use", inUse[memTable])
	}
}
