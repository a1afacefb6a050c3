//go:build explorestream

package stream

import "github.com/growarena/growarena/internal/testutil"

// word is a word that goroutines share. Each use is a point of the explorer.
type word struct{ v int64 }

func (w *word) Load() int64 {
	testutil.Point()
	return w.v
}

func (w *word) Store(v int64) {
	testutil.Point()
	w.v = v
}

// mutex is a lock, which is taken in one step with waiting for it.
type mutex struct{ held bool }

func (m *mutex) Lock() {
	testutil.Sleep(func() bool { return !m.held })
	m.held = true
}

func (m *mutex) Unlock() { m.held = false }

// turnSpins is one look: more make no orders that are others.
const turnSpins = 1
