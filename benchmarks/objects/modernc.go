package objects

import (
	"fmt"
	"sync"

	"modernc.org/memory"
)

// modernc is modernc.org/memory, behind a mutex if there are several goroutines,
// which it leaves to its callers.
func modernc(goroutines int) target {
	a := new(memory.Allocator)
	h := handle{
		get: func(n int) (object, error) {
			b, err := a.Malloc(n)
			return object{b: b}, err
		},
		put: func(o object) error { return a.Free(o.b) },
		pairs: func(n, size int) error {
			for i := range n {
				b, err := a.Malloc(size)
				if err != nil {
					return err
				}
				if err := use(b, i); err != nil {
					return err
				}
				if err := a.Free(b); err != nil {
					return err
				}
			}
			return nil
		},
	}
	if goroutines > 1 {
		h = locked(a)
	}
	return target{worker: func() handle { return h }, close: func() error {
		// Trim gives back what is kept for reuse: more than that is a leak.
		if err := a.Trim(); err != nil {
			return fmt.Errorf("trimming: %w", err)
		}
		return a.Close()
	}}
}

// locked returns a handle that takes a mutex for every call.
func locked(a *memory.Allocator) handle {
	var mu sync.Mutex
	malloc := func(n int) ([]byte, error) {
		mu.Lock()
		b, err := a.Malloc(n)
		mu.Unlock()
		return b, err
	}
	free := func(b []byte) error {
		mu.Lock()
		err := a.Free(b)
		mu.Unlock()
		return err
	}
	return handle{
		get: func(n int) (object, error) {
			b, err := malloc(n)
			return object{b: b}, err
		},
		put: func(o object) error { return free(o.b) },
		pairs: func(n, size int) error {
			for i := range n {
				b, err := malloc(size)
				if err != nil {
					return err
				}
				if err := use(b, i); err != nil {
					return err
				}
				if err := free(b); err != nil {
					return err
				}
			}
			return nil
		},
	}
}
