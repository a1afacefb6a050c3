package fuzz

import (
	"errors"
	"fmt"
	"math"
	"os"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// arenaMax bounds the length of an arena. Its capacity can be a quarter more.
	arenaMax = 24 << 20

	// arenaOpsMax bounds the operations of a program, arenasMax the arenas that
	// it makes, one after the other.
	arenaOpsMax, arenasMax = 300, 3

	// arenaKeptMax bounds how many of each kind of thing are kept at once.
	arenaKeptMax = 4

	// mirrorMax is more than the capacity of any of them.
	mirrorMax = 48 << 20

	arenaUnit = 2 << 20 // of windows, and of the file
)

var arenaMirrors = mirrors{size: mirrorMax}

// arenaRun is one run of the target "arena": arenas in a Space of their own, one
// after the other, each beside a mirror of its bytes and a model of its windows.
// What is kept of an arena that was freed stays under observation.
type arenaRun struct {
	in    *input
	trace trace
	opts  arena.Options // of all arenas, but for name and file

	space *testSpace

	maxRetired int64  // of the shared domain; 0 is no limit
	clock      uint64 // times something was retired in it

	arenas []*arenaModel // the last is the live one
	all    bool          // compare all that is kept, not only the oldest

	allocMost, writeMost int // bytes in one operation
}

// runArena is Target.Run of "arena".
func runArena(program []byte) error {
	r := &arenaRun{in: newInput(program, len(arenaOps))}
	return r.run(func() {})
}

// run runs the program and calls look after each operation.
func (r *arenaRun) run(look func()) error {
	err := protect(func() error {
		if err := r.start(); err != nil {
			return fmt.Errorf("start: %w", err)
		}
		for n := 0; r.in.more() && n < arenaOpsMax; n++ {
			if err := r.step(); err != nil {
				return err
			}
			look()
		}
		return r.finish()
	})
	if err != nil {
		// Whatever the difference has left.
		err = fmt.Errorf("%v: %w", r.trace, err)
		if e := protect(r.abandon); e != nil {
			err = errors.Join(err, e)
		}
	}
	for _, m := range r.arenas {
		arenaMirrors.put(m.want)
	}
	return err
}

// arenaRungs are the growth ladders of arenas here; on some they cannot always
// grow.
var arenaRungs = [...]arena.Rungs{
	0, 0, arena.RungInWindow, arena.RungExtend,
	arena.RungRehome, arena.RungRehome, arena.RungAlias, arena.RungAlias,
	arena.RungExtend | arena.RungAlias, arena.RungExtend | arena.RungRehome,
	arena.RungRehome | arena.RungAlias,
}

// start chooses the options by the program's first bytes and makes the first
// arena.
func (r *arenaRun) start() error {
	var err error
	if r.space, err = newTestSpace(r.in); err != nil {
		return err
	}
	in := r.in
	// Length costs nothing until it is written to.
	r.allocMost, r.writeMost = 4<<20, 4<<10
	switch in.below(16) {
	case 0:
		r.writeMost = 1 << 20
	case 1, 2:
		r.writeMost = 64 << 10
	case 3, 4, 5:
		r.allocMost = 64 << 10
	}
	o := &r.opts
	switch in.below(16) {
	case 0:
		o.Reserve = 0
	case 1:
		o.Reserve = 16 << 20
	case 2, 3:
		o.Reserve = 3<<20 + 1
	default: // So small that it is soon outgrown.
		o.Reserve = 1
	}
	if in.below(4) == 0 {
		o.Limit = 1 + in.size(arenaMax)
	}
	switch in.below(8) {
	case 0, 1, 2:
		o.Retire = true
	case 3, 4:
		r.maxRetired = []int64{0, 0, 0, 4 << 20, 8 << 20, 1}[in.below(6)]
		o.Domain = epoch.NewDomain(epoch.Options{Name: "fuzz", MaxRetired: r.maxRetired})
	}
	if in.below(4) != 0 {
		o.Headroom = -1
	}
	switch in.below(16) {
	case 0:
		o.Commit = true
	case 1:
		o.HugePages = arena.HugeNever
	case 2:
		o.HugePages = arena.HugeAlways
	case 3:
		o.HugePages = arena.HugeNever
		o.Commit = true
	}
	o.Rungs = arenaRungs[in.below(len(arenaRungs))]
	o.Space = r.space.Space
	r.trace.add("options", o.Reserve, o.Limit, int(o.Rungs))
	return r.makeArena(in.below(8) == 0)
}

