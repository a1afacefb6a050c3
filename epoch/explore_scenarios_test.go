//go:build explore

package epoch

import (
	"context"
	"fmt"
	"slices"
)

// background never ends.
var background = context.Background()

// held returns a setup that pins the first n guards of the world.
func held(n int) func(*world) {
	return func(w *world) {
		for i := range n {
			w.guards[i], _ = w.d.Pin()
		}
	}
}

// unpin returns a task that reads under the guard i and unpins it.
func unpin(i int) func(*world) {
	return func(w *world) {
		g := w.guards[i]
		w.read(&g)
		g.Unpin()
	}
}

// refresh returns a task that refreshes the guard i n times, reading each time,
// and unpins it.
func refresh(i, n int) func(*world) {
	return func(w *world) {
		g := w.guards[i]
		w.read(&g)
		for range n {
			if err := g.Refresh(); err != nil {
				if g.Value() != nil {
					w.x.fail("a refused Refresh left a value")
				}
				return
			}
			w.read(&g)
		}
		g.Unpin()
	}
}

// closer closes the domain, handing over the windows of the last value.
func closer(w *world) {
	c := w.d.Value().(contents)
	birth := w.d.cur.Load().version
	if err := w.d.Shutdown(background, w.retired(c[0], birth)); err != nil {
		w.x.fail("close: %v", err)
	}
	for _, n := range w.windows {
		if !n.done {
			w.x.fail("Close returned before window %s was freed", n.name)
		}
	}
}

// misused expects exactly n panics of misuse.
func misused(n int) func(*world) string {
	return func(w *world) string {
		if w.panics != n {
			return fmt.Sprintf("%d panics, want %d: a second unpin went unnoticed", w.panics, n)
		}
		return ""
	}
}

// scenarios is what the explorer explores: at least one for each operation and
// each pair of operations that has an ordering argument.
var scenarios = slices.Concat(readerScenarios, writerScenarios, localScenarios, limitScenarios, closeScenarios, reaperScenarios)

// readerScenarios are about pins beside each other operation.
var readerScenarios = []*scenario{
	{
		name: "pin against publish", opts: Options{Slots: 1},
		tasks: []func(*world){reader(1), replacer(2)}, readers: 1,
	}, {
		name: "pin twice against publish", opts: Options{Slots: 1},
		tasks: []func(*world){reader(2), replacer(1)}, readers: 1,
	}, {
		name: "two readers against publish", opts: Options{Slots: 2},
		tasks: []func(*world){reader(1), reader(1), replacer(1)}, readers: 2,
	}, {
		name: "refresh against publish", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){refresh(0, 2), replacer(2)}, readers: 1,
	}, {
		name: "two refreshes against publish", opts: Options{Slots: 2}, setup: held(2),
		tasks: []func(*world){refresh(0, 1), refresh(1, 1), replacer(1)}, readers: 2,
	}, {
		name: "refresh against close", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){refresh(0, 1), closer}, readers: 1,
	}, {
		name: "pin against close", opts: Options{Slots: 1},
		tasks: []func(*world){reader(1), closer}, readers: 1,
	}, {
		name: "pin against publish and close", opts: Options{Slots: 1},
		tasks: []func(*world){reader(1), func(w *world) { w.replace(1); closer(w) }}, readers: 1,
	}, {
		name: "unpin against publish and close", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) { w.replace(1); closer(w) }}, readers: 1,
	}, {
		name: "overflow table", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){reader(1), replacer(1), unpin(0)}, readers: 1,
	}, {
		name: "two overflow tables", opts: Options{Slots: 1}, setup: held(2),
		tasks: []func(*world){reader(1), func(w *world) {
			w.replace(1)
			w.guards[0].Unpin()
			w.guards[1].Unpin()
		}}, readers: 1,
	}, {
		name: "two readers make an overflow table", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){reader(1), reader(1), func(w *world) { w.replace(1); w.guards[0].Unpin() }}, readers: 2,
	}, {
		// Little happens, so that every order is tried.
		name: "two readers find the table full", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){
			func(w *world) { reader(1)(w); w.guards[0].Unpin() },
			reader(1),
		}, readers: 2,
	}, {
		name: "two readers add a table", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){
			func(w *world) {
				g, _ := w.pin()
				if n := w.d.Stats().Pinned; n < 2 {
					w.x.fail("%d pins are seen of two", n)
				}
				g.Unpin()
				w.guards[0].Unpin()
			},
			reader(1),
		}, readers: 2,
	}, {
		// Of the pins here only the first holds something, and decides.
		name: "newer pins do not decide", opts: Options{Slots: 4},
		setup: func(w *world) {
			held(1)(w)
			w.replace(1)
			w.guards[1], _ = w.d.Pin()
			w.guards[2], _ = w.d.Pin()
		},
		tasks: []func(*world){unpin(0), func(w *world) {
			w.d.Barrier(background)
			w.guards[1].Unpin()
			w.guards[2].Unpin()
		}}, readers: 1,
	}, {
		name: "nested", opts: Options{Slots: 1},
		tasks: []func(*world){func(w *world) {
			a, _ := w.pin()
			b, _ := w.pin()
			w.read(&a)
			a.Unpin()
			w.read(&b)
			b.Unpin()
		}, replacer(1)}, readers: 1,
	}, {
		name: "copy unpinned twice", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){
			func(w *world) { g := w.guards[0]; w.catch(g.Unpin) },
			func(w *world) { g := w.guards[0]; w.catch(g.Unpin) },
			reader(1),
		}, readers: 3, final: misused(1),
	}, {
		name: "copy refreshed and unpinned", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){
			func(w *world) {
				g := w.guards[0]
				w.catch(func() { g.Refresh(); g.Unpin() })
			},
			func(w *world) { g := w.guards[0]; w.catch(g.Unpin) },
			reader(1),
			func(w *world) { w.must(w.d.Publish(contents{})) },
		}, readers: 3, final: misused(1),
	}, {
		name: "idle tail of two unpins", opts: Options{Slots: 2}, setup: held(2),
		tasks: []func(*world){unpin(0), unpin(1), replacer(1)}, readers: 2,
	}, {
		name: "idle tail of three unpins", opts: Options{Slots: 4},
		setup: func(w *world) { held(3)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), unpin(1), unpin(2)}, readers: 3,
	}, {
		name: "idle tail of a refresh and an unpin", opts: Options{Slots: 2},
		setup: func(w *world) { held(2)(w); w.replace(1) },
		tasks: []func(*world){refresh(0, 1), unpin(1)}, readers: 2,
	},
}
