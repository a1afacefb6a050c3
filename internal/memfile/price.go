package memfile

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/internal/sys"
)

const (
	// pauseMin and pauseMax bound for how many extents huge pages are left alone where they
	// were too dear, before somebody looks again: four times as many each time they are so again.
	pauseMin = 8
	pauseMax = 128

	// lookLate is for how many extents more the look is left to a helper, for whom nobody waits.
	lookLate = 64

	// looksGood is how many looks in a row must find huge pages cheap: one may meet the memory
	// that somebody has just given back.
	looksGood = 4

	// savedMax bounds what cheap huge pages pay for dear ones later, in prices of small pages:
	// one that is dear by chance changes nothing, a second one does.
	savedMax = 4
)

// prices tell what an extent costs in this process, as a huge page and as page faults, and so
// which of them it is left to. In a virtual machine whose host takes free memory back a huge page can be
// found at once, or be several times as dear as small pages, from one second to the next.
type prices struct {
	start  sync.Once
	looked atomic.Bool // at least once, or there was no memory for that

	// dear is set where huge pages do not pay. left counts down the extents to the next
	// look then: below 0 a helper looks, below -lookLate anybody does (atomic).
	dear atomic.Bool
	left atomic.Int64

	mu    sync.Mutex
	small time.Duration // of an extent by page faults; 0 if not known. Protected by mu.
	saved time.Duration // by huge pages that were cheaper. Protected by mu.
	pause int64         // extents of the last pause, 0 if there is none to speak of. Protected by mu.
	good  int           // looks in a row that have found huge pages cheap. Protected by mu.
	gave  int           // times that huge pages were given up. Protected by mu.
}

// market is the prices of this process.
var market prices

// clock returns the time that the thread has run, which a busy machine does not change. A
// host's work to find memory is part of it. A variable, for tests.
var clock = sys.ThreadTime

// Pays reports whether the next extent is to be a huge page, which whoever asks makes then, if he
// can. ahead says that nobody waits for him: he is the first to look whether one has become cheap again. As
// long as it is not known whether huge pages pay it is false; nobody waits to find out.
func Pays(ahead bool) bool { return market.huge(ahead) }

// HugePays reports whether huge pages pay at the moment, as far as is known.
func HugePays() bool { return market.looked.Load() && !market.dear.Load() }

// HugeState is what is known of huge pages.
type HugeState struct {
	Known   bool          // Somebody has looked; the rest is 0 before.
	Pay     bool          // They are made where a cursor moves on.
	Small   time.Duration // What 2 MiB of page faults cost; 0 if that is not known.
	GivenUp int           // How often they were found too dear, and left alone for a while.
}

// HugeNow returns what is known at the moment.
func HugeNow() (s HugeState) {
	p := &market
	if s.Known = p.looked.Load(); !s.Known {
		return s
	}
	s.Pay = CanCollapse() && !p.dear.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	s.Small, s.GivenUp = p.small, p.gave
	return s
}

// MayCollapse is CanCollapse for those who can do without an answer: it does not wait for it, and
// is true until it is known.
func MayCollapse() bool {
	if !market.looked.Load() {
		market.look()
		return true
	}
	return CanCollapse()
}

// FixPrices makes the prices of all extents from now on those given, until restore is
// called, so that what is prepared is known. For tests only.
func FixPrices(huge, small time.Duration) (restore func()) {
	CanCollapse()
	was := fixed.Swap(&[2]time.Duration{huge, small})
	market.reset(small)
	return func() {
		fixed.Store(was)
		market.reset(0)
	}
}

// fixed are the prices of FixPrices; nil outside tests.
var fixed atomic.Pointer[[2]time.Duration]

// reset forgets all but the price of small pages.
func (p *prices) reset(small time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked.Store(true)
	p.dear.Store(false)
	p.left.Store(0)
	p.small, p.saved, p.pause, p.good = small, 0, 0, 0
}

