//go:build explore

package epoch

import (
	"context"
	"errors"
)

// swap publishes a new window in place of old, which was born at birth, waiting
// for room until ctx ends, and tells whether it could. If not, nothing has
// changed but what others did.
func (w *world) swap(ctx context.Context, old *window, birth uint64) bool {
	next := w.window()
	_, err := w.d.PublishWait(ctx, contents{next}, w.retired(old, birth))
	switch {
	case err == nil:
		return true
	case !errors.Is(err, ErrRetired) && !errors.Is(err, ErrClosed):
		w.x.fail("publish: %v", err)
	}
	old.retired = false
	if c, ok := w.d.Value().(contents); ok && len(c) > 0 && c[0] == next {
		w.x.fail("published in spite of %v", err)
	}
	return false
}

// retire retires a window of its own, and forgets it if the domain takes none.
func (w *world) retire() {
	n := w.window()
	if err := w.d.Retire(w.retired(n, 0)); err != nil {
		n.retired = false
		if !errors.Is(err, ErrClosed) && !errors.Is(err, ErrRetired) {
			w.x.fail("retire: %v", err)
		}
	}
}

// ends ends the context that the world shares.
func ends(w *world) { w.cancel() }

// gaveUp fails unless err is nil or comes from the context's end.
func (w *world) gaveUp(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		w.x.fail("%s: %v", what, err)
	}
}

// closeFirst closes the domain with window A, where others publish versions of the
// same value meanwhile, so that the newest is not the one A was born in.
func closeFirst(w *world) {
	if err := w.d.Shutdown(background, w.retired(w.windows[0], 2)); err != nil {
		w.x.fail("close: %v", err)
	}
	if !w.windows[0].done {
		w.x.fail("Close returned before window A was freed")
	}
}

// limitScenarios are about Options.MaxRetired and who waits for room.
var limitScenarios = []*scenario{
	{
		name: "limit, context ends", opts: Options{Slots: 1, MaxRetired: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), ends, func(w *world) {
			w.replace(1)
			w.swap(w.ctx, w.windows[1], 3)
		}}, readers: 1,
	}, {
		name: "limit, two wait for room", opts: Options{Slots: 1, MaxRetired: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0),
			func(w *world) { n := w.window(); w.must(w.d.PublishWait(background, contents{}, w.retired(n, 0))) },
			func(w *world) { n := w.window(); w.must(w.d.PublishWait(background, contents{}, w.retired(n, 0))) },
		}, readers: 1,
	}, {
		name: "limit, the writer frees", opts: Options{Slots: 1, MaxRetired: 1},
		tasks: []func(*world){
			func(w *world) { w.replace(2) }, // what nobody pins is never in the way
			func(w *world) { w.d.TryReclaim() },
		},
	}, {
		name: "limit, refresh makes room", opts: Options{Slots: 1, MaxRetired: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){refresh(0, 1), func(w *world) {
			n := w.window()
			w.must(w.d.PublishWait(background, contents{}, w.retired(n, 0)))
		}}, readers: 1,
	}, {
		// Nothing else would: the pin ends when the wait has.
		name: "limit, close alone ends the wait", opts: Options{Slots: 1, MaxRetired: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){
			func(w *world) {
				w.swap(background, w.windows[1], 3)
				w.guards[0].Unpin()
			},
			closeGivesUp,
		},
	}, {
		name: "limit, close ends the wait", opts: Options{Slots: 1, MaxRetired: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0),
			func(w *world) { w.swap(background, w.windows[1], 3) },
			func(w *world) { w.d.Shutdown(background) },
		}, readers: 1,
	},
}

// closeGivesUp closes the domain without patience.
func closeGivesUp(w *world) {
	w.cancel()
	w.gaveUp("close", w.d.Shutdown(w.ctx))
}

