package pool

import (
	"fmt"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/mapping"
	"github.com/growarena/growarena/internal/memfile"
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
	place   mapping.Place       // where the parts are mapped: the newest window, before there is one the band
	first   uintptr             // the oldest key in Pool.moved: the band, or the first window. Immutable.
	windows []*addrspace.Window // of its own, the newest last
	length  int
	high    int   // what was ever handed out since it was zero
	ahead   ahead // what was prepared, or is
	busy    bool

	preparing *preparing // may be preparing it; nil if nobody is
}

// part is a range of one of the pool's files.
type part = mapping.Part

// bandPart returns the range of the file that band i is.
func (p *Pool) bandPart(i uint32) part {
	return part{Fd: p.file.Fd(), Off: int64(i) << p.shift, N: p.band}
}

// bandPlace returns where band i is mapped: among others.
//
// Preconditions: mu is held; i < next.
func (p *Pool) bandPlace(i uint32) mapping.Place {
	r := &p.runs[p.at(i).run]
	return mapping.Place{
		Window: r.window, At: int(i-r.first) << p.shift, Lent: true,
		Parts: []part{p.bandPart(i)}, Mapped: p.band,
	}
}

// mayHold returns up to where m may hold memory.
func (m *moved) mayHold() int { return m.ahead.highOf(m.high, m.start, m.place.Mapped-m.start) }

// where returns where m lies.
func (m *moved) where() bufferPlace { return bufferPlace{m.place.Addr(), m.start, m.place.Parts} }

// bytes returns the buffer.
func (m *moved) bytes() []byte {
	return bytesAt(sys.Pointer(m.place.Addr()+uintptr(m.start)), m.length)
}

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
	m.ahead, m.preparing = p.prepareFirst(m.where(), n)
	p.mu.Lock()
	defer p.mu.Unlock()
	m.first = m.place.Addr()
	p.moved[m.first] = m
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
		band: i, start: p.start(i), place: p.bandPlace(i), first: at, length: old, high: int(b.high),
		ahead: b.ahead,
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
	if n > m.place.Mapped-m.start {
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
	p.moved[m.place.Addr()] = m
	m.busy = false
	old := m.length
	dirty := max(old, min(n, m.high))
	m.length, m.high = n, max(m.high, n)
	buf := m.bytes()
	at, was := m.where(), m.ahead
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
	for _, g := range m.place.Parts {
		lo, hi := max(from, off), min(to, off+g.N)
		if lo < hi {
			if err := punch(g.Fd, g.Off+int64(lo-off), m.place.Addr()+uintptr(lo), hi-lo, page); err != nil {
				return err
			}
		}
		off += g.N
	}
	return nil
}

// freeMoved is Free for a buffer that has a window of its own.
//
// Preconditions: mu is held, and is released.
func (p *Pool) freeMoved(m *moved) {
	p.settleLocked(m)
	p.used -= m.length
	p.passed(m.length)
	delete(p.moved, m.first)
	for _, w := range m.windows {
		delete(p.moved, w.Range().Start)
	}
	if m.band != noBand {
		p.at(m.band).state = bandBusy
	}
	p.mu.Unlock()
	high := m.mayHold()
	p.noteFull(m.where(), m.ahead, m.length)
	for _, w := range m.windows {
		mapping.Release(w)
	}
	off := 0
	for k, g := range m.place.Parts {
		if k > 0 || m.band == noBand {
			used := min(max(m.start+high-off, 0), g.N)
			if memfile.InPlace {
				used = g.N // Nobody else knows what is zero of a part that is not mapped.
			}
			p.far.give(g, used)
		}
		off += g.N
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
