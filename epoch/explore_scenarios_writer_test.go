//go:build explore

package epoch

import (
	"context"
	"errors"
)

// writerScenarios are about retirement and about who waits for it.
var writerScenarios = []*scenario{
	{
		name: "exact and classic together", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.replace(1)
			if err := w.d.Retire(w.retired(w.window(), 0)); err != nil {
				w.x.fail("retire: %v", err)
			}
		}}, readers: 1,
	}, {
		name: "reader and writer beside a scan", opts: Options{Slots: 1},
		setup: func(w *world) { w.replace(1) },
		tasks: []func(*world){reader(1), replacer(1)}, readers: 1,
	}, {
		name: "two writers", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0),
			func(w *world) { w.d.Retire(w.retired(w.window(), 0)) },
			func(w *world) { w.d.Retire(w.retired(w.window(), 0)) },
		}, readers: 1,
	}, {
		name: "reaper starts and leaves", opts: Options{Slots: 1},
		tasks: []func(*world){
			func(w *world) { w.d.Retire(w.retired(w.window(), 0)) },
			func(w *world) { w.d.Retire(w.retired(w.window(), 0)) },
		},
	}, {
		name: "limit, wait for room", opts: Options{Slots: 1, MaxRetired: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.replace(1)
			w.must(w.d.PublishWait(background, contents{}, w.retired(w.windows[1], 3)))
		}}, readers: 1,
	}, {
		name: "limit, error", opts: Options{Slots: 1, MaxRetired: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.replace(1)
			next := w.window()
			_, err := w.d.Publish(contents{next}, w.retired(w.windows[1], 3))
			if err != nil {
				w.windows[1].retired = false
				if !errors.Is(err, ErrRetired) || w.d.Value().(contents)[0] == next {
					w.x.fail("publish: %v", err)
				}
			}
		}}, readers: 1,
	}, {
		name: "synchronize", opts: Options{Slots: 2}, setup: held(1),
		tasks: []func(*world){unpin(0), reader(1), func(w *world) {
			// Take A out of the value first; then nobody new reaches it.
			w.must(w.d.Publish(contents{w.window()}))
			if err := w.d.Synchronize(background); err != nil {
				w.x.fail("synchronize: %v", err)
			}
			w.free(w.windows[0])
		}}, readers: 2,
	}, {
		name: "synchronize without publish", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){
			func(w *world) {
				g := w.guards[0]
				w.touch(w.windows)
				g.Unpin()
			},
			func(w *world) {
				if err := w.d.Synchronize(background); err != nil {
					w.x.fail("synchronize: %v", err)
				}
				w.free(w.windows[0])
			},
		}, readers: 1,
	}, {
		// The pin stays: nothing else tells the reaper to go.
		name: "synchronize gives up, alone", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){ends, func(w *world) { w.gaveUp("synchronize", w.d.Synchronize(w.ctx)) }},
		holds: 1,
	}, {
		name: "synchronize, context ends", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0),
			func(w *world) { w.cancel() },
			func(w *world) {
				if err := w.d.Synchronize(w.ctx); err != nil && !errors.Is(err, context.Canceled) {
					w.x.fail("synchronize: %v", err)
				}
			}}, readers: 1,
	}, {
		name: "barrier", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.replace(1)
			if err := w.d.Barrier(background); err != nil {
				w.x.fail("barrier: %v", err)
			}
			if !w.windows[0].done {
				w.x.fail("Barrier returned before the Free")
			}
		}}, readers: 1,
	}, {
		name: "two barriers and a writer", opts: Options{Slots: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0),
			func(w *world) {
				w.d.Barrier(background)
				if !w.windows[0].done {
					w.x.fail("Barrier returned before the Free")
				}
			},
			func(w *world) { w.d.Retire(w.retired(w.window(), 0)) },
		}, readers: 1,
	}, {
		name: "TryReclaim beside the reaper", opts: Options{Slots: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), func(w *world) { w.d.TryReclaim() }}, readers: 1,
	}, {
		name: "Stats beside the reaper", opts: Options{Slots: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), func(w *world) { w.d.Stats() }}, readers: 1,
	}, {
		name: "close gives up, unpin frees", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.cancel()
			err := w.d.Shutdown(w.ctx, w.retired(w.windows[0], 2))
			if err != nil && !errors.Is(err, context.Canceled) {
				w.x.fail("close: %v", err)
			}
		}}, readers: 1,
	}, {
		name: "closed twice", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0),
			func(w *world) { w.d.Shutdown(background, w.retired(w.windows[0], 2)) },
			func(w *world) { w.d.Shutdown(background) },
		}, readers: 1,
	}, {
		name: "close against publish", opts: Options{Slots: 1, MaxRetired: 1}, setup: held(1),
		tasks: []func(*world){unpin(0),
			func(w *world) {
				n := w.window()
				if _, err := w.d.PublishWait(background, contents{}, w.retired(n, 0), w.retired(w.windows[0], 0)); err == nil {
					w.x.fail("published above the limit")
				}
				n.retired, w.windows[0].retired = false, false
				if _, err := w.d.PublishWait(background, contents{}, w.retired(n, 0)); err != nil {
					n.retired = false
				}
			},
			func(w *world) { w.d.Shutdown(background) },
		}, readers: 1,
	},
}
