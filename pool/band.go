package pool

import (
	"errors"
	"math/bits"
	"reflect"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/memfile"
)

// bandState says what a band is used for; see [Pool].
type bandState uint8

const (
	bandFresh bandState = iota
	bandFree
	bandLive
	bandBusy
	bandMoved
)

// band is what is known about one band: 24 bytes without pointers, so that the
// garbage collector has nothing to look at however many there are. All fields
// are protected by Pool.mu.
type band struct {
	length uint32 // of the buffer
	high   uint32 // what was ever handed out since the band was empty
	ahead  ahead  // what was prepared for the buffer
	next   uint32 // in the list of free bands
	run    uint16 // index of the run it lies in
	state  bandState
}

const (
	noBand = ^uint32(0)

	// chunkBands bands are allocated at once, 1.5 KiB, and never copied to make
	// the table longer.
	chunkBands = 64

	// keepLists is enough for log2 of the pages in a band of 1 GiB.
	keepLists = 20
)

type bandChunk [chunkBands]band

// coloursMax is the number of pages over which buffers' starts are spread. At
// equal strides the first pages of all buffers would compete for the same few
// sets of the TLB, and their page-table entries for the same cache sets. Reading
// the first page of 1,000 buffers at random took 59 ns with one colour, 37 with
// 64, 15 with 128, 10 with 256 as with 512; of 300 buffers 35 ns with one and
// 6.4 with 64 or more (BenchmarkPoolColours).
const coloursMax = 256

// coloursFor bounds the colours to a sixteenth of the band, and to its first
// extent: what begins there begins in the same 2 MiB as its window.
func coloursFor(band, page int) int {
	return max(1, min(coloursMax, band/page/16, memfile.ExtentSize/page-1))
}

// at returns what is known about band i.
//
// Preconditions: mu is held; i < next.
func (p *Pool) at(i uint32) *band { return &p.chunks[i/chunkBands][i%chunkBands] }

// start returns the offset of the first byte in band i: behind the guard, which
// ends the band before, and the colour.
func (p *Pool) start(i uint32) int { return p.guard + int(i)%p.colours*p.page }

// fileOff returns where the first byte of band i is in the file.
func (p *Pool) fileOff(i uint32) int64 { return int64(i)<<p.shift + int64(p.start(i)) }

// bandAddr returns the address of band i.
//
// Preconditions: mu is held; i < next.
func (p *Pool) bandAddr(i uint32) uintptr {
	r := &p.runs[p.at(i).run]
	return r.start + uintptr(i-r.first)<<p.shift
}

// addr returns the address of the buffer in band i.
//
// Preconditions: mu is held; i < next.
func (p *Pool) addr(i uint32) uintptr { return p.bandAddr(i) + uintptr(p.start(i)) }

