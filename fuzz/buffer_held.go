package fuzz

import (
	"bytes"
	"fmt"

	"github.com/growarena/growarena/arena"
)

const (
	heldSlicesMax = 4
	heldBytesMax  = 16 << 10
)

// heldSlice is a slice of the content that somebody keeps while the Buffer grows
// on: under a guard, unless the arena keeps its old windows.
type heldSlice struct {
	b     []byte
	want  []byte // what it should show; replaced in a file by what is there now
	off   int    // in the arena
	guard arena.Guard
	pins  bool
}

// hold takes a slice of the unread bytes.
func (r *bufferRun) hold(n, k int) error {
	a := r.b.Arena()
	if a == nil || r.b.Len() == 0 {
		return nil
	}
	if len(r.held) == heldSlicesMax {
		r.dropHeld(k)
	}
	var h heldSlice
	at := a.Len() - r.b.Len()
	if a.Domain() != nil || k%2 == 0 {
		g, err := a.Pin()
		if err != nil {
			return err
		}
		h.guard, h.pins = g, true
		h.b = g.Bytes()[at:]
	} else {
		var err error
		if h.b, err = r.b.Peek(r.b.Len()); err != nil {
			return err
		}
	}
	n = min(n, len(h.b)-1)
	h.b = h.b[n:min(len(h.b), n+heldBytesMax)]
	h.off = at + n
	h.want = bytes.Clone(h.b)
	r.held = append(r.held, h)
	if off := a.Offset(h.b); off != h.off {
		return fmt.Errorf("it is at Offset %d, want %d", off, h.off)
	}
	return nil
}

// dropHeld forgets the slice that k chooses, or all for -1.
func (r *bufferRun) dropHeld(k int) {
	for i := len(r.held) - 1; i >= 0; i-- {
		if k >= 0 && i != k%len(r.held) {
			continue
		}
		if r.held[i].pins {
			r.held[i].guard.Unpin()
		}
		r.held = append(r.held[:i], r.held[i+1:]...)
		if k >= 0 {
			return
		}
	}
}

// compareHeld compares the slices that are kept: with what they showed when they
// were taken or, in a file, with what is there now.
func (r *bufferRun) compareHeld() error {
	for i, h := range r.held {
		got, want := h.b, h.want
		if r.file != nil {
			want = r.file.data[min(h.off, len(r.file.data)):min(h.off+len(h.b), len(r.file.data))]
			got = got[:len(want)]
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("slice %d of those that are kept, of %d bytes at %d, has changed", i, len(h.b), h.off)
		}
	}
	return nil
}
