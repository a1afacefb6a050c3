package fuzz

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/growarena/growarena/epoch"
)

// patience is how long something that must happen by itself may take. It happens
// within microseconds; on a machine that is busy with other things, later.
const patience = 5 * time.Second

// epochState is what has become of a thing.
type epochState uint8

const (
	epochLive    epochState = iota // in the published value, or in no value yet
	epochWaiting                   // retired
	epochFreeing                   // its Free has begun
	epochGone
)

// epochThing is something that can be retired.
type epochThing struct {
	birth   uint64 // as given to the domain: 0 for the classic rule
	death   uint64 // the version that retired it, or an earlier one if that is not known
	late    uint64 // the same, or a later one
	bytes   int64
	state   epochState    // Protected by epochRun.mu.
	chain   bool          // its Free retires another thing
	unblock chan struct{} // by the reaper its Free ends when this is closed; nil: at once
}

// drop takes things from Live to Waiting, as far as the model is concerned, and
// returns what to give to the domain. In which version they die is not known yet.
func (e *epochRun) drop(things []*epochThing) []epoch.Retired {
	e.mu.Lock()
	defer e.mu.Unlock()
	var r []epoch.Retired
	for _, t := range things {
		t.state, t.death, t.late = epochWaiting, e.version+1, math.MaxUint64
		r = append(r, epoch.Retired{Birth: t.birth, Bytes: t.bytes, Free: func() { e.free(t) }})
	}
	e.retired = append(e.retired, things...)
	return r
}

// dropped completes drop: the things died in version, or, as far as anybody can
// tell who has not pinned in between, before.
func (e *epochRun) dropped(things []*epochThing, version uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range things {
		t.late = version
	}
}

// undrop undoes drop, for the domain has refused.
func (e *epochRun) undrop(things []*epochThing) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range things {
		if t.state != epochWaiting && e.wrong == nil {
			e.wrong = fmt.Errorf("a thing that was not retired, for there was an error, was freed")
		}
		t.state = epochLive
	}
	e.retired = slices.DeleteFunc(e.retired, func(t *epochThing) bool { return t.state == epochLive })
}

// published makes version the newest, unless a Free has published since. It must
// not be older than least.
func (e *epochRun) published(version, least uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if version < least || !e.chains && version > least {
		return fmt.Errorf("the newest version is %d, want %d", version, least)
	}
	e.version = max(e.version, version)
	return nil
}

// bumped is published for an operation that does not say which version it has
// published; before was the newest until then.
func (e *epochRun) bumped(before uint64) (version uint64, err error) {
	version = before + 1
	if e.chains {
		// Others may have been published since, or before. It makes no difference,
		// for nobody has pinned meanwhile.
		version = e.d.Stats().Version
	}
	return version, e.published(version, before+1)
}

// newest returns the newest version.
func (e *epochRun) newest() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.version
}

// holds returns a version that is pinned, from birth on and before death, or 0.
//
// Preconditions: mu is held.
func (e *epochRun) holds(birth, death uint64) uint64 {
	for p := range e.pins {
		if birth <= p.version && p.version < death {
			return p.version
		}
	}
	return 0
}

// freeable reports whether t waits for nobody.
//
// Preconditions: mu is held.
func (e *epochRun) freeable(t *epochThing) bool { return e.holds(t.birth, t.late) == 0 }

// held returns the bytes that pinned versions keep, but for those of some things.
func (e *epochRun) held(but []*epochThing) (n int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range e.retired {
		if t.state == epochWaiting && !e.freeable(t) && !slices.Contains(but, t) {
			n += t.bytes
		}
	}
	return n
}

// free is what frees t.
func (e *epochRun) free(t *epochThing) {
	e.mu.Lock()
	if t.state != epochWaiting && e.wrong == nil {
		e.wrong = fmt.Errorf("freed, though neither retired nor freed before: %+v", *t)
	}
	if v := e.holds(t.birth, t.death); v != 0 && e.wrong == nil {
		e.wrong = fmt.Errorf("freed while version %d is pinned, born %d, dead %d", v, t.birth, t.death)
	}
	t.state = epochFreeing
	slow := t.unblock
	if e.calling.Load() {
		slow = nil // who would unblock it?
	}
	if slow != nil {
		e.blocked = t
	}
	e.mu.Unlock()

	if slow != nil {
		<-slow
	}
	if t.chain {
		child := []*epochThing{{bytes: t.bytes / 2}}
		if err := e.d.Retire(e.drop(child)...); err == nil {
			version := e.d.Stats().Version
			e.dropped(child, version)
			e.mu.Lock()
			e.version = max(e.version, version)
			e.mu.Unlock()
		} else {
			e.undrop(child)
		}
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	t.state = epochGone
	e.freed++
	e.bytes += t.bytes
	e.retired = slices.DeleteFunc(e.retired, func(r *epochThing) bool { return r == t })
}

// unblock lets the reaper go on.
func (e *epochRun) unblock() {
	e.mu.Lock()
	t := e.blocked
	e.blocked = nil
	e.mu.Unlock()
	if t != nil {
		close(t.unblock)
	}
}

// hurry lets the reaper go on, now and for ever.
func (e *epochRun) hurry() {
	e.unblock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range append(e.lives, e.retired...) {
		t.unblock = nil
	}
}

// settle waits until what must be freed by now is. After a scan of all pins that
// is everything that nobody pins. Without one it is nothing as long as a pin is
// left that is older than the death of anything that waits: the domain scans by
// itself when half of those have ended, and not after each.
func (e *epochRun) settle() error {
	return eventually(func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.wrong != nil {
			return nil // see verdict
		}
		must := e.scanned || e.unpinned()
		for _, t := range e.retired {
			switch {
			case e.blocked != nil: // and whoever has called that one
			case t.state == epochFreeing:
				return fmt.Errorf("a Free does not return")
			case must && e.freeable(t):
				return fmt.Errorf("nothing pinned keeps what was born in version %d and died in %d, but nobody frees it", t.birth, t.late)
			}
		}
		return nil
	})
}

// unpinned reports whether no pin is older than the death of anything that waits.
//
// Preconditions: mu is held.
func (e *epochRun) unpinned() bool {
	death := uint64(0)
	for _, t := range e.retired {
		if t.state == epochWaiting {
			death = max(death, t.late)
		}
	}
	for p := range e.pins {
		if p.version < death {
			return false
		}
	}
	return true
}
