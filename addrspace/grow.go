package addrspace

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Grow returns a window of at least n bytes that shows what w does: w itself, made longer
// where it is, or another one, reserved as w was but not Compact, to which all that is mapped in w has
// gone by [Window.RehomePart], at the same offsets. Whichever it is gets twice the length
// of w where there is room, so that growing n bytes takes O(log n) windows.
//
// If it is another one, w stays mapped to the same bytes, and is the caller's: kept, or
// released when nobody uses its addresses any more, which package epoch tells.
//
// An error, such as one that wraps [ErrNoSpace], has changed nothing but, perhaps, the
// length of w; where page tables cannot be moved, reserve a window and map the file
// again. It panics if n is not positive. Nothing may be mapped in w meanwhile.
func (w *Window) Grow(n int) (*Window, error) {
	if n <= 0 {
		panic(fmt.Sprintf("addrspace: Grow of window %v to %d bytes", w, n))
	}
	w.checkHeld("Grow")
	have := w.Size()
	if n <= have {
		return w, nil
	}
	size := max(n, int(min(2*uint64(have), math.MaxInt-Alignment)))
	extendErr := w.Extend(size - have)
	if extendErr != nil && n < size {
		extendErr = w.Extend(n - have)
	}
	if extendErr == nil {
		return w, nil
	}
	o := w.opts
	o.Compact, o.Min = false, n
	next, err := w.space.Reserve(size, o)
	if err == nil {
		if err = w.rehomeAll(next); err == nil {
			return next, nil
		}
		err = errors.Join(err, next.Release())
	}
	return nil, fmt.Errorf("%w; %w", extendErr, err)
}

// rehomeAll is RehomePart for each part of w, to the same offset.
func (w *Window) rehomeAll(dst *Window) error {
	for _, v := range w.inOrder("Grow", dst) {
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	w.checkHeld("Grow")
	for _, g := range slices.Clone(w.segs) {
		if err := w.rehome(g.off, g.n, dst, g.off); err != nil {
			return err
		}
	}
	return nil
}
