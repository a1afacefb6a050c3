//go:build exploreshm

package shm

import (
	"fmt"
	"iter"
	"os"
	"testing"
)

// The explorer runs the steps of protocol.go in every order in which processes can make them:
// each process is a coroutine, each use of a shared word a point at which another may go on.
// A depth-first search replays the choices made so far and takes the next branch, with so many
// preemptions at most: moments at which a process that could go on does not.

// preemptionsMax bounds the search, where a scenario does not say otherwise, executionsMax ends it.
const (
	preemptionsMax = 2
	executionsMax  = 100_000
)

// process is a coroutine.
type process struct {
	name    string
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	blocked func() bool // nil: it can go on
	done    bool
}

// execution is one run of a scenario.
type execution struct {
	processes []*process
	cur       *process
	failure   string
	ending    bool
	finally   func() // checks the end
	most      int    // preemptions
}

// exploring is the execution under way.
var exploring *execution

// killed unwinds a process.
type killed struct{}

// point lets another process go on.
func point() {
	x := exploring
	if x == nil || x.ending || x.cur == nil {
		return
	}
	if !x.cur.yield(struct{}{}) {
		panic(killed{})
	}
}

// sleep waits until woken returns true.
func (x *execution) sleep(woken func() bool) {
	p := x.cur
	p.blocked = func() bool { return !woken() }
	point()
	p.blocked = nil
}

// fail ends the execution.
func (x *execution) fail(format string, args ...any) {
	if x.failure == "" {
		x.failure = x.cur.name + ": " + fmt.Sprintf(format, args...)
	}
	panic(killed{})
}

// spawn adds a process.
func (x *execution) spawn(name string, f func()) {
	p := &process{name: name}
	p.next, p.stop = iter.Pull(func(yield func(struct{}) bool) {
		p.yield = yield
		defer func() {
			p.done = true
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
			}
		}()
		if yield(struct{}{}) {
			f()
		}
	})
	x.processes = append(x.processes, p)
	p.next()
}

// choice is a moment at which there was more than one way on.
type choice struct{ taken, of int }

// explore runs all executions of a scenario, which setup begins, and returns the first failure.
func explore(t *testing.T, setup func(x *execution)) string {
	t.Helper()
	var path []choice
	for n := 1; ; n++ {
		x := &execution{most: preemptionsMax}
		exploring = x
		setup(x)
		depth, preempted := 0, 0
		for x.failure == "" {
			var ways []*process
			current := false
			for _, p := range x.processes {
				if p.done || p.blocked != nil && p.blocked() {
					continue
				}
				if p == x.cur {
					current = true
					ways = append([]*process{p}, ways...)
				} else {
					ways = append(ways, p)
				}
			}
			if len(ways) == 0 {
				break
			}
			if current && preempted == x.most {
				ways = ways[:1]
			}
			i := 0
			if len(ways) > 1 {
				if depth == len(path) {
					path = append(path, choice{0, len(ways)})
				}
				i = path[depth].taken
				depth++
			}
			if current && i > 0 {
				preempted++
			}
			x.cur = ways[i]
			x.cur.next()
		}
		if x.failure == "" {
			x.cur = &process{name: "in the end"}
			x.ending = true
			func() {
				defer func() { _ = recover() }()
				x.finally()
			}()
		}
		x.ending = true
		for _, p := range x.processes {
			p.stop()
		}
		exploring = nil
		if x.failure != "" {
			return fmt.Sprintf("%s (execution %d)", x.failure, n)
		}
		for len(path) > 0 && path[len(path)-1].taken+1 == path[len(path)-1].of {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			t.Logf("%d executions", n)
			return ""
		}
		path[len(path)-1].taken++
		if n == executionsMax {
			t.Fatalf("not done after %d executions", n)
		}
	}
}

// shared is what the processes of a scenario share.
type shared struct {
	x     *execution
	l     layout
	b     bell
	file  word64 // how long the data is
	bytes word64 // up to where it is written
	lock  word32 // 1: there is a writer
	wakes uint32 // how often seq was woken; part of the kernel
}

// newShared is a buffer with a writer, in which nothing is published.
func newShared(x *execution) *shared {
	s := &shared{x: x}
	s.l.magic.v, s.l.generation.v, s.l.state.v, s.lock.v = magic, 1, uint32(StateLive), 1
	return s
}

// write makes n bytes complete and publishes them.
func (s *shared) write(n int) {
	if s.file.Load() < uint64(n) {
		s.file.Store(uint64(n + 2))
	}
	s.bytes.Store(uint64(n))
	s.l.publish(n+2, n)
	if s.l.rung(&s.b) {
		s.wakes++
	}
}

// read reads the page as a follower does, and checks what it finds.
func (s *shared) read(last snapshot) snapshot {
	now, err := s.l.read(last)
	if err != nil {
		s.x.fail("%v", err)
	}
	if now.length > int(s.file.Load()) || now.length > int(s.bytes.Load()) {
		s.x.fail("%d bytes are published, and %d written of %d", now.length, s.bytes.v, s.file.v)
	}
	return now
}

