package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/slab"
)

// objects are allocations, each with a pattern of its own.
type objects struct {
	all  [][]byte
	seed []uint32
}

// add writes to b and keeps it.
func (o *objects) add(b []byte) {
	seed := uint32(len(o.all))*2 + 1
	new(content).put(b, 0, seed)
	o.all, o.seed = append(o.all, b), append(o.seed, seed)
}

// replace says that object i is b now, of which n bytes are as they were.
func (o *objects) replace(i int, b []byte, n int) error {
	o.all[i] = b
	if err := o.check(i, n); err != nil {
		return err
	}
	new(content).put(b, 0, o.seed[i])
	return nil
}

// check looks at the first n bytes of object i.
func (o *objects) check(i, n int) error {
	c := content{parts: []part{{0, n, o.seed[i]}}}
	if err := c.check(o.all[i][:n], 0); err != nil {
		return wrong{fmt.Errorf("object %d of %d bytes: %w", i, len(o.all[i]), err)}
	}
	return nil
}

func (o *objects) checkAll() error {
	for i, b := range o.all {
		if err := o.check(i, len(b)); err != nil {
			return err
		}
	}
	return nil
}

// freeHalf frees every second object.
func (o *objects) freeHalf(free func([]byte)) {
	var all [][]byte
	var seed []uint32
	for i, b := range o.all {
		if i%2 == 0 {
			free(b)
			continue
		}
		all, seed = append(all, b), append(seed, o.seed[i])
	}
	o.all, o.seed = all, seed
}

func (o *objects) freeAll(free func([]byte)) {
	for _, b := range o.all {
		free(b)
	}
	o.all, o.seed = nil, nil
}

// poolStep grows buffers of a pool in their bands and beyond.
func poolStep(env) (kept, error) {
	p, err := pool.New(pool.Options{Name: "smoke pool", Band: mib})
	if err != nil {
		return kept{}, err
	}
	var o objects
	k := kept{o.checkAll, func() error {
		o.freeAll(p.Free)
		return p.Close()
	}}
	err = usePool(p, &o)
	if err != nil {
		err = worse(err, k.check())
		return kept{}, worse(err, k.free())
	}
	return k, nil
}

func usePool(p *pool.Pool, o *objects) error {
	for round := range 3 {
		for i := range 20 {
			b, err := p.Alloc(1 + i*20_000)
			if err != nil {
				return err
			}
			if err := zero(b, "buffer"); err != nil {
				return err
			}
			o.add(b)
		}
		for i, n := range []int{100_000, 900_000, 3 * mib, 5 * mib} {
			old := len(o.all[i])
			b, err := p.Grow(o.all[i], max(old, n))
			if err != nil {
				return err
			}
			if err := zero(b[old:], "grown"); err != nil {
				return err
			}
			if err := o.replace(i, b, old); err != nil {
				return err
			}
		}
		if err := o.checkAll(); err != nil {
			return err
		}
		last := len(o.all) - 1
		if err := o.replace(last, p.Shrink(o.all[last], 5), 5); err != nil {
			return err
		}
		o.freeHalf(p.Free)
		if round == 1 {
			if err := p.Trim(); err != nil {
				return err
			}
		}
	}
	return o.checkAll()
}

// smallStep uses small objects, plain and through a Local.
func smallStep(env) (kept, error) {
	a := slab.New(slab.Options{Name: "smoke objects"})
	l := a.NewLocal()
	return useSlab(a, func(o *objects) error {
		rng := rand.New(rand.NewPCG(1, 1))
		for range 3 {
			for i := range 1500 {
				n := 1 + rng.IntN(1<<(4+rng.IntN(11)))
				if err := allocate(o, i, n, a.Alloc, a.AllocZero, l.Alloc, l.AllocZero); err != nil {
					return err
				}
			}
			if err := reallocate(a, o, rng, 32*kib, 100); err != nil {
				return err
			}
			o.freeHalf(l.Free)
		}
		l.Close()
		return nil
	})
}

// largeStep uses medium and large objects, and looks whether what is freed can be used
// again.
func largeStep(env) (kept, error) {
	const limit = 64 * mib
	a := slab.New(slab.Options{Name: "smoke large objects", Limit: limit})
	return useSlab(a, func(o *objects) error {
		rng := rand.New(rand.NewPCG(2, 2))
		before := testutil.FileMemory()
		for range 2 {
			for i := range 12 {
				n := 40_000 + rng.IntN(900_000)
				if i%4 == 3 {
					n += 2 * mib
				}
				if err := allocate(o, i/2, n, a.Alloc, a.AllocZero); err != nil {
					return err
				}
			}
			if err := reallocate(a, o, rng, 4*mib, 6); err != nil {
				return err
			}
			o.freeHalf(a.Free)
		}
		for i := range 12 {
			b, err := a.Alloc(20 * mib)
			if err != nil {
				return err
			}
			for at := i; at < len(b); at += 4 * kib {
				b[at] = byte(at>>12 | 1)
			}
			for at := i; at < len(b); at += 4 * kib {
				if b[at] != byte(at>>12|1) {
					return wrongf("byte %d of a large object", at)
				}
			}
			a.Free(b)
		}
		if n := testutil.FileMemory() - before; n > 2*limit {
			return wrongf("%d bytes are held, with a limit of %d: what is freed is not used again", n, limit)
		}
		return nil
	})
}

// useSlab runs f, and keeps what it has allocated unless something was refused.
func useSlab(a *slab.Allocator, f func(o *objects) error) (kept, error) {
	o := new(objects)
	k := kept{o.checkAll, func() error {
		o.freeAll(a.Free)
		return a.Close()
	}}
	err := f(o)
	err = worse(err, o.checkAll())
	err = worse(err, a.Trim())
	err = worse(err, o.checkAll())
	if err != nil {
		return kept{}, worse(err, k.free())
	}
	return k, nil
}

// allocate makes an object with the i-th of the ways, of which every second one clears.
func allocate(o *objects, i, n int, ways ...func(int) ([]byte, error)) error {
	way := i % len(ways)
	b, err := ways[way](n)
	if err != nil {
		return err
	}
	if way%2 == 1 {
		if err := zero(b, "AllocZero"); err != nil {
			return err
		}
	}
	o.add(b)
	return nil
}

// reallocate makes some objects shorter or longer.
func reallocate(a *slab.Allocator, o *objects, rng *rand.Rand, most, times int) error {
	for range times {
		i := rng.IntN(len(o.all))
		old := o.all[i]
		b, err := a.Realloc(old, 1+rng.IntN(most))
		if err != nil {
			return err
		}
		if err := o.replace(i, b, min(len(old), len(b))); err != nil {
			return err
		}
	}
	return o.checkAll()
}
