//go:build explore

package epoch

// locals returns a setup that makes n Locals, of which the first pinned are pinned.
func locals(n, pinned int) func(*world) {
	return func(w *world) {
		for i := range n {
			l := w.d.NewLocal()
			w.locals = append(w.locals, l)
			if i < pinned {
				l.Pin()
			}
		}
	}
}

// readLocal reads all windows of the version that l pins.
func (w *world) readLocal(l *Local) {
	c, _ := l.Value().(contents)
	w.touch(c)
}

// localReader pins the Local i, reads and unpins, n times.
func localReader(i, n int) func(*world) {
	return func(w *world) {
		l := w.locals[i]
		for range n {
			if _, err := l.Pin(); err == nil {
				w.readLocal(l)
				l.Unpin()
			}
		}
	}
}

// localUnpin reads under the pin of the Local i and ends it.
func localUnpin(i int) func(*world) {
	return func(w *world) {
		w.readLocal(w.locals[i])
		w.locals[i].Unpin()
	}
}

// localRefresh refreshes the pin of the Local i n times, reading each time, and
// ends it.
func localRefresh(i, n int) func(*world) {
	return func(w *world) {
		l := w.locals[i]
		w.readLocal(l)
		for range n {
			if err := l.Refresh(); err != nil {
				if l.Value() != nil {
					w.x.fail("a refused Refresh left a value")
				}
				return
			}
			w.readLocal(l)
		}
		l.Unpin()
	}
}

// localScenarios are about Locals beside each other operation.
var localScenarios = []*scenario{
	{
		name: "local against publish", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){localReader(0, 1), replacer(2)}, readers: 1,
	}, {
		name: "local twice against publish", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){localReader(0, 2), replacer(1)}, readers: 1,
	}, {
		name: "two locals against publish", opts: Options{Slots: 1}, setup: locals(2, 0),
		tasks: []func(*world){localReader(0, 1), localReader(1, 1), replacer(1)}, readers: 2,
	}, {
		name: "local refresh against publish", opts: Options{Slots: 1}, setup: locals(1, 1),
		tasks: []func(*world){localRefresh(0, 2), replacer(2)}, readers: 1,
	}, {
		name: "local nested against publish", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){func(w *world) {
			l := w.locals[0]
			l.Pin()
			l.Pin()
			w.readLocal(l)
			l.Unpin()
			w.readLocal(l)
			l.Unpin()
		}, replacer(1)}, readers: 1,
	}, {
		name: "local unpin and guard unpin", opts: Options{Slots: 1},
		setup: func(w *world) { locals(1, 1)(w); held(1)(w); w.replace(1) },
		tasks: []func(*world){localUnpin(0), unpin(0)}, readers: 2,
	}, {
		name: "idle tail of a local's unpin", opts: Options{Slots: 1}, setup: locals(1, 1),
		tasks: []func(*world){localUnpin(0), replacer(1)}, readers: 1,
	}, {
		name: "idle tail of a local's refresh and an unpin", opts: Options{Slots: 1},
		setup: func(w *world) { locals(2, 2)(w); w.replace(1) },
		tasks: []func(*world){localRefresh(0, 1), localUnpin(1)}, readers: 2,
	}, {
		name: "local made beside publish", opts: Options{Slots: 1}, setup: held(1),
		tasks: []func(*world){func(w *world) {
			l := w.d.NewLocal()
			if _, err := l.Pin(); err == nil {
				w.readLocal(l)
				l.Unpin()
			}
			l.Close()
		}, replacer(1), unpin(0)},
	}, {
		name: "local against close", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){localReader(0, 1), closer}, readers: 1,
	}, {
		name: "local refresh against close", opts: Options{Slots: 1}, setup: locals(1, 1),
		tasks: []func(*world){localRefresh(0, 1), closer}, readers: 1,
	}, {
		name: "local against publish and close", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){localReader(0, 1), func(w *world) { w.replace(1); closer(w) }}, readers: 1,
	}, {
		name: "local beside a guard and classic retirement", opts: Options{Slots: 1}, setup: locals(1, 0),
		tasks: []func(*world){localReader(0, 1), reader(1), (*world).retire}, readers: 2,
	}, {
		name: "local against synchronize", opts: Options{Slots: 1}, setup: locals(1, 1),
		tasks: []func(*world){
			func(w *world) {
				w.touch(w.windows)
				w.locals[0].Unpin()
			},
			func(w *world) {
				if err := w.d.Synchronize(background); err != nil {
					w.x.fail("synchronize: %v", err)
				}
				w.free(w.windows[0])
			},
		}, readers: 1,
	}, {
		name: "local, limit, wait for room", opts: Options{Slots: 1, MaxRetired: 1}, setup: locals(1, 1),
		tasks: []func(*world){localUnpin(0), func(w *world) {
			w.replace(1)
			w.must(w.d.PublishWait(background, contents{}, w.retired(w.windows[1], 3)))
		}}, readers: 1,
	},
}
