package arena_test

import (
	"context"
	"testing"

	"github.com/growarena/growarena/arena"
)

// newBuffer makes a Buffer for a test and frees it when that ends.
func newBuffer(t testing.TB, opts arena.Options) *arena.Buffer {
	t.Helper()
	a := newArena(t, opts)
	t.Cleanup(func() { freeNow(t, a) })
	return arena.NewBufferIn(a)
}

// freeNow frees a and waits until its windows have been released.
func freeNow(t testing.TB, a *arena.Arena) {
	t.Helper()
	free(t, a)
	if d := a.Domain(); d != nil {
		if err := d.Barrier(context.Background()); err != nil {
			t.Error(err)
		}
	}
}

func count(n int, err error) (int64, error) { return int64(n), err }
