package fuzz

import (
	"fmt"
	"slices"

	"github.com/growarena/growarena/epoch"
)

func (r *slabRun) opPin() error {
	if len(r.pins) >= 8 {
		return nil
	}
	g, err := r.d.Pin()
	if err != nil {
		return err
	}
	r.clock++
	r.pins = append(r.pins, slabPin{g, r.clock})
	return nil
}

func (r *slabRun) opUnpin() error {
	if len(r.pins) == 0 {
		return nil
	}
	return r.unpin(r.in.below(len(r.pins)))
}

// unpin unpins the i-th guard, and sees to it that what waited for it is freed.
func (r *slabRun) unpin(i int) error {
	r.pins[i].Unpin()
	r.pins = slices.Delete(r.pins, i, i+1)
	return r.settle()
}

// opRetire retires an object: if nothing is pinned it is freed at once.
func (r *slabRun) opRetire() error {
	o := r.pick()
	if o == nil || o.words {
		return nil
	}
	if err := r.near(o); err != nil {
		return err
	}
	err := r.a.Retire(o.b)
	if most := r.retiredMax; most > 0 && int64(cap(o.b)) > most-r.sum.waitingBytes {
		if err := wantError(err, epoch.ErrRetired); err != nil {
			return fmt.Errorf("retiring %d bytes, %d of %d wait: %w", cap(o.b), r.sum.waitingBytes, most, err)
		}
		return r.near(o)
	}
	if err != nil {
		return err
	}
	r.clock++
	r.count(o, -1)
	o.retired = r.clock
	r.count(o, 1)
	return r.settle()
}

// settle waits until what no guard keeps from being freed has been, and takes it
// out of the model.
func (r *slabRun) settle() error {
	oldest := ^uint64(0)
	for _, p := range r.pins {
		oldest = min(oldest, p.at)
	}
	for i := 0; i < len(r.objects) && r.sum.waiting > 0; {
		o := r.objects[i]
		if o.retired != 0 && o.retired < oldest {
			r.remove(o)
		} else {
			i++
		}
	}
	r.d.TryReclaim()
	return eventually(func() error {
		if n := r.d.Stats().Retired; n != r.sum.waiting {
			return fmt.Errorf("%d retired objects are not freed, want %d", n, r.sum.waiting)
		}
		return nil
	})
}
