package pool

import (
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// moved is a buffer too long for a band. It lies in a window of its own, which
// maps its parts one behind the other; windows it has outgrown stay until Free.
//
// While busy is set the fields belong to whoever set it; the rest of the time
// they are protected by Pool.mu.
type moved struct {
	band    uint32              // the buffer's first part, which stays taken; noBand if it was longer from the start
	start   int                 // offset of the first byte in every window, as it was in the band. Immutable.
	at      uintptr             // where the parts are mapped: the newest window, before there is one the band
	first   uintptr             // the oldest key in Pool.moved: the band, or the first window. Immutable.
	windows []*addrspace.Window // the newest last
	parts   []part
	mapped  int // bytes: the sum of parts
	length  int
	high    int   // what was ever handed out since it was zero
	ahead   ahead // what was prepared, or is
	busy    bool

	preparing *preparing // may be preparing it; nil if nobody is
}

// part is a range of one of the pool's files.
type part struct {
	fd  int
	off int64
	n   int
}

// newest returns the window m lies in, or nil while that is a band.
func (m *moved) newest() *addrspace.Window {
	if len(m.windows) == 0 {
		return nil
	}
	return m.windows[len(m.windows)-1]
}

// mayHold returns up to where m may hold memory.
func (m *moved) mayHold() int { return m.ahead.highOf(m.high, m.start, m.mapped-m.start) }

// bytes returns the buffer.
func (m *moved) bytes() []byte { return bytesAt(sys.Pointer(m.at+uintptr(m.start)), m.length) }

// allocMoved is Alloc for buffers too long for a band, which is counted already.
func (p *Pool) allocMoved(n int) ([]byte, error) {
	m := &moved{band: noBand, length: n, high: n}
	if err := p.enlarge(m, n); err != nil {
		p.mu.Lock()
		p.used -= n
		p.live--
		p.mu.Unlock()
		return nil, p.allocError(n, err)
	}
	m.ahead, m.preparing = p.prepareFirst(bufferPlace{m.at, 0, m.parts}, n)
	p.mu.Lock()
	defer p.mu.Unlock()
	m.first = m.at
	p.moved[m.at] = m
	return m.bytes(), nil
}

// outgrow takes the buffer in band i, which is Live, to a window of its own,
// n bytes long: → Busy → Moved.
//
// Preconditions: mu is held, and is released; the bytes are counted already.
func (p *Pool) outgrow(i uint32, n int) ([]byte, error) {
	b := p.at(i)
	b.state = bandBusy
	old := int(b.length)
	at := p.bandAddr(i)
	m := &moved{
		band: i, start: p.start(i), at: at, first: at, length: old, high: int(b.high),
		parts:  []part{p.bandPart(i)},
		mapped: p.band,
		ahead:  b.ahead,
	}
	p.mu.Unlock()
	err := p.enlarge(m, n)
	p.guardBand(at) // Moving page tables has taken the guard along.
	p.mu.Lock()
	if err != nil {
		b.state = bandLive
		p.used -= n - old
		p.mu.Unlock()
		return nil, p.growError(old, n, err)
	}
	b.state = bandMoved
	p.moved[at] = m
	p.stats.Outgrown++
	return p.grownMoved(m, n), nil
}

// growMoved is Grow for a buffer that has a window of its own.
//
// Preconditions: mu is held, and is released.
func (p *Pool) growMoved(m *moved, n int) ([]byte, error) {
	p.settleLocked(m)
	old := m.length
	if n < old {
		p.mu.Unlock()
		panic(fmt.Sprintf("pool: Grow of a buffer of %d bytes in %q to %d: use Shrink", old, p.name, n))
	}
	if err := p.takeLocked(n - old); err != nil {
		p.mu.Unlock()
		return nil, p.growError(old, n, err)
	}
	if n > m.mapped-m.start {
		m.busy = true
		p.mu.Unlock()
		err := p.enlarge(m, n)
		p.mu.Lock()
		if err != nil {
			m.busy = false
			p.used -= n - old
			p.mu.Unlock()
			return nil, p.growError(old, n, err)
		}
	}
	return p.grownMoved(m, n), nil
}

// grownMoved makes m, which has room, n bytes long and known by where it is now.
//
// Preconditions: mu is held, and is released.
func (p *Pool) grownMoved(m *moved, n int) []byte {
	p.moved[m.at] = m
	m.busy = false
	old := m.length
	dirty := max(old, min(n, m.high))
	m.length, m.high = n, max(m.high, n)
	buf := m.bytes()
	at, was := bufferPlace{m.at, m.start, m.parts}, m.ahead
	p.checkLocked()
	p.mu.Unlock()
	if p.prepares(old) {
		if now, from, to := p.planAhead(at, was, old, n); now != was {
			rest := p.prepareRest(at, from, to)
			p.mu.Lock()
			m.ahead, m.preparing = now, rest
			p.mu.Unlock()
		}
	}
	clear(buf[old:dirty])
	return buf
}

// shrinkMoved is Shrink for a buffer that has a window of its own.
//
// Preconditions: mu is held, and is released; the bytes are counted already.
func (p *Pool) shrinkMoved(m *moved, n int) []byte {
	p.settleLocked(m)
	m.length = n
	buf := m.bytes()
	if keep, _ := align.Up(n, p.page); worthPunching(keep, m.mayHold()) {
		m.busy = true
		p.mu.Unlock()
		err := m.punchParts(keep, p.page)
		p.mu.Lock()
		m.busy = false
		if err == nil { // Otherwise Grow clears it.
			m.high = keep
			m.ahead.cut(m.start + keep)
			p.stats.Punches++
		}
	}
	p.mu.Unlock()
	return buf
}

// punchParts gives the memory from offset keep of the buffer up to high back.
func (m *moved) punchParts(keep, page int) error {
	from, to := m.start+keep, m.start+m.mayHold()
	off := 0
	for _, g := range m.parts {
		lo, hi := max(from, off), min(to, off+g.n)
		if lo < hi {
			if err := punch(g.fd, g.off+int64(lo-off), m.at+uintptr(lo), hi-lo, page); err != nil {
				return err
			}
		}
		off += g.n
	}
	return nil
}

// freeMoved is Free for a buffer that has a window of its own.
//
// Preconditions: mu is held, and is released.
func (p *Pool) freeMoved(m *moved) {
	p.settleLocked(m)
	p.used -= m.length
	delete(p.moved, m.first)
	for _, w := range m.windows {
		delete(p.moved, w.Range().Start)
	}
	if m.band != noBand {
		p.at(m.band).state = bandBusy
	}
	p.mu.Unlock()
	high := m.mayHold()
	p.noteFull(bufferPlace{m.at, m.start, m.parts}, m.ahead, m.length)
	for _, w := range m.windows {
		release(w)
	}
	off := 0
	for k, g := range m.parts {
		if k > 0 || m.band == noBand {
			p.far.give(g, min(max(m.start+high-off, 0), g.n))
		}
		off += g.n
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.band != noBand {
		b := p.at(m.band)
		b.high = uint32(min(high, p.band-m.start))
		p.freeBand(m.band)
	}
	p.checkLocked()
}

// count adds one to a counter in stats.
func (p *Pool) count(counter *int) {
	p.mu.Lock()
	*counter++
	p.mu.Unlock()
}
