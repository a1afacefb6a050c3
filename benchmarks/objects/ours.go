package objects

import "github.com/growarena/growarena/slab"

// closing returns a's Close, which says what is left behind.
func closing(a *slab.Allocator) func() error { return a.Close }

// allocator is slab's, shared by all goroutines.
func allocator(int) target {
	a := slab.New(slab.Options{Name: "objects"})
	h := handle{
		get: func(n int) (object, error) {
			b, err := a.Alloc(n)
			return object{b: b}, err
		},
		put: func(o object) error {
			a.Free(o.b)
			return nil
		},
		pairs: func(n, size int) error {
			for i := range n {
				b, err := a.Alloc(size)
				if err != nil {
					return err
				}
				if err := use(b, i); err != nil {
					return err
				}
				a.Free(b)
			}
			return nil
		},
	}
	return target{worker: func() handle { return h }, close: closing(a)}
}

// local is slab's, with a handle for each goroutine.
func local(int) target {
	a := slab.New(slab.Options{Name: "objects"})
	return target{worker: func() handle {
		l := a.NewLocal()
		return handle{
			get: func(n int) (object, error) {
				b, err := l.Alloc(n)
				return object{b: b}, err
			},
			put: func(o object) error {
				l.Free(o.b)
				return nil
			},
			pairs: func(n, size int) error {
				for i := range n {
					b, err := l.Alloc(size)
					if err != nil {
						return err
					}
					if err := use(b, i); err != nil {
						return err
					}
					l.Free(b)
				}
				return nil
			},
			close: func() { _ = l.Close() },
		}
	}, close: closing(a)}
}
