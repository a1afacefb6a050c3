// Package heapfeed has what one does without growarena to serve a buffer that grows: a lock
// around a slice, and around a list of blocks.
package heapfeed

import (
	"bytes"
	"context"
	"net/http"
	"sync"
)

// growing is what both have in common: a lock, and who waits for more.
type growing struct {
	mu   sync.RWMutex
	over bool
	more chan struct{} // Closed, and made anew, with each change.
}

// grow changes something, and wakes who waits.
func (g *growing) grow(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	close(g.more)
	g.more = make(chan struct{})
}

// End says that nothing is appended any more.
func (g *growing) End() { g.grow(func() { g.over = true }) }

// follow writes to w what next returns for each offset, and waits where that is nothing.
func (g *growing) follow(ctx context.Context, w http.ResponseWriter, next func(off int) []byte) {
	for off := 0; ; {
		g.mu.RLock()
		b, over, more := next(off), g.over, g.more
		g.mu.RUnlock()
		// What was appended never changes, so it is written without the lock.
		if len(b) > 0 || over {
			n, err := w.Write(b)
			if off += n; err != nil || n == 0 {
				return
			}
			continue
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// Slice is a slice that append copies when it grows.
type Slice struct {
	growing
	b []byte
}

// NewSlice returns an empty one.
func NewSlice() *Slice { return &Slice{growing: growing{more: make(chan struct{})}} }

// Append appends p, and wakes who waits.
func (f *Slice) Append(p []byte) error {
	f.grow(func() { f.b = append(f.b, p...) })
	return nil
}

// ServeHTTP answers with what there is and what comes, at most 1 MiB at once.
func (f *Slice) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.follow(r.Context(), w, func(off int) []byte { return f.b[off:min(len(f.b), off+1<<20)] })
}

// Chunks is a list of the blocks that were appended.
type Chunks struct {
	growing
	size   int // of each
	chunks [][]byte
}

// NewChunks returns an empty list of blocks of size bytes each.
func NewChunks(size int) *Chunks {
	return &Chunks{growing: growing{more: make(chan struct{})}, size: size}
}

// Append appends a block of the right size, and wakes who waits.
func (f *Chunks) Append(p []byte) error {
	chunk := bytes.Clone(p)
	f.grow(func() { f.chunks = append(f.chunks, chunk) })
	return nil
}

// ServeHTTP answers with what there is and what comes, a block at once.
func (f *Chunks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.follow(r.Context(), w, func(off int) []byte {
		if off/f.size == len(f.chunks) {
			return nil
		}
		return f.chunks[off/f.size]
	})
}
