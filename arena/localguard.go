package arena

import (
	"fmt"
	"io"
	"sync"

	"github.com/growarena/growarena/internal/mapping"
)

// LocalGuard is a [Guard] for one goroutine that pins again and again. With Options.Retire
// or Options.Domain its pin costs half of [Arena.Pin]; elsewhere both cost next to
// nothing. Make one with [Arena.NewLocalGuard], and Close it.
//
// It is used by one goroutine at a time, and may be handed to another, pinned or not, in any
// way that orders the two, such as a channel.
//
// Pins nest: a Pin within a pin shows the same bytes, and the protection ends with the Unpin
// of the outermost.
type LocalGuard struct {
	_ [0]sync.Mutex // go vet finds copies.

	a    *Arena
	n    int                // the arena's length, loaded before the view: no view is shorter
	held mapping.LocalGuard // A view.
}

var _ io.Closer = (*LocalGuard)(nil)

// NewLocalGuard returns a LocalGuard that is not pinned. A domain keeps 128 bytes for it
// until Close. Panics after Free.
func (a *Arena) NewLocalGuard() *LocalGuard {
	a.load()
	return &LocalGuard{a: a, held: a.mapping.NewLocalGuard()}
}

// Pin pins the newest view, as [Arena.Pin] does, with its error; within a pin it does
// nothing but count. Panics after Close, where windows are retired.
func (g *LocalGuard) Pin() error {
	if g.held.View == nil {
		g.n = g.a.Len()
	}
	if err := g.held.Pin(); err != nil {
		return g.a.pinError(err)
	}
	return nil
}

// Bytes returns what had been handed out, or written through a [Buffer], at the outermost
// Pin or the last Refresh. It is valid until the Unpin that ends that pin, or the next
// Refresh. Panics (nil dereference) if g is not pinned.
func (g *LocalGuard) Bytes() []byte { return g.held.View.Slice(0, g.n) }

// Refresh moves the pin to the newest bytes; what Bytes returned before may become invalid.
// While nothing has grown it costs a load or two. After an error, which is that of
// [Arena.Pin], g is not pinned. Panics if g is not pinned, and within another pin, whose
// bytes would go.
func (g *LocalGuard) Refresh() error {
	if pins := g.held.Pins(); pins != 1 {
		panic(fmt.Sprintf("arena: Refresh of a LocalGuard of %q with %d pins, want 1", g.a.name, pins))
	}
	n := g.a.Len()
	if err := g.held.Refresh(); err != nil {
		return g.a.pinError(err)
	}
	g.n = n
	return nil
}

// Unpin ends the pin, or the innermost of several. Panics if g is not pinned.
func (g *LocalGuard) Unpin() {
	if g.held.View == nil {
		panic(fmt.Sprintf("arena: Unpin of a LocalGuard of %q that is not pinned", g.a.name))
	}
	g.held.Unpin()
}

// Close ends g, which is of no use afterwards. The error is nil. It may be called twice, and
// after Free of the arena. Panics if g is pinned.
func (g *LocalGuard) Close() error {
	if pins := g.held.Pins(); pins != 0 {
		panic(fmt.Sprintf("arena: Close of a LocalGuard of %q with %d pins, want 0", g.a.name, pins))
	}
	return g.held.Close()
}
