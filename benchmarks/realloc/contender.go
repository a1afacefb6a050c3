package realloc

import (
	"github.com/apache/arrow-go/v18/arrow/memory"
	modernc "modernc.org/memory"

	"github.com/growarena/growarena/slab"
)

// allocator makes buffers longer.
type allocator struct {
	// grow returns b made n bytes long, as it was as far as it went; b, which may
	// be nil, must not be used any more.
	grow func(b []byte, n int) ([]byte, error)
	free func(b []byte) error
	done func() error
}

// leave leaves a buffer to the garbage collector.
func leave([]byte) error { return nil }

// none is an allocator's done when there is nothing to do.
func none() error { return nil }

// ours is slab's Realloc.
func ours() allocator {
	a := slab.New(slab.Options{Name: "realloc"})
	return allocator{
		grow: a.Realloc,
		free: func(b []byte) error { a.Free(b); return nil },
		done: a.Close,
	}
}

// appended is Go's append.
func appended() allocator {
	return allocator{
		grow: func(b []byte, n int) ([]byte, error) { return append(b, make([]byte, n-len(b))...), nil },
		free: leave, done: none,
	}
}

// arrow is arrow-go's allocator of Go memory.
func arrow() allocator {
	a := memory.NewGoAllocator()
	return allocator{
		grow: func(b []byte, n int) ([]byte, error) { return a.Reallocate(n, b), nil },
		free: func(b []byte) error { a.Free(b); return nil }, done: none,
	}
}

// offHeap is modernc.org/memory.
func offHeap() allocator {
	a := new(modernc.Allocator)
	return allocator{grow: a.Realloc, free: a.Free, done: a.Close}
}
