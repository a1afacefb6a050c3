package objects

import (
	"math/rand/v2"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// pattern is a way to use a target: it does as many operations as a case has, or as
// take the time that is given, an operation being one object taken and given back.
// It returns how long they took and how many they were.
type pattern func(t target, c bench.Case, least time.Duration) (time.Duration, int, error)

// pairs takes and gives back one object at a time.
func pairs(t target, c bench.Case, least time.Duration) (time.Duration, int, error) {
	return shared(t, c, least, func(h handle, ops int) error { return h.pairs(ops, int(c.Size)) })
}

// inHand is how many objects batches takes before it gives them back.
const inHand = 100

// batches takes inHand objects and then gives them back, oldest first.
func batches(t target, c bench.Case, least time.Duration) (time.Duration, int, error) {
	return shared(t, c, least, func(h handle, ops int) error {
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

// shared has the goroutines of a case do the operations, with a handle each.
func shared(t target, c bench.Case, least time.Duration, f func(h handle, ops int) error) (time.Duration, int, error) {
	handles := make([]handle, c.Goroutines)
	for i := range handles {
		handles[i] = t.worker()
		defer handles[i].done()
	}
	return work.Enough(least, c.Count, func(n int) (time.Duration, error) {
		return work.Share(c.Goroutines, n, func(worker, ops int) error { return f(handles[worker], ops) })
	})
}

// parcel is how many objects go from one goroutine to the other together.
const parcel = 256

// handOver takes objects on one goroutine and gives them back on another.
func handOver(t target, c bench.Case, least time.Duration) (time.Duration, int, error) {
	sender, receiver := t.worker(), t.worker()
	defer sender.done()
	defer receiver.done()
	return work.Enough(least, c.Count, func(n int) (time.Duration, error) {
		full, empty := make(chan []object, 8), make(chan []object, 8)
		stop := make(chan struct{}) // closed when the receiver ends
		for range cap(empty) {
			empty <- make([]object, 0, parcel)
		}
		return work.Share(2, 2, func(worker, _ int) error {
			if worker == 0 {
				defer close(full)
				return sender.send(n, int(c.Size), full, empty, stop)
			}
			defer close(stop)
			for all := range full {
				all, err := receiver.putAll(all, 0)
				if err != nil {
					return err
				}
				empty <- all
			}
			return nil
		})
	})
}

// send takes n objects and sends them in parcels.
func (h handle) send(n, size int, full chan<- []object, empty <-chan []object, stop <-chan struct{}) error {
	for sent := 0; sent < n; sent += parcel {
		var all []object
		select {
		case all = <-empty:
		case <-stop:
			return nil // the receiver has the error
		}
		for i := range min(parcel, n-sent) {
			o, err := h.get(size)
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
func churn(t target, c bench.Case, least time.Duration) (time.Duration, int, error) {
	crowds := make([]crowd, c.Goroutines)
	for i := range crowds {
		cr := &crowds[i]
		cr.handle, cr.rng = t.worker(), *rand.NewPCG(1, uint64(i))
		defer cr.handle.done()
		if err := cr.fill(int(c.Size) / c.Goroutines); err != nil {
			return 0, 0, err
		}
	}
	d, n, err := work.Enough(least, c.Count, func(n int) (time.Duration, error) {
		return work.Share(c.Goroutines, n, func(worker, ops int) error { return crowds[worker].replace(ops) })
	})
	if err != nil {
		return 0, 0, err
	}
	for i := range crowds {
		if err := crowds[i].empty(); err != nil {
			return 0, 0, err
		}
	}
	return d, n, nil
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
