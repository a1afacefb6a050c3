package fuzz

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"os"
	"sync"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// arenaMax bounds the length of an arena. Its capacity can be a quarter more.
	arenaMax = 16 << 20

	// arenaOpsMax bounds the operations of a program, arenasMax the arenas that
	// it makes, one after the other.
	arenaOpsMax, arenasMax = 300, 3

	// arenaKeptMax bounds how many of each kind of thing are kept at once.
	arenaKeptMax = 4

	arenaUnit = 2 << 20 // of windows, and of the file
)

// arenaRun is one run of the target "arena": arenas in a Space of their own, one
// after the other, each beside a mirror of its bytes and a model of its windows.
// What is kept of an arena that was freed stays under observation.
type arenaRun struct {
	in    *input
	trace trace
	opts  arena.Options // of all arenas, but for name and file

	space *addrspace.Space
	zone  addrspace.Range // where its windows lie; empty if in the default zones
	tight bool            // there may be no room for what is asked
	files int             // descriptors of the process before

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
		m.want.free()
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

// testZone is where the windows of programs lie.
var testZone struct {
	mu              sync.Mutex
	addrspace.Range // Protected by mu.
}

// emptyZone returns a zone where nobody is: so it is known who is there later.
func emptyZone() (addrspace.Range, error) {
	testZone.mu.Lock()
	defer testZone.mu.Unlock()
	if r := testZone.Range; r.Len() > 0 {
		// Other Spaces do not know it, and may have come there.
		if _, err := sys.Reserve(r.Start, r.Len()); err == nil {
			return r, sys.Unmap(r.Start, r.Len())
		}
	}
	const size = 1 << (20 + bits.UintSize/4) // 64 GiB, or 256 MiB where addresses have 32 bits
	s := addrspace.New(addrspace.Options{})
	w, err := s.Reserve(size, addrspace.ReserveOptions{Min: 128 << 20})
	if err != nil {
		return addrspace.Range{}, err
	}
	testZone.Range = w.Range()
	return testZone.Range, errors.Join(w.Release(), s.Trim())
}

// start chooses the options by the program's first bytes and makes the first
// arena.
func (r *arenaRun) start() error {
	if err := r.chooseSpace(); err != nil {
		return err
	}
	var err error
	if r.files, err = openFiles(); err != nil {
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
	case 0, 1:
		o.Retire = true
	case 2, 3:
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
	o.Space = r.space
	r.trace.add("options", o.Reserve, o.Limit, int(o.Rungs))
	return r.makeArena(in.below(8) == 0)
}

// chooseSpace makes the Space.
func (r *arenaRun) chooseSpace() error {
	zone, err := emptyZone()
	if err != nil {
		return err
	}
	o := addrspace.Options{Seed: 1 + uint64(r.in.byte())}
	switch r.in.below(8) {
	case 0: // The default zones.
	case 1: // So small that there is soon no room left in it.
		zone.End = zone.Start + 64<<20
		r.zone, r.tight = zone, true
	default:
		r.zone = zone
	}
	if r.zone.Len() > 0 {
		o.Zones = []addrspace.Range{r.zone}
	}
	switch r.in.below(16) {
	case 0:
		o.MaxVMAs = 2 + r.in.below(8)
		r.tight = true
	case 1:
		o.CacheWindows = -1
	case 2:
		o.CacheWindows = 1
	}
	r.space = addrspace.New(o)
	return nil
}

// makeArena makes the next arena, on a file of ours if so wanted.
func (r *arenaRun) makeArena(onFile bool) error {
	m := &arenaModel{run: r, name: fmt.Sprintf("fuzz %d", len(r.arenas)), limit: r.opts.Limit, want: newMirror()}
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
		if r.tight && errors.Is(err, addrspace.ErrNoSpace) {
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
	if err := r.space.Trim(); err != nil {
		return err
	}
	s := r.space.Stats()
	if s.Windows != 0 || s.VMAs != 0 || s.ReservedBytes != 0 || s.MappedBytes != 0 || s.Cached != 0 || s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("not everything was given back: %+v", s)
	}
	if err := r.compareMaps(); err != nil {
		return err
	}
	n, err := openFiles()
	if n != r.files {
		return fmt.Errorf("%d descriptors are open (%v), there were %d", n, err, r.files)
	}
	return nil
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
	for range 100 { // Goroutines that give back need a moment.
		if r.space.Stats().Windows == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	try(r.space.Trim)
	return errors.Join(errs...)
}

// openFiles returns how many descriptors the process has.
func openFiles() (int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return len(names), err
}
