package buffers

import (
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

// maker makes buffers. One that refuses to make another must be able to say so
// without the system's help: at its limits the Go runtime gets no memory either.
type maker struct {
	// add makes a buffer, the i-th, and returns it, first bytes long or longer.
	add func(i int) ([]byte, error)
	// grow makes buffer i, which is b, n bytes longer.
	grow func(i int, b []byte, n int) ([]byte, error)
	// drop gives up buffer i, which is b.
	drop func(i int, b []byte) error
	// close gives up the rest, when all buffers are dropped.
	close func() error
}

// nothing is a maker's close when there is nothing to do.
func nothing() error { return nil }

// bands is a band of a pool.Pool for each buffer.
func bands(int) (maker, error) {
	p, err := pool.New(pool.Options{Name: "buffers"})
	if err != nil {
		return maker{}, err
	}
	return maker{
		add:   func(int) ([]byte, error) { return p.Alloc(first) },
		grow:  func(_ int, b []byte, n int) ([]byte, error) { return p.Grow(b, len(b)+n) },
		drop:  func(_ int, b []byte) error { p.Free(b); return nil },
		close: p.Close,
	}, nil
}

// objects is a large object of a slab.Allocator for each buffer.
func objects(int) (maker, error) {
	const large = 1<<20 + 1 // the smallest
	a := slab.New(slab.Options{Name: "buffers"})
	return maker{
		add:   func(int) ([]byte, error) { return a.Alloc(large) },
		grow:  func(_ int, b []byte, n int) ([]byte, error) { return a.Realloc(b, len(b)+n) },
		drop:  func(_ int, b []byte) error { a.Free(b); return nil },
		close: a.Close,
	}, nil
}

// arenas is an arena for each buffer.
func arenas(count int) (maker, error) {
	all := make([]*arena.Arena, count)
	return maker{
		add: func(i int) (b []byte, err error) {
			if all[i], err = arena.NewArena(arena.Options{Name: "buffers", Reserve: 2 << 20}); err != nil {
				return nil, err
			}
			return all[i].Alloc(first)
		},
		grow: func(i int, b []byte, n int) ([]byte, error) {
			_, err := all[i].Alloc(n)
			return all[i].Bytes(), err
		},
		drop:  func(i int, _ []byte) error { return all[i].Free() },
		close: nothing,
	}, nil
}
