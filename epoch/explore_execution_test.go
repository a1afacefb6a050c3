//go:build explore

package epoch

import (
	"fmt"
	"iter"
	"runtime/debug"
)

// The explorer runs the package's own code, under the tag explore, in every
// order its tasks can interleave. Tasks are coroutines of which one runs at a
// time; each use of a shared word, the lock, an event or a gate is a point
// where the scheduler may go on with another task. What lies between two
// points touches nothing shared, so these orders are all there are: Go's
// atomics are sequentially consistent.
//
// A depth-first search replays the choices made so far and takes the next
// branch. It cuts a branch when it comes to a state it has been in: the values
// of all shared cells, and for each task a hash of everything it has observed,
// which determines where it is and what its variables hold. What the lock
// protects is not a cell; instead the lock hands on the history of who held it
// last.
//
// Most mistakes need few preemptions: moments at which a task that could go on does
// not. A search tries all orders with two first, and then all there are.

// exploring is the execution under way; nil outside of the explorer.
var exploring *execution

// A task is a coroutine of an execution.
type task struct {
	id     uint64
	name   string
	ready  func() bool // whether its next step can be taken; nil: always
	hist   uint64      // hash of what it has observed
	steps  uint64      // how many steps it has taken
	reader bool        // it must never run a Free
	done   bool
	next   func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// An execution is one run of a scenario's tasks.
type execution struct {
	tasks    []*task
	cur      *task
	cells    uint64 // hash of all cells' values
	pointers map[any]uint64
	failure  string
	ending   bool // tasks are being unwound: points do nothing
}

// abandoned unwinds a task whose execution is over.
type abandoned struct{}

// mix combines two hashes; the order matters.
func mix(a, b uint64) uint64 {
	h := a*0x9E3779B97F4A7C15 ^ b
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	h ^= h >> 29
	return h
}

// point lets the scheduler choose who goes on. It returns when the task is
// chosen, which it is only while ready holds.
func (x *execution) point(ready func() bool) {
	if x.ending {
		return
	}
	t := x.cur
	t.ready = ready
	if !t.yield(struct{}{}) {
		panic(abandoned{})
	}
	t.ready = nil
}

// saw adds what the running task observed to its history.
func (x *execution) saw(v uint64) {
	x.cur.hist = mix(x.cur.hist, v+x.cur.steps<<32)
}

// fail ends the execution as a failure.
func (x *execution) fail(format string, args ...any) {
	if !x.ending {
		x.failure = fmt.Sprintf("%s: %s", x.cur.name, fmt.Sprintf(format, args...))
		panic(abandoned{})
	}
}

// spawn adds a task.
func (x *execution) spawn(name string, f func()) *task {
	t := &task{name: name, id: uint64(len(x.tasks)) + 1}
	if x.cur != nil {
		// A name by what led to it, the same in all orders that led to it.
		t.id = mix(x.cur.id, x.cur.hist+uint64(len(name)))
		x.cur.hist = mix(x.cur.hist, 0x5eed)
	}
	t.hist = t.id
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		defer func() {
			t.done = true
			r := recover()
			if _, ok := r.(abandoned); r != nil && !ok && !x.ending {
				x.failure = fmt.Sprintf("%s: panic: %v\n%s", t.name, r, debug.Stack())
			}
		}()
		if yield(struct{}{}) {
			f()
		}
	})
	x.tasks = append(x.tasks, t)
	t.next() // up to its first point
	return t
}

// resume runs t up to its next point.
func (x *execution) resume(t *task) {
	x.cur = t
	t.steps++
	t.next()
}

// end unwinds the tasks that are left.
func (x *execution) end() {
	x.ending = true
	for _, t := range x.tasks {
		x.cur = t
		t.stop()
	}
}

// state returns the hash of the whole state.
func (x *execution) state() uint64 {
	h := x.cells
	for _, t := range x.tasks {
		v := mix(mix(t.id, t.hist), t.steps)
		if t.done {
			v = mix(v, 1)
		}
		h += v
	}
	return h
}

// A cell is the part of a shared word that the state hash knows.
type cell struct {
	id   uint64
	last uint64 // hash of the value
}

// set records the cell's value.
func (c *cell) set(x *execution, v uint64) {
	if x.ending {
		return
	}
	if c.id == 0 {
		c.id = mix(mix(x.cur.id, x.cur.hist), x.cur.steps) | 1
	} else {
		x.cells -= mix(c.id, c.last)
	}
	c.last = v
	x.cells += mix(c.id, v)
}

// pointerID names a pointer by who first stored it, when. nil is 0.
func (x *execution) pointerID(p any, isNil bool) uint64 {
	if isNil {
		return 0
	}
	id := x.pointers[p]
	if id == 0 && x.cur != nil {
		id = mix(x.cur.id, x.cur.hist) | 1
		x.pointers[p] = id
	}
	return id
}