// closeScenarios are about Shutdown beside each other operation.
var closeScenarios = []*scenario{
	{
		name: "close against nested", opts: Options{Slots: 1},
		tasks: []func(*world){func(w *world) {
			a, ok := w.pin()
			if !ok {
				return
			}
			if b, ok := w.pin(); ok { // in an overflow table
				w.read(&b)
				b.Unpin()
			}
			w.read(&a)
			a.Unpin()
		}, closer}, readers: 1,
	}, {
		name: "close against two readers", opts: Options{Slots: 2}, setup: held(1),
		tasks: []func(*world){unpin(0), reader(1), closer}, readers: 2,
	}, {
		name: "close against retire", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), (*world).retire, closeFirst}, readers: 1,
	}, {
		name: "close against synchronize", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			if err := w.d.Synchronize(background); err != nil {
				w.x.fail("synchronize: %v", err)
			}
			for i := range w.d.slots {
				if w.d.slots[i].word.v.Load()&activeBit != 0 {
					w.x.fail("Synchronize returned before slot %d was unpinned", i)
				}
			}
		}, closeFirst}, readers: 1,
	}, {
		name: "close against barrier", opts: Options{Slots: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), func(w *world) {
			w.d.Barrier(background)
			if !w.windows[0].done {
				w.x.fail("Barrier returned before the Free")
			}
		}, closer}, readers: 1,
	}, {
		name: "close against TryReclaim and Stats", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) { w.d.TryReclaim(); w.d.Stats() }, closer}, readers: 1,
	}, {
		name: "close gives up, then waits", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			w.cancel()
			w.gaveUp("close", w.d.Shutdown(w.ctx, w.retired(w.windows[0], 2)))
			if err := w.d.Shutdown(background); err != nil {
				w.x.fail("close again: %v", err)
			}
			if !w.windows[0].done {
				w.x.fail("Close returned before the Free")
			}
		}}, readers: 1,
	}, {
		name: "two close, one gives up", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){refresh(0, 1),
			func(w *world) { w.cancel(); w.gaveUp("close", w.d.Shutdown(w.ctx)) },
			func(w *world) {
				if err := w.d.Shutdown(background, w.retired(w.windows[0], 2)); err != nil {
					w.x.fail("close: %v", err)
				}
			},
		}, readers: 1,
	},
}

// reaperScenarios are about the goroutine that frees: how it comes, goes, and is
// told.
var reaperScenarios = []*scenario{
	{
		name: "a Free retires more", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			n := w.window()
			r := w.retired(n, 0)
			free := r.Free
			r.Free = func() { free(); w.retire() }
			if err := w.d.Retire(r); err != nil {
				w.x.fail("retire: %v", err)
			}
		}}, readers: 1,
	}, {
		name: "a Free pins", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			r := w.retired(w.window(), 0)
			free := r.Free
			r.Free = func() {
				free()
				if g, ok := w.pin(); ok {
					g.Unpin()
				}
			}
			if err := w.d.Retire(r); err != nil {
				w.x.fail("retire: %v", err)
			}
		}}, readers: 1,
	}, {
		name: "reaper beside readers that come and go", opts: Options{Slots: 2},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), reader(2)}, readers: 2,
	}, {
		name: "barrier, context ends", opts: Options{Slots: 1},
		setup: func(w *world) { held(1)(w); w.replace(1) },
		tasks: []func(*world){unpin(0), ends, func(w *world) { w.gaveUp("barrier", w.d.Barrier(w.ctx)) }}, readers: 1,
	}, {
		name: "two synchronize, one gives up", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0),
			func(w *world) { w.cancel(); w.gaveUp("synchronize", w.d.Synchronize(w.ctx)) },
			func(w *world) {
				if err := w.d.Synchronize(background); err != nil {
					w.x.fail("synchronize: %v", err)
				}
			},
		}, readers: 1,
	}, {
		name: "barrier beside a Free that retires", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){unpin(0), func(w *world) {
			n := w.window()
			r := w.retired(n, 0)
			free := r.Free
			r.Free = func() { w.retire(); free() }
			if err := w.d.Retire(r); err != nil {
				w.x.fail("retire: %v", err)
			}
			w.d.Barrier(background)
			if !n.done {
				w.x.fail("Barrier returned before the Free")
			}
		}}, readers: 1,
	},
}