// bandAt returns the band that addr lies in, if it was ever used.
//
// Preconditions: mu is held.
func (p *Pool) bandAt(addr uintptr) (i uint32, ok bool) {
	lo, hi := 0, len(p.order)
	for lo < hi { // Mostly there is one run.
		mid := (lo + hi) / 2
		if p.runs[p.order[mid]].start <= addr {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, false
	}
	r := &p.runs[p.order[lo-1]]
	n := uint64(addr-r.start) >> p.shift
	i = r.first + uint32(n)
	return i, n < uint64(r.n) && i < p.next
}

// popLocked takes a band for n bytes off the lists, or a fresh one, which the
// caller must guard: Free or Fresh → Live. What has memory goes first, but not
// much more of it than is asked for: a small buffer in a band that holds a lot
// would keep that for as long as it lives.
//
// Preconditions: mu is held.
func (p *Pool) popLocked(n int) (i uint32, fresh, ok bool) {
	for k := keepList(n, p.page); k >= 0; k-- {
		if i := p.keeps[k]; i != noBand {
			p.unkeepLocked(k)
			p.at(i).state = bandLive
			return i, false, true
		}
	}
	if p.unpunched { // What lies on the longer lists never becomes shorter.
		for k := keepList(n, p.page) + 1; k < keepLists; k++ {
			if i := p.keeps[k]; i != noBand {
				p.unkeepLocked(k)
				p.at(i).state = bandLive
				return i, false, true
			}
		}
	}
	if i := p.empty; i != noBand {
		b := p.at(i)
		p.empty = b.next
		b.state = bandLive
		return i, false, true
	}
	if p.next == p.ready {
		return 0, false, false
	}
	i = p.next
	if i%chunkBands == 0 {
		p.chunks = append(p.chunks, new(bandChunk))
	}
	p.next++
	// Bands are made only when there is no fresh one left (moreBands).
	*p.at(i) = band{run: uint16(len(p.runs) - 1), state: bandLive}
	return i, true, true
}

// keepList returns the index of the list for bands with n bytes of memory.
func keepList(n, page int) int { return bits.Len(uint(max(n-1, 0) / page)) }

// popKeptLocked takes the band with most memory off the kept lists, if it has
// at least as much as fits list least: Free → Busy.
//
// Preconditions: mu is held.
func (p *Pool) popKeptLocked(least int) (i uint32, ok bool) {
	for k := keepLists - 1; k >= least; k-- {
		if i := p.keeps[k]; i != noBand {
			p.unkeepLocked(k)
			p.at(i).state = bandBusy
			return i, true
		}
	}
	return 0, false
}

// unkeepLocked takes the first band of list k off it.
func (p *Pool) unkeepLocked(k int) {
	b := p.at(p.keeps[k])
	p.keeps[k] = b.next
	p.kept -= p.held(b)
}

// held returns the bytes of memory that b may hold.
func (p *Pool) held(b *band) int {
	n, _ := align.Up(int(b.high), p.page)
	return n
}

// freeBand puts band i on a list: Live or Busy → Free. Its memory is kept if it
// is not too much, and if there is no room for it but a larger one is kept, that
// one's is given back: the memory of many buffers serves more often.
//
// Preconditions: mu is held; it is released for a while if memory is given back.
func (p *Pool) freeBand(i uint32) {
	b := p.at(i)
	b.length = 0
	b.high = uint32(b.ahead.highOf(int(b.high), p.start(i), p.band-p.start(i)))
	b.ahead = ahead{}
	n := p.held(b)
	if n == 0 || n <= p.keep/keepShare && p.kept+n <= p.keep {
		p.pushLocked(i)
		return
	}
	b.state = bandBusy
	if n <= p.keep/keepShare {
		if other, ok := p.popKeptLocked(keepList(int(b.high), p.page) + 1); ok {
			p.pushLocked(i)
			i = other
		}
	}
	// Should it fail the band goes to a list of bands with memory, beyond the
	// bound, and Trim tries again. Nothing is wrong with it.
	_ = p.emptyBand(i)
}

// emptyBand gives the memory of band i back and puts it on a list: Busy → Free.
// After an error that is one of the lists of bands with memory.
//
// Preconditions: mu is held; it is released for a while.
func (p *Pool) emptyBand(i uint32) error {
	b := p.at(i)
	high, addr := int(b.high), p.addr(i)
	p.mu.Unlock()
	err := punch(p.file.Fd(), p.fileOff(i), addr, high, p.page)
	p.mu.Lock()
	p.unpunched = errors.Is(err, memfile.ErrNoPunch)
	if err == nil {
		b.high = 0
		p.stats.Punches++
	}
	p.pushLocked(i)
	return err
}

// pushLocked puts band i on the list for what memory it has: → Free.
//
// Preconditions: mu is held; i is on no list.
func (p *Pool) pushLocked(i uint32) {
	b := p.at(i)
	b.state = bandFree
	if b.high == 0 {
		b.next = p.empty
		p.empty = i
		return
	}
	k := keepList(int(b.high), p.page)
	b.next = p.keeps[k]
	p.keeps[k] = i
	p.kept += p.held(b)
}

// guardBand makes the first page of band i inaccessible, the end of the band
// before. Bands begin with it rather than end: here it shares a page of page
// tables with the buffer's first bytes, at the end it would need one of its own,
// 4 KiB for each band.
func (p *Pool) guardBand(addr uintptr) {
	if p.guard == 0 {
		return
	}
	if dirty.Guard(addr, addr+uintptr(p.guard)) != nil {
		// A net that is missing is no reason to refuse the rope.
		p.mu.Lock()
		p.stats.GuardsRefused++
		p.mu.Unlock()
	}
}

// addressOf returns the address b begins at, also if b is empty. A pointer in an
// interface is only a word: this allocates nothing.
func addressOf(b []byte) uintptr { return reflect.ValueOf(dataOf(b)).Pointer() }
