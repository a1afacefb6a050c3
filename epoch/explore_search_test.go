//go:build explore

package epoch

import (
	"fmt"
	"math"
)

// A choice is a point of the search where more than one task could go on.
type choice struct{ taken, of int }

// A search is a depth-first search through the executions of a scenario.
type search struct {
	Executions int
	Exhausted  bool // nothing is left, however many preemptions there are
	Failure    string
	bound      int // preemptions in an execution
	path       []choice
	visited    map[uint64]int // by state: with how few preemptions
}

// The bounds of the first search and of the second.
const (
	fewPreemptions = 2
	anyPreemptions = math.MaxInt
)

// stepsMax bounds an execution; more means that tasks wake each other for ever.
const stepsMax = 20_000

// Run searches until proceed returns false, a failure is found or nothing is left.
// start spawns the scenario's tasks; done checks the final state and returns
// what is wrong with it.
func (s *search) Run(start func(x *execution), done func() string, proceed func() bool) {
	for _, s.bound = range []int{fewPreemptions, anyPreemptions} {
		s.visited, s.path = make(map[uint64]int), nil
		s.run(start, done, proceed)
		if s.Failure != "" {
			return
		}
	}
}

// run is Run with the bound there is.
func (s *search) run(start func(x *execution), done func() string, proceed func() bool) {
	for proceed() {
		s.Executions++
		x := &execution{pointers: map[any]uint64{}}
		exploring = x
		start(x)
		s.execute(x)
		s.Failure = x.failure
		if s.Failure == "" && x.finished() {
			exploring = nil // no task is left to take steps
			s.Failure = done()
			exploring = x
		}
		x.end()
		exploring = nil
		if s.Failure != "" {
			return
		}
		if !s.advance() {
			s.Exhausted = s.bound == anyPreemptions
			return
		}
	}
}

// finished reports whether all tasks have returned.
func (x *execution) finished() bool {
	for _, t := range x.tasks {
		if !t.done {
			return false
		}
	}
	return true
}

// execute takes steps until all tasks are done, one fails, or the state is one
// the search has been in.
func (s *search) execute(x *execution) {
	depth, preemptions := 0, 0
	var ready []*task
	for n := 0; x.failure == ""; n++ {
		ready = ready[:0]
		goesOn := false // the running task could, and is the first choice
		for _, t := range x.tasks {
			if !t.done && (t.ready == nil || t.ready()) {
				ready = append(ready, t)
				if t == x.cur {
					last := len(ready) - 1
					ready[0], ready[last] = ready[last], ready[0]
					goesOn = true
				}
			}
		}
		switch {
		case len(ready) == 0:
			if !x.finished() {
				x.failure = x.stuck()
			}
			return
		case n == stepsMax:
			x.failure = "no end in sight"
			return
		case len(ready) == 1, goesOn && preemptions == s.bound:
			x.resume(ready[0])
			continue
		case depth == len(s.path):
			if !s.visit(x, goesOn, preemptions) {
				return
			}
			s.path = append(s.path, choice{of: len(ready)})
		case s.path[depth].of != len(ready):
			x.failure = fmt.Sprintf("explorer: replay differs: %d tasks ready, were %d", len(ready), s.path[depth].of)
			return
		}
		taken := s.path[depth].taken
		if goesOn && taken > 0 {
			preemptions++
		}
		x.resume(ready[taken])
		depth++
	}
}

// visit tells whether the search has not been in x's state, or in fewer of what
// can be reached from it: who runs matters while preemptions are limited.
func (s *search) visit(x *execution, goesOn bool, preemptions int) bool {
	h := x.state()
	if s.bound == anyPreemptions {
		preemptions = 0
	} else if goesOn {
		h = mix(h, x.cur.id)
	}
	if before, ok := s.visited[h]; ok && before <= preemptions {
		return false
	}
	s.visited[h] = preemptions
	return true
}

// stuck says who waits for a wake-up that nobody will send.
func (x *execution) stuck() string {
	text := "never woken:"
	for _, t := range x.tasks {
		if !t.done {
			text += " " + t.name
		}
	}
	return text
}

// advance moves on to the next path. It returns false after the last.
func (s *search) advance() bool {
	for n := len(s.path); n > 0; n-- {
		c := &s.path[n-1]
		if c.taken++; c.taken < c.of {
			return true
		}
		s.path = s.path[:n-1]
	}
	return false
}
