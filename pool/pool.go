package pool

import (
	"fmt"
	"io"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

const (
	bandDefault = 16 << 20
	bandMin     = 64 << 10
	bandMax     = 1 << 30 // Lengths within a band are kept in 32 bits.

	// keepDefault bounds the freed memory that is kept to be handed out again:
	// clearing a page costs less than a twentieth of giving it back and faulting anew.
	keepDefault = 64 << 20

	// keepShare bounds one buffer's part of it, so that a few large ones do not
	// push out very many small ones. With the defaults a full band is kept.
	keepShare = 4
)

// Pool holds very many growable buffers in one backing file and, nearly, one
// VMA. Make one with [New].
//
// A buffer lives in a band of addresses of its own. Bands lie side by side in a
// run, a window that is mapped in advance over as many bytes of the file, which
// is sparse: making a buffer and letting it grow touch neither the mapping nor
// the file, but to prepare memory for a large buffer that is full (HugePages). A buffer that outgrows its band goes on in a window of its own: the
// page tables of the band move there, and a second file, also sparse, goes on
// behind. No growth ever copies.
//
// A buffer is known by the address it begins at, in whichever slice. When it
// outgrows its place it has several: every address it ever had stays valid, shows
// the same bytes, and names it, until Free.
//
// Bytes are zero when they are handed out, by Alloc as by Grow.
//
// Methods may be called concurrently; Grow, Shrink and Free need the buffer to
// themselves, but for readers and writers of its bytes, which take no lock.
type Pool struct {
	// What a buffer is made of, in states:
	//
	//	Fresh  the band was never used
	//	Free   given back; its first bytes, up to high, may still have memory
	//	Live   a buffer, in its band
	//	Busy   a system call for the buffer is under way, without mu
	//	Moved  a live buffer that has outgrown the band; the band is a part of it
	//
	// Lock order: growing, farFile.mu; then mu, under which no system call is made.
	//
	// Invariants:
	//
	//	I1: of a band or a moved buffer, bytes from high on are zero.
	//	I2: each band below next is in one of: Live, Busy, Moved, a list of free ones.
	//	I3: live and used count the buffers and their lengths; kept is what the
	//	    bands in the kept lists hold, in whole pages.
	//	I4: next <= ready; what is below ready is mapped, and the file is as long.

	name    string           // Immutable after New.
	limit   int              // Immutable after New.
	reserve int64            // bytes of the first run. Immutable after New.
	keep    int              // Immutable after New.
	band    int              // bytes of address space of a band. Immutable after New.
	shift   int              // log2 of band. Immutable after New.
	page    int              // page size. Immutable after New.
	guard   int              // bytes of guard at the start of a band: a page or 0. Immutable after New.
	colours int              // number of different starts in a band. Immutable after New.
	room    int              // bytes a buffer can have in any band. Immutable after New.
	huge    arena.HugePages  // Immutable after New.
	space   *addrspace.Space // Immutable after New.
	ladder  mapping.Ladder   // of buffers that have outgrown their band. Immutable after New.
	far     farFile          // Has its own lock.

	credit    credit       // Protected by mu.
	prepared  atomic.Int64 // extents
	unpunched bool         // Giving memory back was not to be had, the last time. Protected by mu.
	prepareAt atomic.Int64 // When to prepare again after that has failed, in nanoseconds since processStart.
	helping   atomic.Bool  // a goroutine prepares memory, or somebody looks whether it may
	load      memfile.Load // Whoever has set helping has it.

	thing   *census.Thing // Immutable after New.
	unnoted atomic.Int64  // bytes that have come or gone since note asked for them

	// growing is held while bands are made, system calls included.
	growing sync.Mutex
	file    *memfile.File // of the bands. Its fd is immutable until Close, the rest protected by growing.

	mu     sync.Mutex
	closed bool               // Protected by mu.
	runs   []run              // in the order they were made. Written with growing and mu, read with either.
	order  []uint16           // indices of runs by address. Protected by mu.
	chunks []*bandChunk       // Protected by mu.
	next   uint32             // bands ever used: the first fresh one. Protected by mu.
	ready  uint32             // bands that can be used. Written with growing and mu, read with either.
	empty  uint32             // list of free bands without memory. Protected by mu.
	keeps  [keepLists]uint32  // lists of free bands with memory, by its log2 in pages. Protected by mu.
	kept   int                // bytes of that memory. Protected by mu.
	live   int                // buffers. Protected by mu.
	used   int                // sum of their lengths. Protected by mu.
	moved  map[uintptr]*moved // by the start of each of their windows, and of the band. Protected by mu.
	stats  Stats              // counters; gauges are filled in by Stats. Protected by mu.
	ops    uint               // calls, to thin out the invariant checks. Protected by mu.
}

// New makes an empty pool. It panics if o.Band is not a power of two within
// its bounds, or o.Limit or o.Reserve is negative.
func New(o Options) (*Pool, error) {
	p := newPool(o)
	err := p.open()
	if err != nil {
		return nil, fmt.Errorf("pool: make %q: %w", p.name, err)
	}
	p.thing = census.Add(p, "pool", p.name, p.holds)
	return p, nil
}

// newPool returns a pool that has no file and no run yet.
func newPool(o Options) *Pool {
	if o.Name == "" {
		o.Name = "pool"
	}
	p := &Pool{name: o.Name, band: o.Band, limit: o.Limit, keep: o.Keep, huge: o.HugePages, space: o.Space, page: os.Getpagesize()}
	o.checkHuge()
	if p.band == 0 {
		p.band = bandDefault
	}
	if !align.IsPow2(p.band) || p.band < bandMin || p.band > bandMax || p.limit < 0 || o.Reserve < 0 {
		panic(fmt.Sprintf("pool: make %q: Band is %d, want a power of two from %d to %d; Limit is %d, Reserve %d, want 0 or more",
			p.name, p.band, bandMin, bandMax, p.limit, o.Reserve))
	}
	p.reserve = int64(o.Reserve)
	if p.reserve == 0 {
		p.reserve = runFirst
	}
	switch {
	case p.keep == 0:
		p.keep = keepDefault
	case p.keep < 0:
		p.keep = 0
	}
	if p.space == nil {
		p.space = addrspace.Default()
	}
	p.band = max(p.band, 4*p.page) // Pages of 64 KiB exist.
	p.shift = bits.TrailingZeros(uint(p.band))
	if !o.NoGuards && memfile.CanGuard() {
		p.guard = p.page
	}
	p.colours = coloursFor(p.band, p.page)
	p.room = p.band - p.guard - (p.colours-1)*p.page
	p.ladder = mapping.Ladder{Name: p.name, Space: p.space, Rungs: mapping.AllRungs, Prot: sys.ProtRead | sys.ProtWrite, Huge: p.huge, Own: true}
	p.far.page, p.far.space = p.page, p.space
	p.empty = noBand
	for k := range p.keeps {
		p.keeps[k] = noBand
	}
	p.moved = make(map[uintptr]*moved)
	return p
}

// open makes the file and the first run.
func (p *Pool) open() error {
	var err error
	if p.file, err = memfile.New(p.name, p.huge); err != nil {
		return err
	}
	if err = p.moreBands(); err != nil {
		for _, r := range p.runs {
			mapping.Release(r.window)
		}
		p.file.Close()
	}
	return err
}

// Name returns the pool's name.
func (p *Pool) Name() string { return p.name }

// Room returns how long a buffer can become within its band, where growing
// takes no system call but to prepare memory.
func (p *Pool) Room() int { return p.room }

var _ io.Closer = (*Pool)(nil)

// Close gives everything back. An error says that buffers were still live; they
// are gone all the same, and a touch of them faults, or reads what has taken the
// place later. Panics if the pool is closed already. No other call may be made meanwhile.
func (p *Pool) Close() error {
	p.growing.Lock()
	defer p.growing.Unlock()
	p.mu.Lock()
	p.checkOpenLocked("Close")
	p.closed = true
	live, used := p.live, p.used
	runs, far := p.runs, p.moved
	p.runs, p.moved, p.order, p.chunks = nil, nil, nil, nil
	p.live, p.used, p.kept = 0, 0, 0
	p.mu.Unlock()
	p.thing.Remove() // Waits for who asks for the files, which are about to go.
	for at, m := range far {
		if at == m.first { // once each
			if w := m.preparing; w != nil {
				w.stop.Store(true)
				<-w.ended
			}
			for _, w := range m.windows {
				mapping.Release(w)
			}
		}
	}
	for _, r := range runs {
		mapping.Release(r.window)
	}
	p.file.Close()
	p.far.close()
	if live > 0 {
		return fmt.Errorf("pool: close %q: %d buffers of %d bytes were not freed", p.name, live, used)
	}
	return nil
}

// Trim gives the memory of freed buffers that is kept for reuse back to the
// system, and tries again where giving back has failed before.
func (p *Pool) Trim() error {
	p.passed(noteStep)
	defer p.note()
	p.mu.Lock()
	p.checkOpenLocked("Trim")
	var errs []error
	for {
		i, ok := p.popKeptLocked(0)
		if !ok {
			break
		}
		if err := p.emptyBand(i); err != nil {
			errs = append(errs, err)
			break
		}
	}
	p.mu.Unlock()
	errs = append(errs, p.far.retry()...)
	if err := memfile.JoinOnce(errs...); err != nil {
		return fmt.Errorf("pool: trim %q: %w", p.name, err)
	}
	return nil
}

// checkOpenLocked panics after Close. It lets go of mu before it does, as all
// that panics here for misuse, so that who recovers finds no lock held; callers
// do not defer that.
func (p *Pool) checkOpenLocked(method string) {
	if p.closed {
		p.mu.Unlock()
		panic(fmt.Sprintf("pool: %s of %q after Close", method, p.name))
	}
}

// punch gives the memory of n bytes of the file back, in whole pages. They are mapped at
// addr, or nowhere if that is 0.
func punch(fd int, off int64, addr uintptr, n, page int) error {
	n, _ = align.Up(n, page) // At most the end of a band or of a part.
	return memfile.Punch(fd, off, addr, n)
}
