//go:build explorestream

package stream

import (
	"fmt"
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// TestExplore runs the steps of order.go in every order in which goroutines can make them: what is
// published is complete and in order, nothing stays unseen, and nobody who waits sleeps on.
func TestExplore(t *testing.T) {
	for name, setup := range map[string]func(s *feed){
		"two appenders": func(s *feed) {
			s.appender(0, 1)
			s.appender(1, 3)
			s.reader(3)
		},
		"three appenders": func(s *feed) {
			s.appender(0, 1)
			s.appender(1, 2)
			s.appender(2, 3)
		},
		"one appends twice": func(s *feed) {
			s.appender(0, 1, 2, 3)
			s.appender(1, 2, 3, 4)
		},
		"who waits": func(s *feed) {
			s.appender(0, 1, 1, 2)
			s.waiter(1)
			s.waiter(2)
		},
		"who waits for one that was overtaken": func(s *feed) {
			s.appender(0, 1)
			s.appender(1, 2)
			s.waiter(2)
		},
		"who waits for more than is next": func(s *feed) {
			s.appender(0, 1, 1, 2)
			s.waiter(2)
			s.waiter(1)
			s.x.Preemptions = 3
		},
		"who gives up": func(s *feed) {
			s.appender(0, 1, 1, 2)
			s.waiter(2)
			s.x.Spawn("who gives up", func() {
				called := 0
				c := s.o.whenPublished(1, func() { called++ })
				s.o.forget(c)
				if called > 1 {
					s.x.Fail("called %d times", called)
				}
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if failure := testutil.Explore(t, func(x *testutil.Execution) { setup(newFeed(x)) }); failure != "" {
				t.Error(failure)
			}
		})
	}
}

// feed is what the goroutines of a scenario share.
type feed struct {
	x       *testutil.Execution
	o       order
	written [8]bool
	end     int64 // of all that is appended
	waiting int
}

func newFeed(x *testutil.Execution) *feed {
	s := &feed{x: x}
	x.Finally = func() {
		if end := s.o.end.Load(); end != s.end || len(s.o.late) > 0 {
			x.Fail("[%d, %d) stays unseen, late is %v", end, s.end, s.o.late)
		}
		if s.waiting > 0 {
			x.Fail("%d sleep on, with %d published", s.waiting, s.end)
		}
		if next := s.o.next.Load(); next != 0 || len(s.o.calls) > 0 {
			x.Fail("there is something to do at %d, for %d calls", next, len(s.o.calls))
		}
	}
	return s
}

// appender has a goroutine write ranges, each from and to, and publish them.
func (s *feed) appender(ranges ...int64) {
	s.end = max(s.end, ranges[len(ranges)-1])
	s.x.Spawn(fmt.Sprintf("appender at %d", ranges[0]), func() {
		for i := 0; i < len(ranges); i += 2 {
			for n := ranges[i]; n < ranges[i+1]; n++ {
				s.written[n] = true
			}
			s.o.publish(ranges[i], ranges[i+1])
		}
	})
}

// reader has a goroutine look so many times.
func (s *feed) reader(times int) {
	s.x.Spawn("reader", func() {
		last := int64(0)
		for range times {
			last = s.look(last)
		}
	})
}

// look checks that all is written that is published, and that the end was not beyond that before.
func (s *feed) look(last int64) int64 {
	end := s.o.end.Load()
	for n := range end {
		if !s.written[n] {
			s.x.Fail("%d is published, and %d is not written", end, n)
		}
	}
	if end < last {
		s.x.Fail("the end was %d, and is %d", last, end)
	}
	return end
}

// waiter has a goroutine wait for at, as sequence.waitSlow does.
func (s *feed) waiter(at int64) {
	s.waiting++
	s.x.Spawn(fmt.Sprintf("who waits for %d", at), func() {
		called := 0
		c := s.o.whenPublished(at, func() { called++ })
		testutil.Sleep(func() bool { return called > 0 })
		if end := s.look(0); end < at || called > 1 {
			s.x.Fail("called %d times, with %d published", called, end)
		}
		s.o.forget(c)
		s.waiting--
	})
}
