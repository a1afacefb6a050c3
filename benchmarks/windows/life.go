package windows

import (
	"fmt"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/internal/sys"
)

// size is how long the windows are.
const size = addrspace.Alignment

// life reserves and releases windows, one at a time, beside so many that live, ops
// of them for a start and ops that count, and returns how long these took.
type life func(live, ops int) (time.Duration, error)

// crowd is a Space in which windows live.
type crowd struct {
	space   *addrspace.Space
	options addrspace.ReserveOptions
	live    []*addrspace.Window
}

// newCrowd reserves n windows. cache says whether released ones are kept to be
// handed out again.
func newCrowd(n int, compact, cache bool) (*crowd, error) {
	o := addrspace.Options{MaxVMAs: sys.MaxMapCount()}
	if !cache {
		o.CacheWindows = -1
	}
	c := &crowd{space: addrspace.New(o), options: addrspace.ReserveOptions{Compact: compact}}
	for range n {
		w, err := c.space.Reserve(size, c.options)
		if err != nil {
			c.free()
			return nil, err
		}
		c.live = append(c.live, w)
	}
	return c, nil
}

// free releases all windows.
func (c *crowd) free() error {
	for _, w := range c.live {
		if err := w.Release(); err != nil {
			return err
		}
	}
	return c.space.Trim()
}

// turn reserves a window and releases it, n times, and calls f, if it is not nil,
// with each.
func (c *crowd) turn(n int, f func(*addrspace.Window)) error {
	for range n {
		w, err := c.space.Reserve(size, c.options)
		if err != nil {
			return err
		}
		if f != nil {
			f(w)
		}
		if err := w.Release(); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error unless the space knows of the live windows and no other.
func (c *crowd) check() error {
	if s := c.space.Stats(); s.Windows != len(c.live) || s.ReservedBytes != uint64(len(c.live))*size || s.Stuck != 0 {
		return fmt.Errorf("%d windows live, the space says %+v", len(c.live), s)
	}
	return nil
}

// ours returns the life of our windows.
func ours(compact, cache bool) life {
	return func(live, ops int) (time.Duration, error) {
		c, err := newCrowd(live, compact, cache)
		if err != nil {
			return 0, err
		}
		if err := c.turn(ops, nil); err != nil {
			return 0, err
		}
		start := time.Now()
		err = c.turn(ops, nil)
		d := time.Since(start)
		if err == nil {
			err = c.check()
		}
		if err != nil {
			return 0, err
		}
		return d, c.free()
	}
}

// replay does the system calls of reserving and releasing, and nothing else, at the
// places that a Space has chosen for the same windows beside the same crowd.
func replay(compact bool) life {
	return func(live, ops int) (time.Duration, error) {
		c, err := newCrowd(live, compact, false)
		if err != nil {
			return 0, err
		}
		places := make([]uintptr, 0, ops)
		if err := c.turn(ops, func(w *addrspace.Window) { places = append(places, w.Range().Start) }); err != nil {
			return 0, err
		}
		start := time.Now()
		err = bare(places)
		d := time.Since(start)
		if err == nil {
			err = c.check()
		}
		if err != nil {
			return 0, err
		}
		return d, c.free()
	}
}

// bare reserves and releases one place after the other; place 0 leaves it to the
// kernel.
func bare(places []uintptr) error {
	for _, want := range places {
		at, err := sys.Reserve(want, size)
		if err != nil {
			return err
		}
		if err := sys.Unmap(at, size); err != nil {
			return err
		}
	}
	return nil
}

// kernel reserves and releases where the kernel chooses, the crowd included.
func kernel(live, ops int) (time.Duration, error) {
	crowd := make([]uintptr, live)
	for i := range crowd {
		at, err := sys.Reserve(0, size)
		if err != nil {
			return 0, err
		}
		crowd[i] = at
	}
	places := make([]uintptr, ops)
	if err := bare(places); err != nil {
		return 0, err
	}
	start := time.Now()
	err := bare(places)
	d := time.Since(start)
	if err != nil {
		return 0, err
	}
	for _, at := range crowd {
		if err := sys.Unmap(at, size); err != nil {
			return 0, err
		}
	}
	return d, nil
}

// run has l do a case, of which Count is the number of live windows.
func (l life) run(ops int) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		d, err := l(c.Count, ops)
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{"ns/op": float64(d.Nanoseconds()) / float64(ops)}
		return s, nil
	}
}
