package scaling

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/epoch"
)

// payload is what is published.
type payload struct{ number uint64 }

// guarded does ops operations on a domain of which as many guards are held as the
// case's Count, each on the version of the payload with number 1.
func guarded(ops int, f func(d *epoch.Domain, ops int) error) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		d := epoch.NewDomain(epoch.Options{Name: "scaling"})
		if _, err := d.Publish(&payload{1}); err != nil {
			return s, err
		}
		guards := make([]epoch.Guard, c.Count)
		for i := range guards {
			if guards[i], err = d.Pin(); err != nil {
				return s, err
			}
		}
		start := time.Now()
		err = f(d, ops)
		took := time.Since(start)
		for i := range guards {
			if got := guards[i].Value().(*payload).number; got != 1 && err == nil {
				err = fmt.Errorf("guard %d sees payload %d", i, got)
			}
			guards[i].Unpin()
		}
		if err == nil {
			err = d.Shutdown(context.Background())
		}
		return sample("ns/op", float64(took.Nanoseconds())/float64(ops), err)
	}
}

// pins pins, reads and unpins.
func pins(d *epoch.Domain, ops int) error {
	sum := uint64(0)
	for range ops {
		g, err := d.Pin()
		if err != nil {
			return err
		}
		sum += g.Value().(*payload).number
		g.Unpin()
	}
	return checkSum(sum, ops)
}

// refreshes moves one guard on, and reads.
func refreshes(d *epoch.Domain, ops int) error {
	g, err := d.Pin()
	if err != nil {
		return err
	}
	defer g.Unpin()
	sum := uint64(0)
	for range ops {
		if err := g.Refresh(); err != nil {
			return err
		}
		sum += g.Value().(*payload).number
	}
	return checkSum(sum, ops)
}

func checkSum(sum uint64, ops int) error {
	if sum != uint64(ops) {
		return fmt.Errorf("%d reads gave %d", ops, sum)
	}
	return nil
}

// publishes publishes values that take nothing away.
func publishes(d *epoch.Domain, ops int) error {
	p := &payload{2}
	for range ops {
		if _, err := d.Publish(p); err != nil {
			return err
		}
	}
	if d.Value() != any(p) {
		return fmt.Errorf("payload %v is not the one that was published", d.Value())
	}
	return nil
}

// reclaims publishes values that each take the one before away, which is younger than
// any guard, and sees to it that it is freed.
func reclaims(d *epoch.Domain, ops int) error {
	var freed atomic.Int64
	version, err := d.Publish(&payload{2})
	if err != nil {
		return err
	}
	for range ops {
		version, err = d.Publish(&payload{2}, epoch.Retired{Birth: version, Bytes: 1, Free: func() { freed.Add(1) }})
		if err != nil {
			return err
		}
		d.TryReclaim()
	}
	if err := d.Barrier(context.Background()); err != nil {
		return err
	}
	if n := freed.Load(); n != int64(ops) {
		return fmt.Errorf("%d of %d values freed", n, ops)
	}
	return nil
}

// locked is a lock that as many readers hold as the case's Count, and one more takes.
func locked(ops int) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (bench.Sample, error) {
		var mu sync.RWMutex
		p := &payload{1}
		for range c.Count {
			mu.RLock()
		}
		sum := uint64(0)
		start := time.Now()
		for range ops {
			mu.RLock()
			sum += p.number
			mu.RUnlock()
		}
		d := time.Since(start)
		for range c.Count {
			mu.RUnlock()
		}
		return sample("ns/op", float64(d.Nanoseconds())/float64(ops), checkSum(sum, ops))
	}
}

// retires retires as many things as the case's Count, while a guard is held that is
// older, or none, and then waits until all are freed. It is done as often as gives
// about ops things.
func retires(ops int, stalled bool) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		turns := max(ops/c.Count, 1)
		var retiring, reclaiming time.Duration
		for range turns {
			d := epoch.NewDomain(epoch.Options{Name: "scaling"})
			var freed atomic.Int64
			var g epoch.Guard
			if stalled {
				if g, err = d.Pin(); err != nil {
					return s, err
				}
			}
			start := time.Now()
			for range c.Count {
				if err := d.Retire(epoch.Retired{Bytes: 1, Free: func() { freed.Add(1) }}); err != nil {
					return s, err
				}
			}
			half := time.Now()
			if stalled {
				if n := freed.Load(); n != 0 {
					return s, fmt.Errorf("%d things freed that a guard could see", n)
				}
				g.Unpin()
			}
			if err := d.Barrier(context.Background()); err != nil {
				return s, err
			}
			end := time.Now()
			if n := freed.Load(); n != int64(c.Count) {
				return s, fmt.Errorf("%d of %d things freed", n, c.Count)
			}
			if err := d.Shutdown(context.Background()); err != nil {
				return s, err
			}
			retiring, reclaiming = retiring+half.Sub(start), reclaiming+end.Sub(half)
		}
		per := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(turns*c.Count) }
		s.Values = map[string]float64{"ns/op": per(retiring + reclaiming), "retire-ns": per(retiring), "reclaim-ns": per(reclaiming)}
		return s, nil
	}
}
