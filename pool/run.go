package pool

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// runFirst is the length of the first run, if Options.Reserve says no other: 64 GiB,
	// or 64 MiB where addresses have 32 bits. It costs addresses only.
	runFirst = 1 << (16 + bits.UintSize*5/16)

	// runStep bounds how much longer runs become at once, 1 TiB: what is reserved in
	// advance is missing elsewhere.
	runStep = 16 * runFirst

	// runGrowth is how many times as long as all before a run is, up to runFirst,
	// where Options.Reserve begins with less.
	runGrowth = 8

	// runShare is which part of the addresses that RLIMIT_AS has left a run takes
	// at most.
	runShare = 8
)

// run is a window that holds bands side by side, all of it mapped, so that it is
// one VMA: the bands from first on. The bands of the pool, run after run, follow
// each other in the file without a gap. Written with Pool.growing and Pool.mu
// held, read with either.
type run struct {
	start  uintptr // Immutable.
	first  uint32  // Immutable.
	n      uint32  // bands mapped
	window *addrspace.Window
}

// end returns the index of the band behind the last.
func (r *run) end() uint32 { return r.first + r.n }

// moreBands makes sure that there is a fresh band or an empty one, or returns
// why not.
func (p *Pool) moreBands() error {
	p.growing.Lock()
	defer p.growing.Unlock()
	p.mu.Lock()
	p.checkOpenLocked("Alloc")
	enough := p.next < p.ready || p.empty != noBand
	p.mu.Unlock()
	if enough { // Somebody else was faster.
		return nil
	}
	if len(p.runs) == 0 || p.runs[len(p.runs)-1].end() == p.ready {
		if err := p.longerRun(); err != nil {
			return err
		}
	}
	end := p.runs[len(p.runs)-1].end()
	ready, err := p.longerFile(end)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.ready = ready
	p.mu.Unlock()
	return nil
}

// longerFile makes the file reach up to band end, or at least one band further
// than now where RLIMIT_FSIZE does not allow that, and returns how many bands
// it holds. The file is sparse: its length is only a number.
//
// Preconditions: growing is held; end bands have a length that is an int, as
// longerRun sees to.
func (p *Pool) longerFile(end uint32) (uint32, error) {
	err := p.file.GrowSparse(int(end) << p.shift)
	if !errors.Is(err, sys.EFBIG) {
		return end, err
	}
	fit := uint32(min(sys.LimitFileSize()>>p.shift, uint64(end)))
	if fit <= p.ready || p.file.GrowSparse(int(fit)<<p.shift) != nil {
		return 0, err
	}
	return fit, nil
}

// runLen returns how many bands the next run shall have, or the last one more: at least
// as many as there are, so that the number of runs stays small, up to runStep.
//
// Preconditions: growing is held.
func (p *Pool) runLen() uint32 {
	have := int64(p.ready) << p.shift
	n := max(min(have, runStep), min(max(p.reserve, runGrowth*have), runFirst))
	if room := sys.AddressRoom() / runShare; uint64(n) > room {
		n = int64(room)
	}
	most := min(int64(noBand)-1, math.MaxInt>>p.shift) - int64(p.ready)
	return uint32(min(max(n>>p.shift, 1), most))
}

// longerRun maps more bands: behind the last run, or in a new one if something
// is in the way there.
//
// Preconditions: growing is held; all bands of all runs are ready.
func (p *Pool) longerRun() error {
	step := p.runLen()
	if step == 0 {
		return fmt.Errorf("%w: %d bands are all there can be", arena.ErrFull, p.ready)
	}
	if len(p.runs) == 0 {
		return p.newRun(step)
	}
	err := p.extendRun(step)
	if err == nil {
		return nil
	}
	if e := p.newRun(step); e != nil {
		return errors.Join(err, e)
	}
	return nil
}

// extendRun makes the last run longer by up to n bands.
func (p *Pool) extendRun(n uint32) error {
	r := &p.runs[len(p.runs)-1]
	// The window can be longer already, of a call that failed later.
	if have := uint32(r.window.Size() >> p.shift); have > r.n {
		n = have - r.n
	} else if err := r.window.Extend((int(r.n)+int(n))<<p.shift - r.window.Size()); err != nil {
		return err
	}
	if err := p.mapBands(r.window, r.end(), int(r.n)<<p.shift, n); err != nil {
		return err
	}
	p.guardBand(r.start + uintptr(r.n)<<p.shift) // The last band had no neighbour so far.
	p.mu.Lock()
	r.n += n
	p.mu.Unlock()
	return nil
}

// newRun makes a run of up to n bands, less where there is less room.
func (p *Pool) newRun(n uint32) error {
	if len(p.runs) > math.MaxUint16 {
		return fmt.Errorf("%w: %d runs", arena.ErrFull, len(p.runs))
	}
	w, err := p.space.Reserve(int(n)<<p.shift, addrspace.ReserveOptions{
		Name: p.name, MapAll: true, Min: p.band,
		Compact: int64(n)<<p.shift < runFirst, // The next one is longer, and takes another place.
	})
	if err != nil {
		return err
	}
	n = min(n, uint32(w.Size()>>p.shift))
	if err := p.mapBands(w, p.ready, 0, n); err != nil {
		mapping.Release(w)
		return err
	}
	r := run{start: w.Range().Start, first: p.ready, n: n, window: w}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, _ := slices.BinarySearchFunc(p.order, r.start, func(k uint16, start uintptr) int {
		if p.runs[k].start < start {
			return -1
		}
		return 1
	})
	p.order = slices.Insert(p.order, at, uint16(len(p.runs)))
	p.runs = append(p.runs, r)
	return nil
}

// mapBands maps n bands of the file, from first on, at off of w.
func (p *Pool) mapBands(w *addrspace.Window, first uint32, off int, n uint32) error {
	if err := w.MapFile(off, int(n)<<p.shift, p.file.Fd(), int64(first)<<p.shift, p.ladder.Prot); err != nil {
		return err
	}
	p.huge.Advise(w.Range().Start+uintptr(off), int(n)<<p.shift)
	return nil
}
