//go:build exploreshm

package shm

import (
	"os"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// The explorer ([testutil.Explore]) runs the steps of protocol.go in every order in which processes can
// make them.

// shared is what the processes of a scenario share.
type shared struct {
	x     *testutil.Execution
	l     layout
	b     bell
	file  word64 // how long the data is
	bytes word64 // up to where it is written
	lock  word32 // 1: there is a writer
	wakes uint32 // how often seq was woken; part of the kernel
}

// newShared is a buffer with a writer, in which nothing is published.
func newShared(x *testutil.Execution) *shared {
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
		s.x.Fail("%v", err)
	}
	if now.length > int(s.file.Load()) || now.length > int(s.bytes.Load()) {
		s.x.Fail("%d bytes are published, and %d written of %d", now.length, s.bytes.v, s.file.v)
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
		testutil.Sleep(func() bool { return s.wakes != wakes })
	}
}

// takeOver is what the next writer does, and the one after that, if it ends before.
func (s *shared) takeOver() {
	now, err := s.l.numbers(snapshot{state: StateLive, generation: s.l.generation.Load()}, snapshot{})
	if err != nil {
		s.x.Fail("taken over: %v", err)
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
	for name, setup := range map[string]func(x *testutil.Execution){
		"readers": func(x *testutil.Execution) {
			s := newShared(x)
			x.Spawn("writer", func() {
				s.write(1)
				s.write(4)
				s.l.finish()
			})
			x.Spawn("reader", func() {
				var last snapshot
				for range 3 {
					if last.state == StateClosed {
						if now := s.read(last); now.length != last.length {
							x.Fail("closed with %d bytes, and then has %d", last.length, now.length)
						}
					}
					last = s.read(last)
				}
			})
			x.Finally = func() {}
		},
		"waiters": func(x *testutil.Execution) {
			s := newShared(x)
			x.Spawn("writer", func() {
				s.write(1)
				s.write(2)
			})
			waiting := 2
			for _, n := range []int{1, 2} {
				x.Spawn("waiter", func() {
					s.wait(snapshot{}, n)
					waiting--
				})
			}
			x.Finally = func() {
				if waiting > 0 {
					x.Fail("%d sleep on, with %d bytes published", waiting, s.l.length.v)
				}
			}
		},
		"waiter, rung before": func(x *testutil.Execution) {
			s := newShared(x)
			s.b.waiting.v = 1 // By one who was killed, or has what he waited for.
			x.Preemptions = 3
			x.Spawn("writer", func() {
				s.write(1)
				s.write(2)
			})
			done := false
			x.Spawn("waiter", func() {
				s.wait(snapshot{}, 2)
				done = true
			})
			x.Finally = func() {
				if !done {
					x.Fail("it sleeps on, with %d bytes published", s.l.length.v)
				}
			}
		},
		"closed": func(x *testutil.Execution) {
			s := newShared(x)
			x.Spawn("writer", func() {
				s.write(1)
				s.l.finish()
				s.wakes++
			})
			ended := false
			x.Spawn("waiter", func() {
				if last := s.wait(snapshot{}, 2); last.length != 1 {
					x.Fail("it ends with %d bytes, of 1", last.length)
				}
				ended = true
			})
			x.Finally = func() {
				if !ended {
					x.Fail("it sleeps on in a closed buffer")
				}
			}
		},
		"takeover": func(x *testutil.Execution) {
			s := newShared(x)
			x.Spawn("writer", func() {
				s.write(1)
				s.write(4)
				s.l.finish()
			})
			// The first writer ends at any point: the next begins when it does, and goes on
			// with what there is.
			x.Spawn("next", func() {
				x.Kill(0)
				s.takeOver()
			})
			x.Spawn("reader", func() {
				var last snapshot
				for range 3 {
					last = s.read(last)
				}
			})
			x.Finally = func() {
				last, err := s.l.read(snapshot{})
				if err != nil || last.state != StateLive || last.generation != 2 {
					x.Fail("after a takeover: %+v, %v", last, err)
				}
			}
		},
		"takeover, twice": func(x *testutil.Execution) {
			s := newShared(x)
			s.l.publish(3, 1)
			s.file.v, s.bytes.v = 3, 3 // Two of them not published.
			x.Spawn("next", func() { s.takeOver() })
			x.Spawn("the one after", func() {
				x.Kill(0)
				s.takeOver()
			})
			x.Spawn("reader", func() {
				var last snapshot
				for range 3 {
					last = s.read(last)
				}
			})
			x.Finally = func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if failure := testutil.Explore(t, setup); failure != "" {
				t.Error(failure)
			}
		})
	}
}

// TestExplore_Finds: neon's order, the length before the memory is there, is found.
func TestExplore_Finds(t *testing.T) {
	failure := testutil.Explore(t, func(x *testutil.Execution) {
		s := newShared(x)
		x.Spawn("writer", func() {
			s.l.publish(4, 2)
			s.file.Store(4)
			s.bytes.Store(2)
		})
		x.Spawn("reader", func() { s.read(snapshot{}) })
		x.Finally = func() {}
	})
	if failure == "" {
		t.Error("not found")
	}
}
