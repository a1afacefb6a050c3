package census

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Step is a growth, or one that has failed.
type Step struct {
	At    time.Time // when it began
	Took  time.Duration
	Name  string // of what has grown
	Rung  string // how
	Bytes int    // that it has room for now, or should have
	From  int    // length of the window before, 0 if it had none of its own
	To    int    // and after
	Start uintptr
	Moved int    // parts whose page tables moved
	Err   string // why it has failed; "" if it has not
}

// stepsMax is how many steps a Watch keeps for who does not fetch them.
const stepsMax = 1024

// Watch is somebody who watches growth steps. Make one with NewWatch.
type Watch struct {
	more chan struct{} // Has room for one.

	mu    sync.Mutex
	steps []Step // that were not taken, the oldest at lost modulo stepsMax. Protected by mu.
	lost  int    // how many were too many. Protected by mu.
}

// watches are who watches; nil if nobody does. Replaced under watching, loaded by anyone
// (atomic).
var (
	watches  atomic.Pointer[[]*Watch]
	watching sync.Mutex
)

// NewWatch begins to watch. End ends it.
func NewWatch() *Watch {
	w := &Watch{more: make(chan struct{}, 1)}
	watching.Lock()
	defer watching.Unlock()
	list := []*Watch{w}
	if old := watches.Load(); old != nil {
		list = append(list, *old...)
	}
	watches.Store(&list)
	return w
}

// End ends watching.
func (w *Watch) End() {
	watching.Lock()
	defer watching.Unlock()
	old := watches.Load()
	if old == nil {
		return
	}
	list := slices.DeleteFunc(slices.Clone(*old), func(o *Watch) bool { return o == w })
	if len(list) == 0 {
		watches.Store(nil)
		return
	}
	watches.Store(&list)
}

// More has something when there is something to Take.
func (w *Watch) More() <-chan struct{} { return w.more }

// Take returns the steps since the last Take, the oldest first, and how many between that and
// them were too many to be kept.
func (w *Watch) Take() (steps []Step, lost int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost = w.lost
	at := lost % stepsMax
	steps = append(w.steps[at:len(w.steps):len(w.steps)], w.steps[:at]...)
	w.steps, w.lost = nil, 0
	return steps, lost
}

// Watched reports whether anybody watches: one load.
func Watched() bool { return watches.Load() != nil }

// Tell tells who watches of a step. It waits for nobody; any lock may be held.
func Tell(s Step) {
	list := watches.Load()
	if list == nil {
		return
	}
	for _, w := range *list {
		w.add(s)
	}
}

// add keeps s, and no more than there is room for: the oldest goes.
func (w *Watch) add(s Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.steps) < stepsMax {
		w.steps = append(w.steps, s)
	} else {
		w.steps[w.lost%stepsMax] = s
		w.lost++
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
}
