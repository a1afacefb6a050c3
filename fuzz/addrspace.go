package fuzz

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

const (
	spaceUnit      = 256 << 10 // windows are mapped and compared by that
	spaceFileUnits = 48        // of the file that is mapped
	spaceUnitsMax  = 256       // of a window that are used
	spaceWindows   = 24        // windows at once
	spaceForeign   = 5         // mappings behind the Space's back, at once

	// spaceHuge is what may be refused for want of addresses.
	spaceHuge = 1 << (bits.UintSize * 5 / 8)

	// spaceZone is where the zones of programs begin, spaceZoneMax how long they
	// are at most: far from where other Spaces of this process place windows.
	spaceZone    = 0x4a00 << 32
	spaceZoneMax = 4 << 30
)

// spaceRun is a run of a program on a Space with a small zone of its own, and on
// a sorted list of what is taken in there: windows, released ones that wait to be
// handed out again, and mappings of somebody else. What the kernel says about the
// zone must be that and nothing else.
//
// Where the zone is full the kernel places windows somewhere else; there only
// they are compared, as others come and go beside them.
type spaceRun struct {
	in    *input
	trace trace
	s     *addrspace.Space
	lab   *spaceLab
	zone  addrspace.Range // of this program; empty where addresses have 32 bits
	opts  addrspace.Options

	places  []*spacePlace     // live and cached, by address
	cached  []*spacePlace     // of those, the longest cached first
	foreign []addrspace.Range // somebody else's
	strange bool              // there has ever been somebody else
	dead    []*addrspace.Window
	vmas    int             // of all places and anchors
	stats   addrspace.Stats // what was last seen
}

// spaceLab is what a program borrows: a zone of its own, and a file of whose
// unit i the first byte is i+1.
type spaceLab struct {
	zone  addrspace.Range
	fd    int
	marks [spaceFileUnits]byte // what is in byte 8 of each unit
}

// spaceLabs are the labs that nobody uses.
var spaceLabs struct {
	mu   sync.Mutex
	free []*spaceLab // Protected by mu.
	made int         // Protected by mu.
}

// takeSpaceLab returns a lab that nobody else uses.
func takeSpaceLab() (*spaceLab, error) {
	spaceLabs.mu.Lock()
	defer spaceLabs.mu.Unlock()
	if n := len(spaceLabs.free); n > 0 {
		lab := spaceLabs.free[n-1]
		spaceLabs.free = spaceLabs.free[:n-1]
		return lab, nil
	}
	lab := new(spaceLab)
	if bits.UintSize == 64 {
		start := uint64(spaceZone) + uint64(spaceLabs.made)*2*spaceZoneMax
		lab.zone = addrspace.Range{Start: uintptr(start), End: uintptr(start + spaceZoneMax)}
	}
	var err error
	if lab.fd, err = sys.Memfd("fuzz", 0); err != nil {
		return nil, err
	}
	if err := lab.fill(); err != nil {
		return nil, errors.Join(err, sys.Close(lab.fd))
	}
	spaceLabs.made++
	return lab, nil
}

// fill writes the units' numbers.
func (l *spaceLab) fill() error {
	if err := sys.Truncate(l.fd, spaceFileUnits*spaceUnit); err != nil {
		return err
	}
	s := addrspace.New(addrspace.Options{CacheWindows: -1})
	w, err := s.Reserve(spaceFileUnits*spaceUnit, addrspace.ReserveOptions{})
	if err != nil {
		return err
	}
	err = w.MapFile(0, spaceFileUnits*spaceUnit, l.fd, 0, sys.ProtRead|sys.ProtWrite)
	if err == nil {
		b := bytesAt(w.Base(), spaceFileUnits*spaceUnit)
		for i := range spaceFileUnits {
			b[i*spaceUnit] = byte(i + 1)
		}
	}
	return errors.Join(err, w.Release())
}

// settleAddrspace is Target.Settle of "addrspace".
func settleAddrspace() {
	spaceLabs.mu.Lock()
	defer spaceLabs.mu.Unlock()
	for _, lab := range spaceLabs.free {
		_ = sys.Close(lab.fd) // of a memfd: cannot fail
	}
	spaceLabs.free = nil
}

// runAddrspace is Target.Run of "addrspace".
func runAddrspace(program []byte) error {
	lab, err := takeSpaceLab()
	if err != nil {
		return err
	}
	r := &spaceRun{lab: lab}
	err = protect(func() error { return r.run(program) })
	if err != nil {
		// Nobody gets a lab in which something is left.
		err = fmt.Errorf("addrspace: %v: %w", r.trace, err)
		return errors.Join(err, protect(r.abandon), sys.Close(lab.fd))
	}
	spaceLabs.mu.Lock()
	defer spaceLabs.mu.Unlock()
	spaceLabs.free = append(spaceLabs.free, lab)
	return nil
}

// start reads the options.
func (r *spaceRun) start(program []byte) {
	var config, limits int
	if len(program) > 2 {
		config, limits, program = int(program[0]), int(program[1]), program[2:]
	}
	r.in = newInput(program, len(spaceOps))
	r.opts = addrspace.Options{
		Seed:         1 + uint64(config>>3),
		CacheWindows: [8]int{-1, 1, 2, 3, 5, 8, 40, 40}[limits&7],
		CacheBytes:   [4]int{8 << 20, 64 << 20, 1 << 30, 1 << 30}[limits>>3&3],
		MaxVMAs:      [8]int{6, 12, 24, 48, 200, 200, 200, 200}[limits>>5],
	}
	if r.lab.zone.Len() > 0 {
		r.zone = r.lab.zone
		r.zone.End = r.zone.Start + uintptr(64<<20)<<(config&7%7)
		r.opts.Zones = []addrspace.Range{r.zone}
	}
	r.s = addrspace.New(r.opts)
	r.stats = r.s.Stats()
}

// run runs a program. In the end everything is given back.
func (r *spaceRun) run(program []byte) error {
	r.start(program)
	for steps := 0; r.in.more(); steps++ {
		op := spaceOps[r.in.op()]
		r.trace.add(op.name)
		if err := op.f(r); err != nil {
			return err
		}
		if err := r.agree(); err != nil {
			return err
		}
		if op.kernel || steps%16 == 0 {
			if err := r.agreeKernel(); err != nil {
				return err
			}
		}
	}
	for p := r.pick(); p != nil; p = r.pick() {
		if err := errors.Join(r.release(p), r.agree()); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	r.trim()
	if err := errors.Join(r.s.Trim(), r.agree(), r.agreeKernel()); err != nil {
		return fmt.Errorf("at the end: %w", err)
	}
	for len(r.foreign) > 0 {
		if err := r.removeForeign(0); err != nil {
			return err
		}
	}
	return nil
}

// abandon gives back what a difference has left.
func (r *spaceRun) abandon() error {
	if r.s == nil {
		return nil
	}
	var errs []error
	for w := range r.s.All() {
		errs = append(errs, w.Release())
	}
	for len(r.foreign) > 0 {
		errs = append(errs, r.removeForeign(0))
	}
	return errors.Join(append(errs, r.s.Trim())...)
}
