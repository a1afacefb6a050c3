package fuzz

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/growarena/growarena/epoch"
)

// moved notes that the arena has gone to another window.
func (m *arenaModel) moved(start uintptr, size int) {
	old := m.window
	m.window = arenaWindow{start: start, size: size, move: old.move + 1}
	m.windows = append(m.windows, old)
	if m.keeps() {
		// Pointers into each window that is kept are good for ever.
		m.slices = append(m.slices, keptSlice{b: old.all})
	}
	m.retire()
}

// retire lets a shared domain take the old windows it has not taken yet, each if it
// has room for it.
func (m *arenaModel) retire() {
	r := m.run
	if r.opts.Domain == nil {
		return
	}
	var held int64
	for _, other := range r.arenas {
		other.prune()
		for _, w := range other.windows {
			if w.death > 0 && !w.later {
				held += int64(w.size)
			}
		}
	}
	r.clock++
	for i := range m.windows {
		w := &m.windows[i]
		if n := int64(w.size); w.death == 0 && (r.maxRetired == 0 || n <= r.maxRetired-held) {
			w.death = r.clock
			held += n
		}
	}
}

// retireAll notes that the domain has taken them.
func (m *arenaModel) retireAll() {
	m.run.clock++
	for i := range m.windows {
		if m.windows[i].death == 0 {
			m.windows[i].death = m.run.clock
		}
	}
}

// prune forgets the windows that no guard holds.
func (m *arenaModel) prune() {
	if m.keeps() {
		return
	}
	m.windows = slices.DeleteFunc(m.windows, func(w arenaWindow) bool {
		if m.exact() {
			return !slices.ContainsFunc(m.guards, func(g keptGuard) bool { return g.move == w.move })
		}
		if w.death == 0 {
			return false
		}
		for _, other := range m.run.arenas {
			if slices.ContainsFunc(other.guards, func(g keptGuard) bool { return g.clock < w.death }) {
				return false
			}
		}
		return true
	})
}

// settle waits until what no guard holds any more has been released, and counts
// the windows.
func (r *arenaRun) settle() error {
	want := 0
	for _, m := range r.arenas {
		m.prune()
		want += len(m.windows) + len(m.aliases)
		if !m.freed {
			want++
		}
	}
	var err error
	e := until("windows are released", func() bool {
		s := r.space.Stats()
		keeps := r.opts.Domain == nil && !r.opts.Retire
		if s.Windows < want || s.Windows > want && keeps {
			err = fmt.Errorf("there are %d windows, want %d", s.Windows, want)
		}
		if err != nil || s.Windows == want {
			return true
		}
		for _, m := range r.arenas {
			if m.a != nil {
				m.a.Domain().TryReclaim()
			}
		}
		return false
	})
	return cmp.Or(err, e)
}

// until waits for what other goroutines are about to do.
func until(what string, done func() bool) error {
	start := time.Now()
	for try := 0; !done(); try++ {
		if runtime.Gosched(); try < 100 {
			continue
		}
		if time.Sleep(50 * time.Microsecond); time.Since(start) > 10*time.Second {
			return fmt.Errorf("%s: not after 10 s", what)
		}
	}
	return nil
}

// compareDomain compares what the domain knows.
func (m *arenaModel) compareDomain() error {
	if m.a == nil || m.keeps() {
		return nil
	}
	d := m.a.Domain()
	pinned, waiting, files := 0, 0, 0
	for _, other := range m.run.arenas {
		if other == m || !m.exact() {
			pinned += len(other.guards)
			waiting += len(other.windows)
			if other.freed && other.disk != nil {
				files++ // Its file waits for guards, too.
			}
			if !m.exact() {
				for _, w := range other.windows {
					if w.death == 0 || w.later {
						waiting--
					}
				}
			}
		}
	}
	// A window is released a moment before it counts as freed.
	var err error
	var s epoch.Stats
	e := until("windows count as freed", func() bool {
		s = d.Stats()
		if s.Pinned != pinned || s.Retired < waiting {
			err = fmt.Errorf("%d pins and %d windows wait, want %d and %d", s.Pinned, s.Retired, pinned, waiting)
		}
		return err != nil || s.Retired >= waiting && s.Retired <= waiting+files
	})
	if e != nil {
		e = fmt.Errorf("%w: %d wait, want %d to %d", e, s.Retired, waiting, waiting+files)
	}
	return cmp.Or(err, e)
}
