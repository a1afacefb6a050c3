//go:build exploreshm

package shm

import "github.com/growarena/growarena/internal/testutil"

// word is a word that processes share. Each use is a point of the explorer.
type word[T uint32 | uint64] struct{ v T }

type (
	word32 = word[uint32]
	word64 = word[uint64]
)

// readBefore has nothing to order here.
func readBefore() {}

func (w *word[T]) Load() T {
	testutil.Point()
	return w.v
}

func (w *word[T]) Store(v T) {
	testutil.Point()
	w.v = v
}

func (w *word[T]) CompareAndSwap(old, v T) bool {
	testutil.Point()
	if w.v != old {
		return false
	}
	w.v = v
	return true
}

func (w *word[T]) Add(v T) T {
	testutil.Point()
	w.v += v
	return w.v
}
