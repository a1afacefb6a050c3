//go:build explore

package epoch

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

// executions bounds the search of one scenario, in executions rather than time,
// so that a slow machine finds what a fast one finds. Most are exhausted before.
var executions = flag.Int("explore.executions", 30_000, "executions for each scenario; 0 means all there are")

// A world is what the tasks of a scenario share.
type world struct {
	x       *execution
	d       *Domain
	windows []*window // all that were ever made
	panics  int       // panics that a task expected and caught
	guards  [3]Guard  // pinned by setup, one for each task that takes it
	locals  []*Local  // made by setup
	cancel  context.CancelFunc
	ctx     context.Context
}

// A window is a thing with a lifetime that checks it.
type window struct {
	name    string
	freed   atomicUint64
	done    bool // its Free has returned
	retired bool
}

// contents is what the worlds publish: the windows a version contains.
type contents []*window

// window makes a window.
func (w *world) window() *window {
	n := &window{name: string(rune('A' + len(w.windows)))}
	w.windows = append(w.windows, n)
	return n
}

// read reads all windows of the version g pins.
func (w *world) read(g *Guard) {
	c, _ := g.Value().(contents)
	w.touch(c)
}

// touch reads windows, which must not have been freed.
func (w *world) touch(c contents) {
	for _, n := range c {
		if n.freed.Load() != 0 {
			w.x.fail("reads window %s, which was freed", n.name)
		}
	}
}

// retired returns what frees n.
func (w *world) retired(n *window, birth uint64) Retired {
	n.retired = true
	return Retired{Birth: birth, Bytes: 1, Free: func() {
		if w.x.cur.reader {
			w.x.fail("frees window %s in a reader", n.name)
		}
		if n.freed.Load() != 0 {
			w.x.fail("frees window %s twice", n.name)
		}
		n.freed.Store(1)
		n.done = true
	}}
}

// free frees n outside of the domain, as after a Synchronize.
func (w *world) free(n *window) { w.retired(n, 0).Free() }

// pin pins and reads.
func (w *world) pin() (Guard, bool) {
	g, err := w.d.Pin()
	if err != nil {
		return g, false
	}
	w.read(&g)
	return g, true
}

// reader pins, reads and unpins, n times.
func reader(n int) func(*world) {
	return func(w *world) {
		for range n {
			if g, ok := w.pin(); ok {
				w.read(&g)
				g.Unpin()
			}
		}
	}
}

// replacer publishes n versions, each with a new window instead of the last.
func replacer(n int) func(*world) {
	return func(w *world) { w.replace(n) }
}

func (w *world) replace(n int) {
	for range n {
		old, _ := w.d.Value().(contents)
		birth := w.d.cur.Load().version
		w.must(w.d.Publish(contents{w.window()}, w.retired(old[0], birth)))
	}
}

// must fails the execution if a publication did not succeed.
func (w *world) must(_ uint64, err error) {
	if err != nil {
		w.x.fail("publish: %v", err)
	}
}

// catch runs f and counts the panic of misuse, if it comes.
func (w *world) catch(f func()) {
	defer func() {
		if r := recover(); r != nil {
			if text, ok := r.(string); !ok || !strings.Contains(text, "that is not pinned") {
				panic(r)
			}
			w.panics++
		}
	}()
	f()
}

// A scenario is a few tasks over one domain.
type scenario struct {
	name    string
	opts    Options
	setup   func(*world) // alone, before the tasks; the domain has published window A
	tasks   []func(*world)
	readers int                 // the first so many tasks must never run a Free
	holds   int                 // so many slots of the first table are pinned at the end
	final   func(*world) string // after the usual checks
}

// explore searches s, at most so many executions.
func (s *scenario) explore(executions int) *search {
	dfs := &search{}
	var w *world
	dfs.Run(
		func(x *execution) {
			w = &world{x: x}
			w.ctx, w.cancel = context.WithCancel(context.Background())
			t := x.spawn("setup", func() {
				w.d = NewDomain(s.opts)
				w.must(w.d.Publish(contents{w.window()}))
				// Scans once, so that slots have the same names in all
				// orders.
				w.d.Stats()
				if s.setup != nil {
					s.setup(w)
				}
			})
			for !t.done && x.failure == "" {
				x.resume(t)
			}
			for i, f := range s.tasks {
				x.spawn(fmt.Sprintf("task %d", i), func() { f(w) }).reader = i < s.readers
			}
		},
		func() string {
			w.cancel()
			if s := w.d.retirees; s.pending != 0 || s.held != 0 || s.waitingLocked() != 0 {
				return fmt.Sprintf("left: %d pending, %d bytes, %d waiting", s.pending, s.held, s.waitingLocked())
			}
			for _, n := range w.windows {
				if n.retired && !n.done {
					return fmt.Sprintf("window %s was never freed", n.name)
				}
			}
			if w.d.reaping || w.d.want.Load() != 0 {
				return fmt.Sprintf("at rest: reaping %v, want %d", w.d.reaping, w.d.want.Load())
			}
			pinned := 0
			for i := range w.d.slots {
				if w.d.slots[i].word.Load()&activeBit != 0 {
					pinned++
				}
			}
			if pinned != s.holds {
				return fmt.Sprintf("%d slots are still pinned, want %d", pinned, s.holds)
			}
			for i, l := range w.d.locals {
				if l != nil && l.slot.Load()&activeBit != 0 {
					return fmt.Sprintf("local %d is still pinned", i)
				}
			}
			if s.final != nil {
				return s.final(w)
			}
			return ""
		},
		func() bool { return executions == 0 || dfs.Executions < executions },
	)
	return dfs
}

// TestExplore: the code as it is passes every scenario.
func TestExplore(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			begin := time.Now()
			r := s.explore(*executions)
			if r.Failure != "" {
				t.Errorf("after %d executions: %s", r.Executions, r.Failure)
			}
			t.Logf("%d executions, exhausted %v, %d states, %v",
				r.Executions, r.Exhausted, len(r.visited), time.Since(begin).Round(time.Millisecond))
		})
	}
}
