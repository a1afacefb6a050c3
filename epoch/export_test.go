package epoch

import (
	"fmt"
	"time"
)

// VersionMax is the last version.
const VersionMax = versionMax

// PinsToldApart is how many pins of a slot have words of their own, at one
// version: what the comment of a slot's word promises.
const PinsToldApart = 524_288

// SetVersion makes d continue with version v, to reach the end of the versions.
func (d *Domain) SetVersion(v uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.version = v
	d.cur.Store(&view{value: d.valueLocked(), version: v})
}

// Reaping reports whether a reaper exists.
func (d *Domain) Reaping() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reaping
}

// Idle reports that nothing waits or is ready, no unpin is counted and no
// reaper exists.
func (d *Domain) Idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waitingLocked() == 0 && len(d.ready) == 0 && d.pending == 0 && !d.reaping && d.want.Load() == 0
}

// CheckInvariants returns which of the invariants of retirees does not hold.
func (d *Domain) CheckInvariants() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	held, n := int64(0), 0
	for _, q := range [][]entry{d.classic, d.exact} {
		for i, e := range q {
			if i > 0 && q[i-1].death > e.death || e.death > d.version || e.Birth >= e.death {
				return fmt.Errorf("I1: entry %d: birth %d, death %d, version %d", i, e.Birth, e.death, d.version)
			}
			if e.gate == nil {
				held += e.Bytes
				n++
			}
		}
	}
	for _, e := range d.ready {
		held += e.Bytes
		n++
	}
	if held != d.held || n > d.pending || d.held > d.pendingBytes {
		return fmt.Errorf("I2: %d things of %d bytes; held %d, pending %d of %d bytes", n, held, d.held, d.pending, d.pendingBytes)
	}
	if !d.reaping && !d.closed && (d.waitingLocked() > 0 || len(d.ready) > 0) {
		return fmt.Errorf("I3: %d wait and %d are ready without a reaper", d.waitingLocked(), len(d.ready))
	}
	if !d.reaping && !d.closed && d.want.Load() > 0 {
		return fmt.Errorf("I4: want %d without a reaper", d.want.Load())
	}
	return nil
}

// Scans returns how many scans were made.
func (d *Domain) Scans() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.scans
}

// Counting reports whether a scan has left something waiting and counts unpins.
func (d *Domain) Counting() bool {
	n := d.want.Load()
	return 0 < n && n < scanning/2
}

// NextWake is nextWake.
var NextWake = nextWake

// Word returns what the Local's slot holds.
func (l *Local) Word() uint64 { return l.slot.Load() }

// SetWord puts w into the Local's slot.
func (l *Local) SetWord(w uint64) { l.slot.Store(w) }

// LocalsLen returns how many places the list of Locals has.
func (d *Domain) LocalsLen() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.locals)
}

// Tables returns how many overflow tables there are.
func (d *Domain) Tables() int {
	if list := d.over.Load(); list != nil {
		return len(*list)
	}
	return 0
}

// Waits returns how many Barrier and Shutdown calls the Domain knows of.
func (d *Domain) Waits() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.waits)
}

// Traced reports whether pins record their stacks: since the first stall was told.
func (d *Domain) Traced() bool {
	d.mu.Lock() // so that a look under way has ended
	defer d.mu.Unlock()
	return d.traced.Load() != 0
}

// Claim claims a slot for a pin with the hash h and returns its number.
func (d *Domain) Claim(h uint64) int {
	s, _, _, _ := d.claim(h, 1)
	return d.slotNumber(s)
}

// StackHashes returns what stackHash says in n goroutines that are there at once.
func StackHashes(n int) []uint64 {
	c, end := make(chan uint64), make(chan struct{})
	for range n {
		go func() {
			c <- stackHash()
			<-end
		}()
	}
	hashes := make([]uint64, n)
	for i := range hashes {
		hashes[i] = <-c
	}
	close(end)
	return hashes
}

// An Event is what the reaper waits for.
type Event struct{ e event }

// NewEvent is newEvent.
func NewEvent() *Event { return &Event{newEvent()} }

// Set is event.set.
func (e *Event) Set() { e.e.set() }

// Wait is event.wait.
func (e *Event) Wait(timeout time.Duration) { e.e.wait(timeout) }

// The tests run in a process that is older than any age in them: an age is a difference of
// times, and no time.
func init() { processStart = processStart.Add(-1000 * time.Hour) }
