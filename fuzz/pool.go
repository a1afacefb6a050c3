package fuzz

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/pool"
)

const (
	// poolSizeMax bounds the length of a buffer, poolLiveMax how many there are,
	// or poolManyMax where that is more than the bands of the first run.
	poolSizeMax, poolLiveMax, poolManyMax = 24 << 20, 12, 80

	// poolOpsMax bounds the operations of a program, poolsMax the pools that it
	// makes, one after the other.
	poolOpsMax, poolsMax = 400, 3
)

// poolMirrors are mirrors for buffers of several lengths.
var poolMirrors = [...]mirrors{{size: 128 << 10}, {size: 2 << 20}, {size: poolSizeMax}}

// poolRun is one run of the target "pool": pools in a Space of their own, one
// after the other, and beside each buffer a mirror of it.
type poolRun struct {
	in    *input
	trace trace
	opts  pool.Options
	space *testSpace
	most  int // bytes of a buffer

	p     *pool.Pool // nil between two
	pools int        // made so far
	band  int
	live  []*poolBuffer

	// What the counters should be.
	used              int
	outgrown, rehomed int
	moves             int // of those rehomed, with page tables to move
	stats             pool.Stats
}

// poolBuffer is a buffer and what it should be.
type poolBuffer struct {
	places [][]byte // one for each address it has had, the oldest first
	want   *mirror
	class  int // of it, in poolMirrors
	length int
	moved  bool // it has outgrown its band, or never had one
	banded bool // it began in a band
}

// newest returns the buffer.
func (b *poolBuffer) newest() []byte { return b.places[len(b.places)-1] }

// windows returns how many there are that nothing else is in.
func (b *poolBuffer) windows() int {
	if b.banded {
		return len(b.places) - 1
	}
	return len(b.places)
}

// fit makes sure that the mirror holds n bytes.
func (b *poolBuffer) fit(n int) {
	class := 0
	for n > poolMirrors[class].size {
		class++
	}
	if b.want != nil && class <= b.class {
		return
	}
	want := poolMirrors[class].get()
	if old := b.want; old != nil {
		for _, p := range old.pages {
			want.write(old.page(p), p*mirrorPage)
		}
		b.putMirror()
	}
	b.want, b.class = want, class
}

// putMirror gives the mirror back.
func (b *poolBuffer) putMirror() {
	poolMirrors[b.class].put(b.want)
	b.want = nil
}

// runPool is Target.Run of "pool".
func runPool(program []byte) error {
	r := &poolRun{in: newInput(program, len(poolOps))}
	return r.run(func() {})
}

// run runs the program and calls look after each operation.
func (r *poolRun) run(look func()) error {
	err := protect(func() error {
		if err := r.start(); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		for n := 0; r.in.more() && n < poolOpsMax; n++ {
			if err := r.step(); err != nil {
				return err
			}
			look()
		}
		return r.finish()
	})
	if err != nil {
		err = errors.Join(fmt.Errorf("%v: %w", r.trace, err), protect(r.abandon))
	}
	for _, b := range r.live {
		b.putMirror()
	}
	return err
}

// start chooses the options by the program's first bytes and makes the first
// pool.
func (r *poolRun) start() error {
	var err error
	if r.space, err = newTestSpace(r.in); err != nil {
		return err
	}
	in := r.in
	switch in.below(8) {
	case 0, 1:
		r.most = poolSizeMax // Length costs nothing until it is written to.
	case 2, 3:
		r.most = 1<<20 + 128<<10
	default:
		r.most = 192 << 10
	}
	o := &r.opts
	o.Band = []int{64 << 10, 64 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 1 << 30, 0}[in.below(8)]
	if r.space.tight && in.below(2) == 0 {
		o.Band = 1 << 30 // The first run can only seldom become longer there.
	}
	if o.Band == 1<<30 && r.most == poolSizeMax {
		r.most = 64 << 10 // It is about bands then, and nothing outgrows them.
	}
	if in.below(4) == 0 {
		o.Limit = 1 + in.size(4*r.most)
	}
	o.Keep = []int{0, 0, -1, 64 << 10, 600 << 10}[in.below(5)]
	o.NoGuards = in.below(4) == 0
	o.Space = r.space.Space
	r.trace.add("options", o.Band, o.Limit, o.Keep)
	return r.makePool()
}

func (r *poolRun) makePool() error {
	r.pools++
	o := r.opts
	o.Name = fmt.Sprintf("fuzz pool %d", r.pools)
	r.trace.add("NewPool")
	p, err := pool.New(o)
	if err != nil {
		if r.space.tight && errors.Is(err, addrspace.ErrNoSpace) {
			return r.compare()
		}
		return err
	}
	r.p = p
	r.band = o.Band
	if r.band == 0 {
		r.band = 16 << 20
	}
	r.used, r.outgrown, r.rehomed, r.moves = 0, 0, 0, 0
	r.stats = p.Stats()
	if p.Name() != o.Name || p.Room() > r.band || p.Room() < r.band*15/16-2*mirrorPage {
		return fmt.Errorf("pool %q with room of %d in a band of %d", p.Name(), p.Room(), r.band)
	}
	return r.compare()
}

// step does the next operation.
func (r *poolRun) step() error {
	if r.p == nil {
		if r.pools == poolsMax {
			r.in.rest = nil
			return nil
		}
		return r.makePool()
	}
	op := poolOps[r.in.op()]
	r.trace.add(op.name)
	if err := op.do(r); err != nil {
		return err
	}
	return r.compare()
}

// liveMax returns how many buffers there may be.
func (r *poolRun) liveMax() int {
	if r.band == 1<<30 {
		return poolManyMax
	}
	return poolLiveMax
}

// limit returns the most that all buffers may sum up to.
func (r *poolRun) limit() int {
	if r.opts.Limit == 0 {
		return math.MaxInt
	}
	return r.opts.Limit
}

// mayFail checks that err is what is due for so many bytes more.
func (r *poolRun) mayFail(more int, err error) error {
	switch {
	case more > r.limit()-r.used:
		if !errors.Is(err, arena.ErrFull) {
			return fmt.Errorf("%d bytes beside %d, limit %d: %v", more, r.used, r.limit(), err)
		}
	case err != nil && !(r.space.tight && errors.Is(err, addrspace.ErrNoSpace)):
		return fmt.Errorf("%d bytes: %w", more, err)
	}
	return nil
}

// finish closes the pool and looks whether all has been given back.
func (r *poolRun) finish() error {
	r.trace.add("finish")
	if r.p != nil {
		if err := r.compareMaps(); err != nil {
			return err
		}
		if len(r.trace)%4 != 0 { // Otherwise it is closed with what is live.
			if err := r.freeAll(); err != nil {
				return err
			}
		}
		if err := poolClose(r); err != nil {
			return err
		}
	}
	return errors.Join(r.space.empty(), r.space.maps(nil, nil))
}

// freeAll frees all buffers: then there is no memory left but what is kept.
func (r *poolRun) freeAll() error {
	for len(r.live) > 0 {
		if err := errors.Join(r.free(len(r.trace)%len(r.live)), r.compare()); err != nil {
			return err
		}
	}
	return poolTrim(r)
}

// abandon gives back what there is after a difference.
func (r *poolRun) abandon() error {
	if r.space == nil {
		return nil
	}
	var err error
	if r.p != nil {
		p := r.p
		r.p = nil
		err = protect(func() error {
			_ = p.Close() // Says that buffers are live.
			return nil
		})
	}
	return errors.Join(err, r.space.abandon())
}
