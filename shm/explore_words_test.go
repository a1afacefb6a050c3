//go:build exploreshm

package shm

// word is a word that processes share. Each use is a point of the explorer.
type word[T uint32 | uint64] struct{ v T }

type (
	word32 = word[uint32]
	word64 = word[uint64]
)

func (w *word[T]) Load() T {
	point()
	return w.v
}

func (w *word[T]) Store(v T) {
	point()
	w.v = v
}

func (w *word[T]) Add(v T) T {
	point()
	w.v += v
	return w.v
}