// wait waits until n bytes are published or there will not be so many, as Follower.sleep
// does.
func (s *shared) wait(last snapshot, n int) snapshot {
	for {
		last = s.read(last)
		if last.length >= n || last.state == StateClosed {
			return last
		}
		s.b.ring()
		if s.l.seq.Load() != last.seq { // FUTEX_WAIT: in one step with falling asleep.
			continue
		}
		wakes := s.wakes
		s.x.sleep(func() bool { return s.wakes != wakes })
	}
}

// takeOver is what the next writer does, and the one after that, if it ends before.
func (s *shared) takeOver() {
	now, err := s.l.numbers(snapshot{state: StateLive, generation: s.l.generation.Load()}, snapshot{})
	if err != nil {
		s.x.fail("taken over: %v", err)
	}
	s.l.suspend()
	s.file.Store(uint64(now.length))
	s.bytes.Store(uint64(now.length))
	s.l.begin(now.generation + 1)
	s.wakes++
	s.write(now.length + 1)
}

func TestMain(m *testing.M) { os.Exit(m.Run()) }

func TestExplore(t *testing.T) {
	for name, setup := range map[string]func(x *execution){
		"readers": func(x *execution) {
			s := newShared(x)
			x.spawn("writer", func() {
				s.write(1)
				s.write(4)
				s.l.finish()
			})
			x.spawn("reader", func() {
				var last snapshot
				for range 3 {
					if last.state == StateClosed {
						if now := s.read(last); now.length != last.length {
							x.fail("closed with %d bytes, and then has %d", last.length, now.length)
						}
					}
					last = s.read(last)
				}
			})
			x.finally = func() {}
		},
		"waiters": func(x *execution) {
			s := newShared(x)
			x.spawn("writer", func() {
				s.write(1)
				s.write(2)
			})
			waiting := 2
			for _, n := range []int{1, 2} {
				x.spawn("waiter", func() {
					s.wait(snapshot{}, n)
					waiting--
				})
			}
			x.finally = func() {
				if waiting > 0 {
					x.fail("%d sleep on, with %d bytes published", waiting, s.l.length.v)
				}
			}
		},
		"waiter, rung before": func(x *execution) {
			s := newShared(x)
			s.b.waiting.v = 1 // By one who was killed, or has what he waited for.
			x.most = 3
			x.spawn("writer", func() {
				s.write(1)
				s.write(2)
			})
			done := false
			x.spawn("waiter", func() {
				s.wait(snapshot{}, 2)
				done = true
			})
			x.finally = func() {
				if !done {
					x.fail("it sleeps on, with %d bytes published", s.l.length.v)
				}
			}
		},
		"closed": func(x *execution) {
			s := newShared(x)
			x.spawn("writer", func() {
				s.write(1)
				s.l.finish()
				s.wakes++
			})
			ended := false
			x.spawn("waiter", func() {
				if last := s.wait(snapshot{}, 2); last.length != 1 {
					x.fail("it ends with %d bytes, of 1", last.length)
				}
				ended = true
			})
			x.finally = func() {
				if !ended {
					x.fail("it sleeps on in a closed buffer")
				}
			}
		},
		"takeover": func(x *execution) {
			s := newShared(x)
			x.spawn("writer", func() {
				s.write(1)
				s.write(4)
				s.l.finish()
			})
			// The first writer ends at any point: the next begins when it does, and goes on
			// with what there is.
			x.spawn("next", func() {
				x.processes[0].done = true
				s.takeOver()
			})
			x.spawn("reader", func() {
				var last snapshot
				for range 3 {
					last = s.read(last)
				}
			})
			x.finally = func() {
				last, err := s.l.read(snapshot{})
				if err != nil || last.state != StateLive || last.generation != 2 {
					x.fail("after a takeover: %+v, %v", last, err)
				}
			}
		},
		"takeover, twice": func(x *execution) {
			s := newShared(x)
			s.l.publish(3, 1)
			s.file.v, s.bytes.v = 3, 3 // Two of them not published.
			x.spawn("next", func() { s.takeOver() })
			x.spawn("the one after", func() {
				x.processes[0].done = true
				s.takeOver()
			})
			x.spawn("reader", func() {
				var last snapshot
				for range 3 {
					last = s.read(last)
				}
			})
			x.finally = func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if failure := explore(t, setup); failure != "" {
				t.Error(failure)
			}
		})
	}
}

// TestExplore_Finds: neon's order, the length before the memory is there, is found.
func TestExplore_Finds(t *testing.T) {
	failure := explore(t, func(x *execution) {
		s := newShared(x)
		x.spawn("writer", func() {
			s.l.publish(4, 2)
			s.file.Store(4)
			s.bytes.Store(2)
		})
		x.spawn("reader", func() { s.read(snapshot{}) })
		x.finally = func() {}
	})
	if failure == "" {
		t.Error("not found")
	}
}
