package objects

import (
	"math/rand/v2"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// pattern is a way to use a target: it does the operations of a case, an operation
// being one object taken and given back, and returns how long they took.
type pattern func(t target, c bench.Case) (time.Duration, error)

// pairs takes and gives back one object at a time.
func pairs(t target, c bench.Case) (time.Duration, error) {
	return shared(t, c, func(h handle, ops int) error { return h.pairs(ops, int(c.Size)) })
}

// inHand is how many objects batches takes before it gives them back.
const inHand = 100

// batches takes inHand objects and then gives them back, oldest first.
func batches(t target, c bench.Case) (time.Duration, error) {
	return shared(t, c, func(h handle, ops int) error {
		var err error
		all := make([]object, 0, inHand)
		for first := 0; first < ops; first += inHand {
			for i := range min(inHand, ops-first) {
				o, e := h.get(int(c.Size))
				if e != nil {
					return e
				}
				work.Mark(o.b, uint64(i))
				all = append(all, o)
			}
			if all, err = h.putAll(all, 0); err != nil {
				return err
			}
		}
		return nil
	})
}

// putAll checks and gives back objects marked with first and what follows. It
// returns an empty slice in the same place.
func (h handle) putAll(all []object, first int) ([]object, error) {
	for i, o := range all {
		if err := work.Check(o.b, uint64(first+i)); err != nil {
			return nil, err
		}
		if err := h.put(o); err != nil {
			return nil, err
		}
	}
	clear(all)
	return all[:0], nil
}

// shared has the goroutines of a case do the operations with a handle each, and a
// tenth of them before that, which is not counted.
func shared(t target, c bench.Case, f func(h handle, ops int) error) (time.Duration, error) {
	handles := make([]handle, c.Goroutines)
	for i := range handles {
		handles[i] = t.worker()
		defer handles[i].done()
	}
	each := func(worker, ops int) error { return f(handles[worker], ops) }
	if _, err := work.Share(c.Goroutines, c.Count/10, each); err != nil {
		return 0, err
	}
	return work.Share(c.Goroutines, c.Count, each)
}

// parcel is how many objects go from one goroutine to the other together.
const parcel = 256

// handOver takes objects on one goroutine and gives them back on another.
func handOver(t target, c bench.Case) (time.Duration, error) {
	full, empty := make(chan []object, 8), make(chan []object, 8)
	stop := make(chan struct{}) // closed when the receiver gives up
	for range cap(empty) {
		empty <- make([]object, 0, parcel)
	}
	return work.Share(2, 2, func(worker, _ int) error {
		h := t.worker()
		defer h.done()
		if worker == 0 {
			defer close(full)
			return send(h, c, full, empty, stop)
		}
		defer close(stop)
		for all := range full {
			all, err := h.putAll(all, 0)
			if err != nil {
				return err
			}
			empty <- all
		}
		return nil
	})
}

// send takes the objects of a case and sends them in parcels.
func send(h handle, c bench.Case, full chan<- []object, empty <-chan []object, stop <-chan struct{}) error {
	for sent := 0; sent < c.Count; sent += parcel {
		var all []object
		select {
		case all = <-empty:
		case <-stop:
			return nil // the other one has the error
		}
		for i := range min(parcel, c.Count-sent) {
			o, err := h.get(int(c.Size))
			if err != nil {
				return err
			}
			work.Mark(o.b, uint64(i))
			all = append(all, o)
		}
		select {
		case full <- all:
		case <-stop:
			return nil
		}
	}
	return nil
}

// churn keeps objects of random sizes, of c.Size bytes in all, and replaces one of
// them at a time, at random.
func churn(t target, c bench.Case) (time.Duration, error) {
	crowds := make([]crowd, c.Goroutines)
	for i := range crowds {
		cr := &crowds[i]
		cr.handle, cr.rng = t.worker(), *rand.NewPCG(1, uint64(i))
		defer cr.handle.done()
		if err := cr.fill(int(c.Size) / c.Goroutines); err != nil {
			return 0, err
		}
	}
	d, err := work.Share(c.Goroutines, c.Count, func(worker, ops int) error {
		return crowds[worker].replace(ops)
	})
	if err != nil {
		return 0, err
	}
	for i := range crowds {
		if err := crowds[i].empty(); err != nil {
			return 0, err
		}
	}
	return d, nil
}

// crowd is the objects of one goroutine. Each is marked with its index.
type crowd struct {
	handle handle
	rng    rand.PCG
	live   []object
	_      [64]byte // the next one is another goroutine's
}

// Sizes of churn: 16 to 31,744 bytes, as many between any number and its double.
func (c *crowd) size() int {
	r := c.rng.Uint64()
	return int(16+r%16) << (r >> 8 % 11)
}

// fill takes objects of n bytes in all.
func (c *crowd) fill(n int) error {
	for n > 0 {
		o, err := c.handle.get(c.size())
		if err != nil {
			return err
		}
		work.Mark(o.b, uint64(len(c.live)))
		c.live = append(c.live, o)
		n -= len(o.b)
	}
	return nil
}

// replace replaces an object at random, n times.
func (c *crowd) replace(n int) error {
	for range n {
		i := c.rng.Uint64() % uint64(len(c.live))
		old := c.live[i]
		if err := work.Check(old.b, i); err != nil {
			return err
		}
		if err := c.handle.put(old); err != nil {
			return err
		}
		o, err := c.handle.get(c.size())
		if err != nil {
			return err
		}
		work.Mark(o.b, i)
		c.live[i] = o
	}
	return nil
}

// empty gives all objects back.
func (c *crowd) empty() error {
	_, err := c.handle.putAll(c.live, 0)
	return err
}
