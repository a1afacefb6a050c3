package alloc

import (
	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/peers"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// size is how large an object is.
const size = 64

// object is what is handed out where types are.
type object [size]byte

// mark writes into the object what is checked later.
func (o *object) mark(seed uint64) { work.Mark(o[:], seed) }

// allocator hands out objects to workers, all of which are given up by reset.
type allocator struct {
	// fill makes all of objects refer to new objects, each marked with its index
	// plus first. Other workers may be filling at the same time.
	fill  func(worker int, objects []*object, first uint64) error
	reset func() error
	close func() error
}

// nothing is an allocator's reset or close when there is nothing to do.
func nothing() error { return nil }

// arenaAlloc is one arena for all workers.
func arenaAlloc(workers, count int) (allocator, error) {
	a, err := arena.NewArena(arena.Options{Name: "alloc"})
	if err != nil {
		return allocator{}, err
	}
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				b, err := a.Alloc(size)
				if err != nil {
					return err
				}
				objects[i] = (*object)(b)
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { a.Reset(); return nil },
		close: a.Free,
	}, nil
}

// arenaLocal is one arena, and a handle on it for each worker.
func arenaLocal(workers, count int) (allocator, error) {
	a, err := arena.NewArena(arena.Options{Name: "alloc"})
	if err != nil {
		return allocator{}, err
	}
	locals := make([]*arena.Local, workers)
	for i := range locals {
		locals[i] = a.NewLocal()
	}
	return allocator{
		fill: func(worker int, objects []*object, first uint64) error {
			l := locals[worker]
			for i := range objects {
				b, err := l.Alloc(size)
				if err != nil {
					return err
				}
				objects[i] = (*object)(b)
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { a.Reset(); return nil },
		close: a.Free,
	}, nil
}

// arenaNew is arenaAlloc in the shape of Go's experimental arena package.
func arenaNew(workers, count int) (allocator, error) {
	a, err := arena.NewArena(arena.Options{Name: "alloc"})
	if err != nil {
		return allocator{}, err
	}
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				objects[i] = arena.New[object](a)
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { a.Reset(); return nil },
		close: a.Free,
	}, nil
}

// heap is the Go heap; the objects are garbage when they are given up.
func heap(workers, count int) (allocator, error) {
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				objects[i] = (*object)(make([]byte, size))
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: nothing, close: nothing,
	}, nil
}

// monotonic is buffers of the Go heap that are handed out piece by piece.
func monotonic(workers, count int) (allocator, error) {
	const buffer = 1 << 20
	n := count*size/buffer + 1
	if workers > 1 {
		return lockedMonotonic(peers.NewLockedMonotonic(buffer, n)), nil
	}
	m := peers.NewMonotonic(buffer, n)
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				objects[i] = (*object)(m.Alloc(size))
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { m.Reset(); return nil },
		close: nothing,
	}, nil
}

// lockedMonotonic is the same behind a mutex.
func lockedMonotonic(m *peers.LockedMonotonic) allocator {
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				objects[i] = (*object)(m.Alloc(size))
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { m.Reset(); return nil },
		close: nothing,
	}
}

// zAllocator is ristretto's, which all workers may use.
func zAllocator(workers, count int) (allocator, error) {
	a := z.NewAllocator(1<<20, "alloc")
	return allocator{
		fill: func(_ int, objects []*object, first uint64) error {
			for i := range objects {
				b := a.Allocate(size)
				clear(b) // it does not, and everybody else does
				objects[i] = (*object)(b)
				objects[i].mark(first + uint64(i))
			}
			return nil
		},
		reset: func() error { a.Reset(); return nil },
		close: func() error { a.Release(); return nil },
	}, nil
}
