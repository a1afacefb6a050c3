package pool

import (
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// prepareMax bounds what one call prepares, as stepMax does what an Arena grows
	// by. Zeroing so much takes a tenth to a half of a second, as page faults it
	// would take several, and copying the buffer no less.
	prepareMax = 1 << 30

	// prepareNow is how much of that whoever calls prepares himself, where a processor
	// is idle that can prepare the rest: a millisecond or two.
	prepareNow = 8 << 20

	// fullShare says which part of the pages that a buffer ends with must have
	// memory for it to count as full: all but this part.
	fullShare = 8

	// prepareAgain is for how long preparing is left alone after it has failed.
	prepareAgain = time.Second

	// creditTime is for how long a buffer that was full vouches for the next one.
	creditTime = time.Second
)

// ahead is how far the memory of a buffer has been prepared, in extents from the
// start of its band or window.
//
// A pool does not see how far a buffer was written. It sees it grow, and can ask the
// kernel whether the pages it ends with have memory. If they do the buffer is
// full, so what is added to it will be filled as well: Grow makes it of huge pages
// at once, instead of leaving it to 512 page faults each. But never more than as much
// again as is known to be in use, so that a buffer grown far ahead of its use stays
// sparse; and behind what is prepared an extent is left as it is, for there, and
// only there, it shows whether somebody has come so far.
type ahead struct {
	ready uint32 // end of what is prepared, or was left to page faults
	goal  uint32 // end of what may be prepared, from what is known so far
}

// bufferPlace is where a buffer lies: start bytes from base on, where its window begins
// or its band does, of which parts are mapped.
type bufferPlace struct {
	base  uintptr
	start int
	parts []part
}

// credit is what large buffers that were freed a moment ago had in use. Programs
// use buffers in turns, and the next one may have as much at once: it holds no more
// memory than there was before. It is not kept meanwhile, as that of bands is,
// because it is too much to lie idle, and to be mapped anew small pages are as dear
// as fresh ones.
type credit struct {
	bytes int
	until time.Time
}

// prepares reports whether memory is prepared for buffers that had, or begin
// with, n bytes: not before they fill a huge page.
func (p *Pool) prepares(n int) bool {
	return n >= memfile.ExtentSize && p.huge != arena.HugeNever && p.mayPrepare() && memfile.MayCollapse()
}

var processStart = time.Now()

// mayPrepare reports whether preparing has not failed within the last second: what was
// short then may be there again.
func (p *Pool) mayPrepare() bool {
	at := p.prepareAt.Load()
	return at == 0 || int64(time.Since(processStart)) >= at
}

// prepareFirst prepares memory for a new buffer of n bytes, as far as there is
// credit, and returns how far it comes. Its last extent is left as it is, to see
// when the buffer goes whether it was full.
//
// Preconditions: the buffer is the caller's.
func (p *Pool) prepareFirst(at bufferPlace, n int) (ahead, *preparing) {
	if !p.prepares(n) {
		return ahead{}, nil
	}
	last := align.Down(at.start+n-1, memfile.ExtentSize)
	p.mu.Lock()
	if time.Now().After(p.credit.until) {
		p.credit = credit{}
	}
	to := min(last, align.Down(p.credit.bytes, memfile.ExtentSize), prepareMax)
	p.credit.bytes -= min(p.credit.bytes, n)
	p.mu.Unlock()
	there := uint32(to / memfile.ExtentSize)
	return ahead{ready: there, goal: there}, p.prepareRest(at, 0, to)
}

// noteFull gives credit for a buffer of n bytes that is about to go.
//
// Preconditions: the buffer is the caller's and still mapped.
func (p *Pool) noteFull(at bufferPlace, a ahead, n int) {
	if !p.prepares(n) {
		return
	}
	ready, end := int(a.ready)*memfile.ExtentSize, at.start+n
	full := n
	if end <= ready {
		full = min(n, ready/2) // So much was, when the rest was prepared.
	} else if !p.isFull(at, max(ready, at.start), end) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.After(p.credit.until) {
		p.credit.bytes = 0
	}
	p.credit.bytes += full
	p.credit.until = now.Add(creditTime)
}

