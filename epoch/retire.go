package epoch

import (
	"fmt"
	"sync/atomic"
)

// The version number of what is published is the epoch. A thing was reachable
// in the versions [birth, death), and goes when no pinned version lies in it.
// With Birth 0, as in RCU, it waits for every pin older than the
// retirement. The states of a retired thing:
//
//	Live     in the published value
//	Waiting  no longer published; some pinned version may contain it
//	Ready    no pinned version contains it
//	Freeing  its Free is running
//	Gone     its Free has returned
//
//	Live --Publish/Retire/Shutdown--> Waiting --scan--> Ready --> Freeing --> Gone
//
// Free never runs in a reader's Unpin: the unpin that decides wakes the reaper
// (reaper.go), a goroutine that exists only while something waits. A writer runs
// Frees itself only in TryReclaim, in Close and Shutdown, and in a Publish or Retire that
// would otherwise exceed Options.MaxRetired.

// Retired is a thing that a new version no longer contains, handed over to be
// freed. It is passed by value and belongs to the Domain from then on.
type Retired struct {
	// Birth is the first version that contained it: what Publish returned.
	// With 0 it waits, as in RCU, for every pin older than its
	// retirement, whichever value that is of.
	Birth uint64

	// Bytes is what it counts towards Options.MaxRetired.
	Bytes int64

	// Free frees it. It is called once, with nothing locked, on a goroutine
	// of the Domain or in a TryReclaim, Close, Shutdown, Publish or Retire; it may call
	// the Domain but must not wait for it (Barrier, Shutdown, PublishWait). It
	// must not panic. May be nil.
	Free func()

	// Waiting, if not nil, counts what waits for pins: it is one more from
	// when this is retired until just before Free is called. With one of its own,
	// an owner in a shared Domain can tell what waits from what is being freed.
	Waiting *atomic.Int64
}

// An entry is a retired thing in state Waiting or Ready, or a Synchronize call
// that waits like one.
type entry struct {
	Retired
	death uint64 // the first version without it
	order uint64 // its number among all retired things; 0 for a gate
	gate  *gate  // opened when no pin is older; such an entry is never Ready
}

// retirees are a Domain's retired things by state, with their counts.
// Whenever mu is free:
//
//	I1: classic and exact are sorted by death; no death is above the version,
//	    no birth at or above its death.
//	I2: held is the bytes of Waiting and Ready; pending counts those and what
//	    is Freeing.
//	I3: if anything is Waiting or Ready, a reaper exists and was woken after
//	    the last of it was added (or Shutdown is about to start one).
//	I4: if unpins are counted (want > 0), a reaper exists.
type retirees struct {
	classic []entry // Waiting, birth 0, deaths ascending: a prefix goes at a time. Protected by mu.
	exact   []entry // Waiting, birth > 0, deaths ascending. Protected by mu.
	ready   []entry // Ready, first come first freed. Protected by mu.

	held         int64  // bytes of Waiting and Ready, what MaxRetired limits. Protected by mu.
	pending      int    // things Waiting, Ready or Freeing. Protected by mu.
	pendingBytes int64  // their bytes. Protected by mu.
	orders       uint64 // things ever retired. Protected by mu.
	freed        uint64 // things Gone. Protected by mu.
	freedBytes   int64  // their bytes. Protected by mu.
}

// waitingLocked returns the number of entries in state Waiting.
func (r *retirees) waitingLocked() int { return len(r.classic) + len(r.exact) }

// maxDeathLocked returns the highest death of what waits: pins at or above it
// keep nothing waiting.
func (r *retirees) maxDeathLocked() uint64 {
	death := uint64(0)
	if n := len(r.classic); n > 0 {
		death = r.classic[n-1].death
	}
	if n := len(r.exact); n > 0 {
		death = max(death, r.exact[n-1].death)
	}
	return death
}

// addLocked takes drop from Live to Waiting.
//
// Preconditions: d.mu is held; death is the newest version and already in
// d.cur, so that no pin that validates from here on can reach what drop names.
func (d *Domain) addLocked(death uint64, drop []Retired) {
	for _, r := range drop {
		d.orders++
		e := entry{Retired: r, death: death, order: d.orders}
		d.pending++
		d.held += r.Bytes
		d.pendingBytes += r.Bytes
		if r.Waiting != nil {
			r.Waiting.Add(1)
		}
		if r.Birth == 0 {
			d.classic = append(d.classic, e)
		} else {
			d.exact = append(d.exact, e)
		}
	}
}

// addGateLocked adds an entry that opens its gate when no pin is older than
// the version death.
func (d *Domain) addGateLocked(death uint64) *gate {
	g := newGate()
	d.classic = append(d.classic, entry{death: death, gate: g})
	return g
}

// removeGateLocked takes the entry of g back, if it still waits.
func (d *Domain) removeGateLocked(g *gate) {
	for i := range d.classic {
		if d.classic[i].gate == g {
			d.classic = append(d.classic[:i], d.classic[i+1:]...)
			// The reaper may have nothing left to wait for.
			d.startReaperLocked()
			return
		}
	}
}

// checkRetired panics if drop cannot have lived before version, and returns
// the bytes in drop.
func (d *Domain) checkRetired(method string, version uint64, drop []Retired) int64 {
	n := int64(0)
	for i, r := range drop {
		if r.Bytes < 0 {
			panic(fmt.Sprintf("epoch: %s in domain %q: Retired %d has %d Bytes", method, d.opts.Name, i, r.Bytes))
		}
		if r.Birth >= version {
			panic(fmt.Sprintf("epoch: %s in domain %q: Retired %d has Birth %d, but the new version is %d",
				method, d.opts.Name, i, r.Birth, version))
		}
		n += r.Bytes
	}
	return n
}
