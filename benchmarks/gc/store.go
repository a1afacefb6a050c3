package gc

import (
	"fmt"

	"modernc.org/memory"

	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/slab"
)

// size is how large an object is.
const size = 64

// object is one of very many.
type object [size]byte

// store holds objects, each of which is known by an entry of a table as long as the
// objects are many. A check looks at all of them.
type store struct {
	fill  func() error
	check func() error
	close func() error
}

// nothing is what a store does that has nothing to do.
func nothing() error { return nil }

// inSlab is objects of a slab.Cache, and a table of what refers to them.
func inSlab(n int) store {
	a := slab.New(slab.Options{Name: "gc"})
	cache := slab.NewCache[object](a)
	table := make([]slab.Ref[object], n)
	return store{
		fill: func() error {
			for i := range table {
				o, err := cache.Get()
				if err != nil {
					return err
				}
				work.Mark(o[:], uint64(i))
				table[i] = slab.RefTo(a, o)
			}
			return nil
		},
		check: func() error {
			for i, r := range table {
				if err := checkOne(i, r.In(a)); err != nil {
					return err
				}
			}
			return nil
		},
		close: func() error {
			for _, r := range table {
				cache.Put(r.In(a))
			}
			return a.Close()
		},
	}
}

// inHeap is objects of the Go heap, and a table of pointers.
func inHeap(n int) store {
	table := make([]*object, n)
	return store{
		fill: func() error {
			for i := range table {
				table[i] = new(object)
				work.Mark(table[i][:], uint64(i))
			}
			return nil
		},
		check: func() error { return checkAll(table) },
		close: nothing,
	}
}

// inSlabByPointer is objects of a slab.Cache, and a table of pointers.
func inSlabByPointer(n int) store {
	a := slab.New(slab.Options{Name: "gc"})
	cache := slab.NewCache[object](a)
	table := make([]*object, n)
	return store{
		fill: func() (err error) {
			for i := range table {
				if table[i], err = cache.Get(); err != nil {
					return err
				}
				work.Mark(table[i][:], uint64(i))
			}
			return nil
		},
		check: func() error { return checkAll(table) },
		close: func() error {
			for _, o := range table {
				cache.Put(o)
			}
			return a.Close()
		},
	}
}

// inModernc is objects of modernc.org/memory, and a table of addresses.
func inModernc(n int) store {
	a := new(memory.Allocator)
	table := make([]uintptr, n)
	return store{
		fill: func() (err error) {
			for i := range table {
				if table[i], err = a.UintptrMalloc(size); err != nil {
					return err
				}
				work.Mark(objectAt(table[i])[:], uint64(i))
			}
			return nil
		},
		check: func() error {
			for i, at := range table {
				if err := checkOne(i, objectAt(at)); err != nil {
					return err
				}
			}
			return nil
		},
		close: func() error {
			for _, at := range table {
				if err := a.UintptrFree(at); err != nil {
					return err
				}
			}
			return a.Close()
		},
	}
}

// objectAt returns the object at addr, which is memory of modernc.org/memory.
func objectAt(addr uintptr) *object { return (*object)(sys.Pointer(addr)) }

// none is a table without objects.
func none(n int) store {
	table := make([]int, n)
	return store{
		fill: func() error {
			for i := range table {
				table[i] = i
			}
			return nil
		},
		check: func() error {
			for i, v := range table {
				if v != i {
					return fmt.Errorf("entry %d is %d", i, v)
				}
			}
			return nil
		},
		close: nothing,
	}
}

// checkAll returns an error unless every object is the one that belongs there.
func checkAll(table []*object) error {
	for i, o := range table {
		if err := checkOne(i, o); err != nil {
			return err
		}
	}
	return nil
}

// checkOne returns an error unless o is the i-th object.
func checkOne(i int, o *object) error {
	if err := work.Check(o[:], uint64(i)); err != nil {
		return fmt.Errorf("object %d: %w", i, err)
	}
	return nil
}
