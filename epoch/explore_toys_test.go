//go:build explore

package epoch

import (
	"strings"
	"testing"
)

// A toy is a small program with a mistake that the explorer must find, or with
// none: it shows that the explorer can fail, and does not without reason.
type toy struct {
	name  string
	tasks func(x *execution) (tasks []func(), final func() string) // final looks at the end state
	want  string                                                   // in the failure; "": there is none, and the search is complete
}

// right is the final check of a toy that may end in any state.
func right() string { return "" }

var toys = []toy{
	{
		name: "counter", want: "",
		tasks: func(*execution) ([]func(), func() string) {
			var n atomicInt64
			add := func() { n.Add(1) }
			return []func(){add, add, add}, func() string {
				if n.Load() != 3 {
					return "lost an update"
				}
				return ""
			}
		},
	}, {
		name: "counter in two steps", want: "lost an update",
		tasks: func(*execution) ([]func(), func() string) {
			var n atomicInt64
			add := func() { n.Store(n.Load() + 1) }
			return []func(){add, add}, func() string {
				if n.Load() != 2 {
					return "lost an update"
				}
				return ""
			}
		},
	}, {
		name: "counter under a lock", want: "",
		tasks: func(*execution) ([]func(), func() string) {
			var mu mutex
			var n atomicInt64
			add := func() { mu.Lock(); n.Store(n.Load() + 1); mu.Unlock() }
			return []func(){add, add}, func() string {
				if n.Load() != 2 {
					return "lost an update"
				}
				return ""
			}
		},
	}, {
		name: "ready before the data", want: "read too early",
		tasks: func(x *execution) ([]func(), func() string) {
			var ready, data atomicUint64
			return []func(){
				func() { ready.Store(1); data.Store(7) },
				func() {
					if ready.Load() == 1 && data.Load() != 7 {
						x.fail("read too early")
					}
				},
			}, right
		},
	}, {
		name: "pop with ABA", want: "A was popped while it was held",
		tasks: func(x *execution) ([]func(), func() string) {
			// A stack of A on B. The first task pops A between another's pops of
			// both and its push of A: then B, which that one holds, is on top.
			type node struct{ next *node }
			b := &node{}
			a := &node{next: b}
			var top atomicPointer[node]
			top.Store(a)
			return []func(){
					func() { old := top.Load(); top.CompareAndSwap(old, b) },
					func() { top.Store(b); top.Store(nil); top.Store(a) },
				}, func() string {
					if top.Load() == b {
						return "A was popped while it was held"
					}
					return ""
				}
		},
	}, {
		name: "wake-up lost", want: "never woken",
		tasks: func(*execution) ([]func(), func() string) {
			e := newEvent()
			var done, sleeps atomicUint64
			return []func(){
				func() {
					if done.Load() == 0 {
						sleeps.Store(1)
						e.wait(0)
					}
				},
				func() {
					done.Store(1)
					if sleeps.Load() == 1 {
						e.set()
					}
				},
			}, right
		},
	}, {
		name: "wake-up kept", want: "",
		tasks: func(*execution) ([]func(), func() string) {
			e := newEvent()
			var done, sleeps atomicUint64
			return []func(){
				func() {
					sleeps.Store(1)
					if done.Load() == 0 {
						e.wait(0)
					}
				},
				func() {
					done.Store(1)
					if sleeps.Load() == 1 {
						e.set()
					}
				},
			}, right
		},
	}, {
		name: "two locks in two orders", want: "never woken",
		tasks: func(*execution) ([]func(), func() string) {
			var a, b mutex
			return []func(){
				func() { a.Lock(); b.Lock(); b.Unlock(); a.Unlock() },
				func() { b.Lock(); a.Lock(); a.Unlock(); b.Unlock() },
			}, right
		},
	}, {
		name: "gate never opened", want: "never woken",
		tasks: func(*execution) ([]func(), func() string) {
			g := newGate()
			var first atomicUint64
			return []func(){
				func() { g.wait(background) },
				func() {
					if first.CompareAndSwap(0, 1) {
						g.open()
					}
				},
				func() { first.CompareAndSwap(0, 1) },
			}, right
		},
	}, {
		name: "panic in one order", want: "panic: divide",
		tasks: func(*execution) ([]func(), func() string) {
			var n atomicInt64
			n.Store(1)
			return []func(){
				func() { n.Store(0); n.Store(1) },
				func() {
					if n.Load() == 0 {
						panic("divide")
					}
				},
			}, right
		},
	}, {
		name: "two who wake each other", want: "no end in sight",
		tasks: func(*execution) ([]func(), func() string) {
			a, b := newEvent(), newEvent()
			return []func(){
				func() {
					for {
						b.set()
						a.wait(0)
					}
				},
				func() {
					for {
						b.wait(0)
						a.set()
					}
				},
			}, right
		},
	},
}

// TestSearch: the explorer finds each toy's mistake, and none where there is none.
func TestSearch(t *testing.T) {
	for _, toy := range toys {
		t.Run(toy.name, func(t *testing.T) {
			var s search
			var final func() string
			s.Run(func(x *execution) {
				var tasks []func()
				setup := x.spawn("setup", func() { tasks, final = toy.tasks(x) })
				for !setup.done {
					x.resume(setup)
				}
				for _, f := range tasks {
					x.spawn("task", f)
				}
			}, func() string { return final() }, func() bool { return s.Executions < 10_000 })
			switch {
			case toy.want == "" && (s.Failure != "" || !s.Exhausted):
				t.Errorf("after %d executions: %q, complete: %v", s.Executions, s.Failure, s.Exhausted)
			case !strings.Contains(s.Failure, toy.want):
				t.Errorf("after %d executions: %q, want %q", s.Executions, s.Failure, toy.want)
			}
		})
	}
}
