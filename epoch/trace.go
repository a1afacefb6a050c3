package epoch

import (
	"runtime"
	"runtime/pprof"
	"sync"
)

// traceDepth is how many frames of a pin are kept: enough to leave the layers
// between a user and Pin behind.
const traceDepth = 16

// A trace records who pinned. Immutable.
type trace struct {
	word uint64 // the word the pin began with
	pcs  []uintptr
}

// A traceArray holds a trace for each slot of a table. It is made when the
// first traced pin needs it.
type traceArray struct {
	p atomicPointer[[]atomicPointer[trace]] // Written once by a traced pin (atomic).
}

// at returns the place for the trace of the i-th of n slots, nil if none was
// made and create is false.
func (a *traceArray) at(i, n int, create bool) *atomicPointer[trace] {
	all := a.p.Load()
	if all == nil {
		if !create {
			return nil
		}
		fresh := make([]atomicPointer[trace], n)
		a.p.CompareAndSwap(nil, &fresh)
		all = a.p.Load()
	}
	return &(*all)[i]
}

// trace records the stack of Pin's caller for the pin w in slot i of t (nil: the
// first table). A scan that comes between the claim and this finds no stack or
// that of an earlier pin, and tells by the word.
func (d *Domain) trace(t *table, i int, w uint64) {
	tr := traceOf(w, 4) // traceOf, trace, pinSlow and Pin
	if t == nil {
		d.traces.at(i, len(d.slots), true).Store(tr)
	} else {
		t.traces.at(i, len(t.words), true).Store(tr)
	}
}

// traceOf returns a record of the pin w by who called the function that is skip
// calls up the stack.
//
//go:noinline
func traceOf(w uint64, skip int) *trace {
	var pcs [traceDepth]uintptr
	n := runtime.Callers(skip+1, pcs[:])
	return &trace{word: w, pcs: append([]uintptr(nil), pcs[:n]...)}
}

// stackLocked returns who pinned w in the slot with that number, nil if the pin
// was not traced.
func (d *Domain) stackLocked(number int, w uint64) []uintptr {
	var at *atomicPointer[trace]
	if i := number - localBase; i >= 0 {
		if i < len(d.locals) && d.locals[i] != nil {
			at = &d.locals[i].trace
		}
	} else if number < len(d.slots) {
		at = d.traces.at(number, len(d.slots), false)
	} else if list := d.over.Load(); list != nil {
		for _, t := range *list {
			if i := number - t.base; 0 <= i && i < len(t.words) {
				at = t.traces.at(i, len(t.words), false)
			}
		}
	}
	if at == nil {
		return nil
	}
	if tr := at.Load(); tr != nil && samePin(tr.word, w) {
		return tr.pcs
	}
	return nil
}

// A lease is what makes a guard of a Debug domain notice that it was lost, and
// its entry in the profile of a Profile domain. The guard's view is then a copy of
// the published one that only the guard and its copies refer to, in a Debug domain
// with a cleanup on it.
type lease struct {
	cleanup  runtime.Cleanup // Written by lend, before the guard is returned.
	profiled bool            // Written by lend, before the guard is returned.
}

// pinsProfile is the profile of all pins of Profile domains.
var pinsProfile = sync.OnceValue(func() *pprof.Profile { return pprof.NewProfile("growarena.pins") })

// A lostPin is what a cleanup needs to know. It must not refer to the view.
type lostPin struct {
	d    *Domain
	slot *atomicUint64
	word uint64
}

// lostMax bounds how many lost guards are remembered for Stats.
const lostMax = 64

// lend replaces the guard's view by a leased copy. The profile shows who called
// the function that is skip calls up the stack.
func (g *Guard) lend(skip int) {
	v := *g.view
	v.lease = &lease{profiled: g.d.opts.Profile}
	g.view = &v
	if g.d.debug {
		v.lease.cleanup = runtime.AddCleanup(g.view, lostPin.report, lostPin{g.d, g.slot, g.word})
	}
	if v.lease.profiled {
		pinsProfile().Add(v.lease, skip)
	}
}

// end stops the cleanup and removes the entry. It does nothing for a nil lease.
func (l *lease) end() {
	if l == nil {
		return
	}
	l.cleanup.Stop()
	if l.profiled {
		pinsProfile().Remove(l)
	}
}

// report tells that a guard went without Unpin. The pin stays: what the guard
// protected may still be in use.
func (l lostPin) report() {
	if w := l.slot.Load(); w&activeBit == 0 || !samePin(w, l.word) {
		return // unpinned or refreshed through a copy whose lease ended first
	}
	d := l.d
	number := d.slotNumber(l.slot)
	d.mu.Lock()
	s := d.stallLocked(&pinned{slot: int32(number), word: l.word}, 0)
	s.Lost = true
	if len(d.lost) < lostMax {
		d.lost = append(d.lost, s)
	}
	d.mu.Unlock()
	if d.opts.OnStall != nil {
		d.opts.OnStall(s)
	}
}