// makeArena makes the next arena, on a file of ours if so wanted.
func (r *arenaRun) makeArena(onFile bool) error {
	m := &arenaModel{run: r, name: fmt.Sprintf("fuzz %d", len(r.arenas)), limit: r.opts.Limit, want: arenaMirrors.get()}
	if m.limit == 0 {
		m.limit = math.MaxInt &^ (arenaUnit - 1)
	}
	r.arenas = append(r.arenas, m)
	o := r.opts
	o.Name = m.name
	if onFile {
		if err := m.makeFile(min(r.in.size(r.writeMost), m.limit)); err != nil {
			return err
		}
		o.File = m.disk
		m.length = m.size
	}
	r.trace.add("NewArena", m.length)
	a, err := arena.NewArena(o)
	if err != nil {
		if r.space.tight && errors.Is(err, addrspace.ErrNoSpace) {
			m.freed = true
			return r.compare() // Nothing has been left behind.
		}
		return err
	}
	m.a = a
	m.capacity = m.length
	return errors.Join(m.firstWindow(), r.compare())
}

// makeFile makes a file with n bytes for the next arena.
func (m *arenaModel) makeFile(n int) error {
	fd, err := sys.Memfd(m.name, 0)
	if err != nil {
		return err
	}
	m.disk = os.NewFile(uintptr(fd), m.name)
	p := noiseAt(n, 3)
	m.want.write(p, 0)
	m.size = n
	_, err = m.disk.Write(p)
	return err
}

// live returns the arena of now.
func (r *arenaRun) live() *arenaModel { return r.arenas[len(r.arenas)-1] }

// step does the next operation.
func (r *arenaRun) step() error {
	m := r.live()
	if m.freed {
		if len(r.arenas) == arenasMax {
			r.in.rest = nil
			return nil
		}
		return r.makeArena(r.in.below(8) == 0)
	}
	op := arenaOps[r.in.op()]
	r.trace.add(op.name)
	if err := op.do(m); err != nil {
		return err
	}
	return r.compare()
}

// compare compares everything after an operation.
func (r *arenaRun) compare() error {
	if err := errors.Join(r.settle(), r.compareSpace()); err != nil {
		return err
	}
	for _, m := range r.arenas {
		if !m.freed {
			if err := m.compareStats(); err != nil {
				return err
			}
		}
		if err := errors.Join(m.compareDomain(), m.compareContent()); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	if r.space.due() {
		return r.compareMaps()
	}
	return nil
}

// finish frees the arena and looks whether all has been given back.
func (r *arenaRun) finish() error {
	r.all = true
	r.trace.add("finish")
	if err := errors.Join(r.compare(), r.compareMaps()); err != nil {
		return err
	}
	if m := r.live(); !m.freed {
		if err := opFree(m); err != nil {
			return err
		}
		if err := r.compare(); err != nil {
			return err
		}
	}
	for _, m := range r.arenas {
		if err := m.drop(); err != nil {
			return err
		}
	}
	if err := r.compare(); err != nil {
		return err
	}
	return errors.Join(r.space.empty(), r.compareMaps())
}

// abandon gives back what there is after a difference.
func (r *arenaRun) abandon() error {
	var errs []error
	try := func(f func() error) { errs = append(errs, protect(f)) }
	for _, m := range r.arenas {
		try(m.drop)
		if !m.freed && m.a != nil {
			m.freed = true
			try(m.a.Free)
		}
	}
	if r.space != nil {
		try(r.space.abandon)
	}
	return errors.Join(errs...)
}
