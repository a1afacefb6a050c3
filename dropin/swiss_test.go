package dropin_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/cockroachdb/swiss"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/slab"
)

// slabMap is a swiss.Map outside the Go heap, for keys and values without pointers.
// A loop over a map that is put into goes on over the groups it began with, which
// the map has freed by then: swiss counts on the garbage collector for that. So
// what is freed inside a loop waits here until the last loop has ended. That is
// known of loops over this All only: swiss.Map's own must not be called.
type slabMap[K comparable, V any] struct {
	*swiss.Map[K, V]
	groups *slabGroups[K, V]
}

func newSlabMap[K comparable, V any](a *slab.Allocator, capacity int, opts ...swiss.Option[K, V]) slabMap[K, V] {
	if err := arena.PointerFree[swiss.Group[K, V]](); err != nil {
		panic(err)
	}
	g := &slabGroups[K, V]{mem: slab.NewArrow(a, slab.ArrowOptions{})}
	return slabMap[K, V]{swiss.New(capacity, append(opts, swiss.WithAllocator(g))...), g}
}

// All is a loop over the map, which may be put into and deleted from in it.
func (m slabMap[K, V]) All(yield func(K, V) bool) {
	m.groups.loops.Add(1)
	defer m.groups.endLoop()
	m.Map.All(yield)
}

// slabGroups is a swiss.Allocator that frees when no loop is left.
type slabGroups[K comparable, V any] struct {
	mem     *slab.Arrow
	loops   atomic.Int32 // Several goroutines may loop over a map that nobody changes.
	retired [][]byte     // Changed by who changes the map, and by the end of the last loop.
}

func (s *slabGroups[K, V]) Alloc(n int) []swiss.Group[K, V] {
	b := s.mem.Allocate(n * int(unsafe.Sizeof(swiss.Group[K, V]{})))
	return unsafe.Slice((*swiss.Group[K, V])(unsafe.Pointer(unsafe.SliceData(b))), n)
}

func (s *slabGroups[K, V]) Free(groups []swiss.Group[K, V]) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(groups))), 1)
	if s.loops.Load() > 0 {
		s.retired = append(s.retired, b)
		return
	}
	s.mem.Free(b)
}

func (s *slabGroups[K, V]) endLoop() {
	if s.loops.Add(-1) > 0 {
		return
	}
	for _, b := range s.retired {
		s.mem.Free(b)
	}
	s.retired = nil
}

// A map that the garbage collector does not scan.
func Example_swiss() {
	a := slab.New(slab.Options{Name: "map"})
	defer a.Close()
	m := newSlabMap[uint64, float64](a, 1000)
	defer m.Close()

	m.Put(7, 0.5)
	v, ok := m.Get(7)
	fmt.Println(v, ok, m.Len())
	for k := range m.All {
		m.Put(k+1, 1)
	}
	fmt.Println(m.Len() > 1)
	// Output:
	// 0.5 true 1
	// true
}

// TestSwiss grows a map and empties it; what the allocator holds goes with it.
func TestSwiss(t *testing.T) {
	for _, debug := range []bool{false, true} {
		t.Run(fmt.Sprintf("debug=%v", debug), func(t *testing.T) {
			a := newSlab(t, slab.Options{Debug: debug})
			m := newSlabMap[uint64, [3]uint32](a, 0)
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

// TestSwiss_LoopAndPut puts keys into a map in a loop over it, until all of its
// groups are others, and has the memory of those it frees used for something else:
// the loop gives what is or was in the map.
func TestSwiss_LoopAndPut(t *testing.T) {
	for _, debug := range []bool{false, true} {
		t.Run(fmt.Sprintf("debug=%v", debug), func(t *testing.T) {
			a := newSlab(t, slab.Options{Debug: debug})
			m := newSlabMap[uint64, uint64](a, 0)
			defer m.Close()
			const n = 1000
			for i := range uint64(n) {
				m.Put(i, ^i)
			}
			seen, next := map[uint64]bool{}, uint64(n)
			for k, v := range m.All {
				if v != ^k || seen[k] {
					t.Fatalf("key %#x has value %#x, seen before: %v", k, v, seen[k])
				}
				seen[k] = true
				if len(seen) > 1 {
					continue
				}
				for ; next < 64*n; next++ {
					m.Put(next, ^next)
				}
				for size := 64; size <= 1<<20; size *= 2 {
					for range 20 {
						b, err := a.Alloc(size)
						if err != nil {
							t.Fatal(err)
						}
						for i := range b {
							b[i] = 0x11
						}
						defer a.Free(b)
					}
				}
			}
			for k := range uint64(n) {
				if !seen[k] {
					t.Fatalf("key %d was in the map all the time, and the loop went past it", k)
				}
			}
		})
	}
}

// TestSwiss_Loops ends loops early, by a panic too, and one inside another: what
// they have held back is freed when the last has ended, and not before.
func TestSwiss_Loops(t *testing.T) {
	a := newSlab(t, slab.Options{})
	m := newSlabMap[int, int](a, 0)
	defer m.Close()
	grow := func() {
		for n := range 8 * m.Len() {
			m.Put(n, n)
		}
	}
	m.Put(0, 0)
	for range m.All {
		grow()
		for range m.All {
			grow()
			break
		}
		if len(m.groups.retired) == 0 {
			t.Error("the end of the inner loop freed what the outer one goes over")
		}
		break
	}
	func() {
		defer func() { recover() }()
		for range m.All {
			grow()
			panic("in a loop")
		}
	}()
	if n := len(m.groups.retired); n != 0 || m.groups.loops.Load() != 0 {
		t.Errorf("%d groups still held back, by %d loops", n, m.groups.loops.Load())
	}
}

// TestSwiss_Pointers: what the garbage collector would have to look for is refused.
func TestSwiss_Pointers(t *testing.T) {
	a := newSlab(t, slab.Options{})
	defer func() {
		if err := recover(); err == nil {
			t.Error("a map of strings was made")
		} else {
			t.Log(err)
		}
	}()
	newSlabMap[int, string](a, 0)
}
