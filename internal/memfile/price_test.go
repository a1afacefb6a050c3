package memfile

import (
	"os"
	"sync"
	"testing"
	"time"

	"github.com/growarena/growarena/internal/testutil"
)

const (
	ms    = time.Millisecond
	cheap = ms / 10
	dear  = 6 * ms
)

// newPrices returns prices where small pages cost a millisecond and huge ones pay,
// and page faults are not tried: they may cost more on the machine at hand.
func newPrices(t *testing.T) *prices {
	t.Helper()
	was := fixed.Swap(&[2]time.Duration{cheap, ms})
	t.Cleanup(func() { fixed.Store(was) })
	p := new(prices)
	p.looked.Store(true)
	p.small = ms
	return p
}

// spend lets n extents be prepared, huge pages at that price, and returns how many those were.
func (p *prices) spend(n int, ahead bool, price time.Duration) (huge int) {
	for range n {
		if !p.huge(ahead) {
			continue
		}
		huge++
		p.paidHuge(price)
	}
	return huge
}

func TestPrices_Cheap(t *testing.T) {
	p := newPrices(t)
	if n := p.spend(1000, false, cheap); n != 1000 {
		t.Errorf("%d huge pages, of 1000 that pay", n)
	}
	// What was saved pays for one that was held up, and not for more.
	if n := p.spend(10, false, dear); n != 1 {
		t.Errorf("%d dear ones", n)
	}
}

func TestPrices_AtFirst(t *testing.T) {
	if n := newPrices(t).spend(10, false, dear); n != 1 {
		t.Errorf("%d dear huge pages, with nothing saved", n)
	}
	p := new(prices)
	p.looked.Store(true)
	if n := p.spend(1, false, dear); n != 1 || p.dear.Load() {
		t.Error("dear compared with nothing")
	}
}

// TestPrices_LooksAgain: a helper looks after 8, 32 and 128 extents and each 128 from then on.
func TestPrices_LooksAgain(t *testing.T) {
	p := newPrices(t)
	p.spend(1, true, dear)
	for _, pause := range []int{8, 32, 128, 128} {
		if n := p.spend(pause, true, dear); n != 0 {
			t.Fatalf("%d looks within %d extents", n, pause)
		}
		if n := p.spend(1, true, dear); n != 1 {
			t.Fatalf("no look after %d extents", pause)
		}
	}
}

// TestPrices_WriterLooksLate: who has somebody wait looks when no helper has.
func TestPrices_WriterLooksLate(t *testing.T) {
	p := newPrices(t)
	p.spend(1, false, dear)
	if n := p.spend(pauseMin+lookLate, false, dear); n != 0 {
		t.Errorf("%d looks by a writer within %d extents", n, pauseMin+lookLate)
	}
	if n := p.spend(1, false, dear); n != 1 {
		t.Error("no look by a writer")
	}
}

// TestPrices_CheapAgain: some looks in a row find them cheap, and they pay again.
func TestPrices_CheapAgain(t *testing.T) {
	p := newPrices(t)
	p.spend(1+pauseMin, true, dear)
	if n := p.spend(looksGood-1, true, cheap); n != looksGood-1 {
		t.Errorf("%d looks in a row", n)
	}
	if !p.dear.Load() {
		t.Errorf("they pay after %d looks", looksGood-1)
	}
	if n := p.spend(1, true, dear); n != 1 || p.huge(true) {
		t.Error("a look that finds them dear does not count")
	}
	p.spend(4*pauseMin, true, dear)
	if n := p.spend(100, false, cheap); n != 0 {
		t.Errorf("%d huge pages while nobody looks", n)
	}
	if n := p.spend(1000, true, cheap); n < 900 || p.dear.Load() {
		t.Errorf("%d huge pages of 1000 that pay", n)
	}
}

// TestPrices_NowAndThen: where some are cheap and others dear, as when others give memory back now
// and then, pauses become longer, and most of the time they are left alone.
func TestPrices_NowAndThen(t *testing.T) {
	p := newPrices(t)
	huge, expensive := 0, 0
	for range 4000 {
		if !p.huge(true) {
			continue
		}
		price := cheap
		if huge++; huge%5 == 0 {
			price = dear
			expensive++
		}
		p.paidHuge(price)
	}
	if expensive > 60 {
		t.Errorf("%d dear huge pages in 4000 extents", expensive)
	}
}

// TestPrices_LookFails: a look that comes to nothing, for want of memory, is as if nobody had.
func TestPrices_LookFails(t *testing.T) {
	p := newPrices(t)
	p.spend(1+pauseMin, true, dear)
	if !p.huge(true) || p.huge(true) {
		t.Error("not one looks")
	}
	if n := p.spend(pauseMin-1, true, dear); n != 0 {
		t.Errorf("%d looks at once", n)
	}
	if n := p.spend(1, true, dear); n != 1 {
		t.Error("nobody looks again")
	}
}

// TestPrices_OneLooks: of many that come at once one looks.
func TestPrices_OneLooks(t *testing.T) {
	p := newPrices(t)
	p.spend(1+pauseMin, true, dear)
	var wg sync.WaitGroup
	var mu sync.Mutex
	looks := 0
	for range 4 {
		wg.Go(func() {
			if p.huge(true) {
				mu.Lock()
				looks++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if looks != 1 {
		t.Errorf("%d look", looks)
	}
}

// TestTryPrices: the first look finds out whether huge pages pay, and gives all back.
func TestTryPrices(t *testing.T) {
	if !CanCollapse() {
		t.Skip("this kernel makes no huge pages")
	}
	testutil.NoLeaks(t, func() { EndTrials() })
	for _, price := range []time.Duration{cheap, dear} {
		restore := FixPrices(price, ms)
		market.tryPrices()
		if market.dear.Load() != (price > ms) || HugePays() != (price < ms) {
			t.Errorf("at %v they are dear: %v", price, market.dear.Load())
		}
		restore()
	}
}

// TestTryFaults: the price is that of all pages of an extent, and of what the thread did.
func TestTryFaults(t *testing.T) {
	old, now := clock, time.Duration(0)
	clock = func() time.Duration { now += 64 * time.Nanosecond; return now }
	defer func() { clock = old }()
	defer func(f *[2]time.Duration) { fixed.Store(f) }(fixed.Swap(nil))
	p := new(prices)
	p.tryFaults()
	if want := 64 * time.Nanosecond * time.Duration(max(ExtentSize/os.Getpagesize()/faultsTried, 1)); p.small != want {
		t.Errorf("an extent costs %v, want %v", p.small, want)
	}
}

// TestWatch: what the clock of another thread shows is not counted.
func TestWatch(t *testing.T) {
	now := time.Hour
	old := clock
	clock = func() time.Duration { return now }
	defer func() { clock = old }()
	for _, passed := range []time.Duration{-time.Second, time.Hour} {
		w := begin()
		now += passed
		if took := w.end(hugePage); took != 0 {
			t.Errorf("%v count", took)
		}
	}
}