// huge is Pays.
func (p *prices) huge(ahead bool) bool {
	if !p.looked.Load() {
		p.look()
		return false
	}
	if !p.dear.Load() {
		return true
	}
	if n := p.left.Add(-1); n >= 0 || n >= -lookLate && !ahead {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left.Load() >= 0 {
		return false // Somebody else looks.
	}
	p.left.Store(max(p.pause, pauseMin)) // Should he not come to pay, it is as if he had not looked.
	return true
}

// paidHuge counts a huge page.
func (p *prices) paidHuge(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.small == 0 {
		return // There is nothing to compare with.
	}
	if p.dear.Load() { // This was a look.
		switch p.good++; {
		case took > p.small:
			p.backOff()
		case p.good < looksGood:
			p.left.Store(-lookLate) // The next one looks, too.
		default:
			p.dear.Store(false)
		}
		return
	}
	p.saved += p.small - took
	if most := savedMax * p.small; p.saved >= most {
		p.saved, p.pause = most, 0
	}
	if p.saved < 0 {
		p.backOff()
		if fixed.Load() == nil {
			go p.tryFaults() // They may have become dearer as well: the next look knows.
		}
	}
}

// backOff leaves huge pages alone for a while.
//
// Preconditions: mu is held.
func (p *prices) backOff() {
	p.pause = min(max(4*p.pause, pauseMin), pauseMax)
	p.left.Store(p.pause)
	p.saved, p.good = 0, 0
	p.gave++
	p.dear.Store(true)
}

// look finds out what extents cost, once, on a goroutine of its own: whoever comes meanwhile
// would wait for longer than small pages take. With one processor there is nobody else.
func (p *prices) look() {
	p.start.Do(func() {
		if runtime.GOMAXPROCS(0) == 1 {
			p.tryPrices()
			return
		}
		go p.tryPrices()
	})
}

// Prices tries what an extent costs at the moment, as a huge page, the dearest of a few, and by
// page faults. 0 is what is not known.
func Prices() (huge, small time.Duration) {
	var p prices
	huge = p.tryPrices()
	return huge, p.small
}

// pricedExtents is how many huge pages are made to know what one costs.
const pricedExtents = 3

// tryPrices makes huge pages, all before one is given back: one that was is at hand for the next.
// It returns what the dearest has cost.
func (p *prices) tryPrices() (dearest time.Duration) {
	defer p.looked.Store(true)
	if !CanCollapse() {
		return 0
	}
	p.tryFaults()
	_ = withTrial(func(t *trial) error { // Without memory nothing is known.
		for off := 0; off < pricedExtents*ExtentSize; off += ExtentSize {
			took, _, err := makeHuge(t.fd, int64(off), t.addr+uintptr(off))
			if err != nil {
				return err
			}
			dearest = max(dearest, took)
		}
		p.paidHuge(dearest)
		return nil
	})()
	return dearest
}

// faultsTried is how many page faults are taken to know what one costs.
const faultsTried = 64

// tryFaults finds out what an extent costs by page faults: what it takes to give it memory, and
// what a hypervisor does when it is touched.
func (p *prices) tryFaults() {
	_ = withTrial(func(t *trial) error {
		page := os.Getpagesize()
		n := min(faultsTried, ExtentSize/page)
		b := bytesAt(sys.Pointer(t.addr), ExtentSize)
		w := begin()
		for i := range n {
			b[i*page] = 1
		}
		took := w.end(smallPages)
		if fixed.Load() == nil {
			took *= time.Duration(ExtentSize / page / n)
		}
		if took > 0 {
			p.mu.Lock()
			p.small = took
			p.mu.Unlock()
		}
		return nil
	})()
}

// What an extent is given.
const (
	hugePage = iota
	smallPages
)

// watch measures the time that a thread runs.
type watch struct{ cpu, wall time.Duration }

func begin() watch {
	if fixed.Load() != nil {
		return watch{}
	}
	return watch{clock(), time.Since(begun)}
}

// end returns the time since begin, of what was given, or 0 if it is not known: the goroutine
// may have come to another thread meanwhile, whose clock shows something else.
func (w watch) end(what int) time.Duration {
	if f := fixed.Load(); f != nil {
		return f[what]
	}
	took := clock() - w.cpu
	if took > time.Since(begun)-w.wall {
		return 0
	}
	return max(took, 0)
}

var begun = time.Now()
