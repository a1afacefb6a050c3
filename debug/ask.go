package debug

import (
	"sync"
	"time"
)

// patience is how long a look waits for one thing.
const patience = time.Second

// question is one thing to be asked.
type question struct {
	key  any           // of the thing
	ask  func() func() // returns what takes the answer over, which is called if it comes in time
	busy func()        // takes over that there is none
}

// asking asks things one after the other, and waits for none of them for longer than
// it has patience: a thing that does not answer is busy, and not asked again before it has.
type asking struct {
	patience time.Duration

	mu   sync.Mutex
	busy map[any]bool // keys of what has been asked and has not answered. Protected by mu.
}

// all asks all of list on a goroutine of its own, which ends with the last answer. Where one
// does not come another goroutine goes on with the rest.
func (a *asking) all(list []question) {
	for len(list) > 0 {
		list = list[a.some(list):]
	}
}

// some asks until one does not answer, and returns how many it has come to.
func (a *asking) some(list []question) int {
	answered, given := make(chan func()), make(chan struct{})
	go func() {
		for _, q := range list {
			take := q.busy
			if !a.isBusy(q.key) {
				take = q.ask()
			}
			select {
			case answered <- take:
			case <-given:
				a.setBusy(q.key, false)
				return
			}
		}
	}()
	t := time.NewTimer(a.patience)
	defer t.Stop()
	for i, q := range list {
		select {
		case take := <-answered:
			take()
			t.Reset(a.patience)
		case <-t.C:
			a.setBusy(q.key, true) // Before the goroutine takes it back.
			close(given)
			q.busy()
			return i + 1
		}
	}
	return len(list)
}

func (a *asking) isBusy(key any) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.busy[key]
}

func (a *asking) setBusy(key any, busy bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !busy {
		delete(a.busy, key)
		return
	}
	if a.busy == nil {
		a.busy = make(map[any]bool)
	}
	a.busy[key] = true
}