// planAhead returns for which extents, [from, to), memory is to be prepared of a buffer
// that had old bytes and now has n, and what is prepared of it then.
//
// Preconditions: the buffer is the caller's; a was true of it before it grew.
func (p *Pool) planAhead(at bufferPlace, a ahead, old, n int) (now ahead, from, to int) {
	ready, end := int(a.ready)*memfile.ExtentSize, at.start+old
	if at.start+n <= ready || (end-1)/memfile.ExtentSize == (at.start+n-1)/memfile.ExtentSize {
		return a, 0, 0 // One question to the kernel for each extent is enough.
	}
	if end > ready && p.isFull(at, max(ready, at.start), end) {
		// Not the extent that holds the last byte of twice as much: see ahead.
		a.goal = max(a.goal, uint32((uint64(at.start)+2*uint64(old)-1)/memfile.ExtentSize))
	}
	// An extent that has more than half of its pages is dearer to make one of than
	// the rest is to fault.
	from = max(ready, align.Down(end+memfile.ExtentSize/2, memfile.ExtentSize))
	to, _ = align.Up(min(at.start+n, from+prepareMax), memfile.ExtentSize)
	if uint64(a.goal)*memfile.ExtentSize < uint64(to) {
		to = int(a.goal) * memfile.ExtentSize
	}
	if from >= to {
		return a, 0, 0
	}
	a.ready = uint32(to / memfile.ExtentSize)
	return a, from, to
}

// preparing is a goroutine that prepares the rest of what a call has begun with. It
// ends by itself, and who wants to do anything with the buffer ends it before.
type preparing struct {
	stop  atomic.Bool
	ended chan struct{}
	ready int // how far it has come, once it has ended
}

// prepareRest prepares the extents [from, to): the first of them at once, and the rest
// on a goroutine of its own, which it returns, if there are many and a processor is idle.
func (p *Pool) prepareRest(at bufferPlace, from, to int) *preparing {
	now := min(to, from+prepareNow)
	p.prepareExtents(at, from, now, false)
	if now == to || !p.mayHelp() {
		p.prepareExtents(at, now, to, false)
		return nil
	}
	w := &preparing{ended: make(chan struct{}), ready: now}
	go func() {
		defer close(w.ended)
		defer p.helping.Store(false)
		for ; w.ready < to && !w.stop.Load(); w.ready += memfile.ExtentSize {
			p.prepareExtents(at, w.ready, w.ready+memfile.ExtentSize, true)
		}
	}()
	return w
}

// mayHelp reports whether a goroutine may prepare memory, and sets helping if so.
func (p *Pool) mayHelp() bool {
	if !p.helping.CompareAndSwap(false, true) {
		return false
	}
	spare := p.load.Spare(1)
	if !spare {
		p.helping.Store(false)
	}
	return spare
}

// settleLocked ends the goroutine that prepares memory for m, if there is one.
//
// Preconditions: mu is held; it is released for a while. m is not busy.
func (p *Pool) settleLocked(m *moved) {
	w := m.preparing
	if w == nil {
		return
	}
	m.preparing, m.busy = nil, true
	p.mu.Unlock()
	w.stop.Store(true)
	<-w.ended
	p.mu.Lock()
	m.busy = false
	m.ahead.ready = min(m.ahead.ready, uint32(w.ready/memfile.ExtentSize))
}

// isFull reports whether the buffer's pages in [from, end) have memory, or the last
// 2 MiB of them.
func (p *Pool) isFull(at bufferPlace, from, end int) bool {
	first := align.Down(max(from, end-memfile.ExtentSize), p.page)
	last, _ := align.Up(end, p.page)
	pages := (last - first) / p.page
	have, err := sys.Resident(at.base+uintptr(first), uintptr(last-first))
	return err == nil && have >= pages-pages/fullShare
}

// prepareExtents makes the extents [from, to) huge pages, as far as there is memory and that pays.
// ahead says that nobody waits.
func (p *Pool) prepareExtents(at bufferPlace, from, to int, ahead bool) {
	made, off := 0, 0
	for _, g := range at.parts {
		first, _ := align.Up(max(from, off), memfile.ExtentSize)
		for e := first; e+memfile.ExtentSize <= min(to, off+g.N); e += memfile.ExtentSize {
			if p.huge == arena.HugeAuto && !memfile.Pays(ahead) {
				continue // Left to page faults.
			}
			if _, err := memfile.MakeHuge(g.Fd, g.Off+int64(e-off), at.base+uintptr(e)); err != nil {
				// No memory left, or this place cannot have a huge page: the buffer has
				// what it would have had without.
				p.prepareAt.Store(int64(time.Since(processStart) + prepareAgain))
				p.prepared.Add(int64(made))
				return
			}
			made++
		}
		off += g.N
	}
	p.prepared.Add(int64(made))
	p.passed(made * memfile.ExtentSize)
	p.note()
}

// highOf returns up to where a buffer that begins start bytes into its place may
// hold memory: high, or what was prepared for it if that is more, but no more than
// most.
func (a ahead) highOf(high, start, most int) int {
	return min(max(high, int(a.ready)*memfile.ExtentSize-start), most)
}

// cut forgets what was prepared beyond end, an offset in the place.
func (a *ahead) cut(end int) {
	a.ready = min(a.ready, uint32(end/memfile.ExtentSize))
	a.goal = min(a.goal, uint32(end/memfile.ExtentSize))
}
