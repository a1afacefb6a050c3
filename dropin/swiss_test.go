package dropin_test

import (
	"fmt"
	"testing"
	"unsafe"

	"github.com/cockroachdb/swiss"

	"github.com/growarena/growarena/slab"
)

// slabGroups is a swiss.Allocator, for keys and values without pointers.
type slabGroups[K comparable, V any] struct{ mem *slab.Arrow }

func (s slabGroups[K, V]) Alloc(n int) []swiss.Group[K, V] {
	b := s.mem.Allocate(n * int(unsafe.Sizeof(swiss.Group[K, V]{})))
	return unsafe.Slice((*swiss.Group[K, V])(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func (s slabGroups[K, V]) Free(groups []swiss.Group[K, V]) {
	s.mem.Free(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(groups))), 1))
}

// A map that the garbage collector does not scan.
func Example_swiss() {
	a := slab.New(slab.Options{Name: "map"})
	defer a.Close()
	mem := slab.NewArrow(a, slab.ArrowOptions{})
	m := swiss.New(1000, swiss.WithAllocator(slabGroups[uint64, float64]{mem}))
	defer m.Close()

	m.Put(7, 0.5)
	v, ok := m.Get(7)
	fmt.Println(v, ok, m.Len())
	// Output: 0.5 true 1
}

// TestSwiss grows a map and empties it; what the allocator holds goes with it.
func TestSwiss(t *testing.T) {
	for _, debug := range []bool{false, true} {
		t.Run(fmt.Sprintf("debug=%v", debug), func(t *testing.T) {
			a := newSlab(t, slab.Options{Debug: debug})
			mem := slab.NewArrow(a, slab.ArrowOptions{})
			m := swiss.New(0, swiss.WithAllocator(slabGroups[uint64, [3]uint32]{mem}))
			defer m.Close()
			const n = 200_000
			for i := range uint64(n) {
				m.Put(i*0x9e3779b9, [3]uint32{uint32(i)})
			}
			for i := range uint64(n) {
				if v, ok := m.Get(i * 0x9e3779b9); !ok || v[0] != uint32(i) {
					t.Fatalf("key %d: %v, %v", i, v, ok)
				}
				if i%2 == 0 {
					m.Delete(i * 0x9e3779b9)
				}
			}
			if m.Len() != n/2 {
				t.Errorf("%d keys", m.Len())
			}
			if a.Stats().Live < n*20 {
				t.Errorf("the map is not in the slab: %d bytes", a.Stats().Live)
			}
		})
	}
}
