package pool

import (
	"fmt"
	"math"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

const (
	// shrinkMin and shrinkShare say when Shrink gives memory back: if otherwise
	// the buffer would hold this much, and this part of it, more than it needs.
	// Giving back and faulting anew costs twenty times the clearing that a
	// buffer which grows again needs otherwise.
	shrinkMin   = 64 << 10
	shrinkShare = 8
)

// Alloc returns a new buffer of n zero bytes, which begins at a page. It panics
// if n is negative. An error, ErrFull or what the system refused, has changed
// nothing.
func (p *Pool) Alloc(n int) ([]byte, error) {
	if n < 0 {
		panic(fmt.Sprintf("pool: Alloc of %d bytes in %q", n, p.name))
	}
	p.note() // What was handed out before has been touched by now.
	p.mu.Lock()
	p.checkOpenLocked("Alloc")
	if err := p.takeLocked(n); err != nil {
		p.mu.Unlock()
		return nil, p.allocError(n, err)
	}
	p.live++
	if n > p.room {
		p.mu.Unlock()
		return p.allocMoved(n)
	}
	i, fresh, ok := p.popLocked(n)
	for !ok {
		p.mu.Unlock()
		err := p.moreBands()
		p.mu.Lock()
		if i, fresh, ok = p.popLocked(n); ok || err == nil {
			continue
		}
		// Rather a band with more memory than it should have than none.
		if i, ok = p.popKeptLocked(0); ok {
			break
		}
		p.used -= n
		p.live--
		p.mu.Unlock()
		return nil, p.allocError(n, err)
	}
	b := p.at(i)
	b.state = bandLive
	b.length = uint32(n)
	// What a band has kept is there and, for a buffer that needed it, not too much.
	there := uint32((p.start(i) + int(b.high)) / memfile.ExtentSize)
	b.ahead = ahead{ready: there, goal: there}
	dirty := min(n, int(b.high))
	b.high = max(b.high, b.length)
	addr := p.addr(i)
	var behind uintptr // the next band, unless the run ends here
	if fresh && i+1 < p.runs[b.run].end() {
		behind = p.bandAddr(i) + uintptr(p.band)
	}
	p.checkLocked()
	p.mu.Unlock()
	if behind != 0 {
		p.guardBand(behind)
	}
	buf := bytesAt(sys.Pointer(addr), n)
	clear(buf[:dirty])
	return buf, nil
}

// Grow makes the buffer that begins where b does n bytes long and returns it.
// What is new reads as zero; what was there is there, without having been
// copied. Up to Room this moves nothing and makes no system call, but to prepare
// memory for a large buffer that is full, see Options.HugePages; beyond, the
// buffer may begin somewhere else afterwards. The old addresses stay valid and
// show the same bytes until Free, and any of them names the buffer. It panics if
// b does not begin where a buffer does or that is longer than n. An error has
// changed nothing.
func (p *Pool) Grow(b []byte, n int) ([]byte, error) {
	p.note()
	p.mu.Lock()
	i, m := p.findLocked("Grow", b)
	if m != nil {
		return p.growMoved(m, n)
	}
	s := p.at(i)
	old := int(s.length)
	if n < old {
		p.mu.Unlock()
		panic(fmt.Sprintf("pool: Grow of a buffer of %d bytes in %q to %d: use Shrink", old, p.name, n))
	}
	if err := p.takeLocked(n - old); err != nil {
		p.mu.Unlock()
		return nil, p.growError(old, n, err)
	}
	if n > p.room {
		return p.outgrow(i, n)
	}
	s.length = uint32(n)
	dirty := max(old, min(n, int(s.high)))
	s.high = max(s.high, s.length)
	buf := bytesAt(sys.Pointer(p.addr(i)), n)
	base, was := p.bandAddr(i), s.ahead
	p.checkLocked()
	p.mu.Unlock()
	if p.prepares(old) {
		at := bufferPlace{base, p.start(i), []part{p.bandPart(i)}}
		if now, from, to := p.planAhead(at, was, old, n); now != was {
			p.prepareExtents(at, from, to, false)
			p.mu.Lock()
			s.ahead = now
			p.mu.Unlock()
		}
	}
	clear(buf[old:dirty])
	return buf, nil
}

// Shrink makes the buffer that begins where b does n bytes long and returns it.
// It does not move. Memory behind n is given back to the system if that is worth
// it: 64 KiB or more, and an eighth of what the buffer holds. It panics if b
// does not begin where a buffer does or is shorter than n.
func (p *Pool) Shrink(b []byte, n int) []byte {
	defer p.note()
	p.mu.Lock()
	i, m := p.findLocked("Shrink", b)
	old := p.lenLocked(i, m)
	if n < 0 || n > old {
		p.mu.Unlock()
		panic(fmt.Sprintf("pool: Shrink of a buffer of %d bytes in %q to %d", old, p.name, n))
	}
	p.used -= old - n
	p.passed(old - n)
	if m != nil {
		return p.shrinkMoved(m, n)
	}
	s := p.at(i)
	s.length = uint32(n)
	buf := bytesAt(sys.Pointer(p.addr(i)), n)
	high := s.ahead.highOf(int(s.high), p.start(i), p.band-p.start(i))
	if keep, _ := align.Up(n, p.page); worthPunching(keep, high) {
		s.state = bandBusy
		addr := p.addr(i) + uintptr(keep)
		p.mu.Unlock()
		err := punch(p.file.Fd(), p.fileOff(i)+int64(keep), addr, high-keep, p.page)
		p.mu.Lock()
		s.state = bandLive
		if err == nil { // Otherwise Grow clears it.
			s.high = uint32(keep)
			s.ahead.cut(p.start(i) + keep)
			p.stats.Punches++
		}
	}
	p.checkLocked()
	p.mu.Unlock()
	return buf
}

// worthPunching reports whether memory from keep up to high should be given back.
func worthPunching(keep, high int) bool {
	return high-keep >= shrinkMin && high-keep >= high/shrinkShare
}

// Free gives up the buffer that begins where b does, whatever length b has, with
// all its addresses. It panics if there is none, also when it was freed before.
func (p *Pool) Free(b []byte) {
	defer p.note()
	p.mu.Lock()
	i, m := p.findLocked("Free", b)
	p.live--
	if m != nil {
		p.freeMoved(m)
		return
	}
	p.used -= int(p.at(i).length)
	p.passed(int(p.at(i).length))
	p.freeBand(i)
	p.checkLocked()
	p.mu.Unlock()
}

// Len returns the length of the buffer that begins where b does. It panics if
// there is none.
func (p *Pool) Len(b []byte) int {
	p.mu.Lock()
	n := p.lenLocked(p.findLocked("Len", b))
	p.mu.Unlock()
	return n
}

// lenLocked returns the length of the buffer in band i or, if it has outgrown
// that, of m.
func (p *Pool) lenLocked(i uint32, m *moved) int {
	if m != nil {
		return m.length
	}
	return int(p.at(i).length)
}

// Owns reports whether b begins where a buffer of the pool does.
func (p *Pool) Owns(b []byte) bool {
	p.mu.Lock()
	p.checkOpenLocked("Owns")
	_, _, ok := p.lookLocked(addressOf(b))
	p.mu.Unlock()
	return ok
}

// lookLocked returns the band of the buffer that begins at addr or, if it has
// outgrown that, what has become of it.
func (p *Pool) lookLocked(addr uintptr) (uint32, *moved, bool) {
	at := align.Down(addr, memfile.ExtentSize) // of windows, see coloursFor
	i, ok := p.bandAt(addr)
	if ok {
		if addr != p.addr(i) {
			return noBand, nil, false
		}
		switch p.at(i).state {
		case bandLive:
			return i, nil, true
		case bandMoved:
			at = p.bandAddr(i)
		default:
			return noBand, nil, false
		}
	}
	m := p.moved[at]
	return noBand, m, m != nil && addr == at+uintptr(m.start) && !m.busy
}

// findLocked is lookLocked for those who must find it, and panics otherwise,
// without mu.
func (p *Pool) findLocked(method string, b []byte) (uint32, *moved) {
	p.checkOpenLocked(method)
	addr := addressOf(b)
	i, m, ok := p.lookLocked(addr)
	if !ok {
		why := p.whyLocked(addr)
		p.mu.Unlock()
		panic(fmt.Sprintf("pool: %s of %#x in %q: %s", method, addr, p.name, why))
	}
	return i, m
}

// whyLocked says what is at addr, where no buffer begins.
func (p *Pool) whyLocked(addr uintptr) string {
	const busy = "another call with this buffer is under way"
	if m := p.moved[align.Down(addr, memfile.ExtentSize)]; m != nil && m.busy {
		return busy
	}
	i, ok := p.bandAt(addr)
	if !ok {
		return "not a buffer of this pool, or freed already"
	}
	at := p.addr(i)
	switch state := p.at(i).state; {
	case state == bandFree:
		return "freed already"
	case addr != at:
		return fmt.Sprintf("the buffer there begins at %#x", at)
	case state == bandBusy || state == bandMoved:
		return busy
	}
	return "BUG: there is one"
}

// takeLocked counts n bytes more, within the limit.
func (p *Pool) takeLocked(n int) error {
	limit := p.limit
	if limit == 0 {
		limit = math.MaxInt
	}
	if n > limit-p.used {
		return fmt.Errorf("%w: the limit is %d bytes, %d in use", arena.ErrFull, limit, p.used)
	}
	p.used += n
	p.passed(n)
	return nil
}

func (p *Pool) allocError(n int, err error) error {
	return fmt.Errorf("pool: alloc %d bytes in %q: %w", n, p.name, err)
}

func (p *Pool) growError(from, to int, err error) error {
	return fmt.Errorf("pool: grow %d bytes in %q by %d to %d: %w", from, p.name, to-from, to, err)
}
