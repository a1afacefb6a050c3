package fuzz

import (
	"errors"
	"fmt"

	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

const (
	// slabLive and slabBytes bound what a program holds at once.
	slabLive  = 600
	slabBytes = 96 << 20

	// slabLocals is how many Locals there are at most.
	slabLocals = 2

	slabSmall  = 32 << 10 // the largest small object
	slabMedium = 1 << 20  // the largest medium object
	slabPage   = 8 << 10  // what medium objects are multiples of
	slabSpan   = 1 << 20
)

// slabConfig is what a program asks of its allocator.
type slabConfig struct {
	debug      bool
	profile    int
	limit      int
	retiredMax int64
}

// slabConfigs are the choices. A limit makes allocations fail, at all sizes. Debug
// mode and profiles take long, so they are few.
var slabConfigs = [16]slabConfig{
	1:  {retiredMax: 64 << 10},
	2:  {limit: 768 << 10},
	3:  {limit: 8 << 20, retiredMax: 1 << 20},
	4:  {limit: 3 << 20},
	13: {profile: 64 << 10},
	14: {debug: true, limit: 2 << 20},
	15: {debug: true, profile: 512 << 10, retiredMax: 256 << 10},
}

// slabConfigOf brings equal configurations together.
func slabConfigOf(b int) int {
	if b %= len(slabConfigs); slabConfigs[b] == (slabConfig{}) {
		return 0
	}
	return b
}

// slabAllocator is an allocator with its domain.
type slabAllocator struct {
	slabConfig
	a *slab.Allocator
	d *epoch.Domain
}

func newSlabAllocator(c slabConfig) *slabAllocator {
	d := epoch.NewDomain(epoch.Options{Name: "fuzz", Slots: 1, MaxRetired: c.retiredMax})
	return &slabAllocator{c, slab.New(slab.Options{
		Name: "fuzz", Domain: d, Debug: c.debug, Profile: c.profile, Limit: c.limit,
	}), d}
}

// close gives everything back.
func (s *slabAllocator) close() error {
	return errors.Join(s.a.Close(), s.d.Shutdown(ended))
}

// slabRun is a run of a program on an allocator, which is empty when it begins,
// and a sorted list of what it has handed out. Each object holds a pattern of its
// own, all of it if it is small and else some pieces, that is looked at whenever
// something happens to the object or its neighbours, and at times to all.
type slabRun struct {
	*slabAllocator
	in    *input
	outer *input // of the whole program, when in is that of a chapter
	trace trace

	objects []*slabObject // by address; retired ones until they may be gone
	sum     slabSum       // of objects
	locals  []*slab.Local
	freed   [8][]byte // some slices that are no objects any more
	freedAt int
	pins    []slabPin
	clock   uint64 // times something was pinned or retired
	seed    byte   // of the last pattern
}

// slabPin is a guard that objects retired later wait for.
type slabPin struct {
	epoch.Guard
	at uint64
}

// slabSum is what Stats should say.
type slabSum struct {
	objects, bytes             int
	mediumObjects, mediumBytes int
	largeObjects, largeBytes   int
	waiting                    int   // retired
	waitingBytes               int64 // of those
}

// run runs a program. In the end everything is free, unless leave.
func (r *slabRun) run(program []byte, leave bool) (err error) {
	r.in = newInput(program, len(slabOps))
	for err == nil {
		if r.in.more() {
			err = r.step()
			continue
		}
		if r.outer == nil && leave {
			return nil
		}
		if err = r.empty(); r.outer == nil {
			break
		}
		r.in, r.outer = r.outer, nil
	}
	if err != nil {
		return fmt.Errorf("slab: %v: %w", r.trace, err)
	}
	return nil
}

// step does one operation and looks at the numbers.
func (r *slabRun) step() error {
	op := slabOps[r.in.op()]
	r.trace.add(op.name)
	if err := op.f(r); err != nil {
		return err
	}
	if len(r.trace)%64 == 0 {
		if err := r.intact(); err != nil {
			return err
		}
	}
	return r.agree()
}

// empty frees everything that the program has left, looking at it before.
func (r *slabRun) empty() error {
	if err := r.intact(); err != nil {
		return err
	}
	for len(r.pins) > 0 {
		if err := r.unpin(r.in.below(len(r.pins))); err != nil {
			return err
		}
	}
	for len(r.objects) > 0 {
		// From somewhere on, in order of address.
		i := r.in.below(len(r.objects))
		for range min(16, len(r.objects)) {
			if err := r.free(r.objects[min(i, len(r.objects)-1)]); err != nil {
				return err
			}
		}
	}
	for len(r.locals) > 0 {
		r.closeLocal(0)
	}
	return r.agree()
}
