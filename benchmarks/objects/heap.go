package objects

import (
	"math/bits"
	"sync"

	"github.com/dgraph-io/ristretto/v2/z"
)

// kept keeps what was taken last reachable, as whoever asks for memory does. Each
// goroutine has its own, in lines of the cache of its own.
type kept struct {
	b []byte
	_ [104]byte
}

// heap is the Go heap and the garbage collector.
func heap(int) target {
	return target{worker: func() handle {
		keep := new(kept)
		return handle{
			get: func(n int) (object, error) { return object{b: make([]byte, n)}, nil },
			put: func(object) error { return nil },
			pairs: func(n, size int) error {
				for i := range n {
					keep.b = make([]byte, size)
					if err := use(keep.b, i); err != nil {
						return err
					}
				}
				return nil
			},
		}
	}, close: nothing}
}

// calloc is ristretto's z.Calloc.
func calloc(int) target {
	const tag = "objects"
	return target{worker: func() handle {
		keep := new(kept)
		return handle{
			get: func(n int) (object, error) { return object{b: z.Calloc(n, tag)}, nil },
			put: func(o object) error { z.Free(o.b); return nil },
			pairs: func(n, size int) error {
				for i := range n {
					keep.b = z.Calloc(size, tag)
					if err := use(keep.b, i); err != nil {
						return err
					}
					z.Free(keep.b)
				}
				return nil
			},
		}
	}, close: nothing}
}

// pool is a sync.Pool of slices for each power of two.
func pool(int) target {
	var pools [32]sync.Pool
	for i := range pools {
		pools[i].New = func() any {
			b := make([]byte, 1<<i)
			return &b
		}
	}
	h := handle{
		get: func(n int) (object, error) {
			p := pools[bits.Len(uint(n-1))].Get().(*[]byte)
			return object{(*p)[:n], p}, nil
		},
		put: func(o object) error {
			pools[bits.Len(uint(len(o.b)-1))].Put(o.p)
			return nil
		},
		pairs: func(n, size int) error {
			for i := range n {
				class := bits.Len(uint(size - 1))
				p := pools[class].Get().(*[]byte)
				if err := use((*p)[:size], i); err != nil {
					return err
				}
				pools[class].Put(p)
			}
			return nil
		},
	}
	return target{worker: func() handle { return h }, close: nothing}
}
