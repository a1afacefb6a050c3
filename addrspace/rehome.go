package addrspace

import (
	"errors"
	"fmt"
	"slices"

	"github.com/growarena/growarena/internal/dirty"
	"github.com/growarena/growarena/internal/sys"
)

// Rehome maps w's mapped prefix at the same offset of dst as well, and moves the
// page tables there: in dst Reserved → Mapped, populated as w was. w stays mapped
// to the same bytes and takes its pages from the file again as they are
// touched, so users of either see every write of the other. It needs Linux
// 5.13; an error, such as an older kernel's, leaves both as they were. It panics
// unless what is mapped in w starts at its start and has no holes, nothing
// is mapped there in dst, and both were reserved with the same MapFlags and Advice.
func (w *Window) Rehome(dst *Window) error {
	for _, v := range w.inOrder("Rehome", dst) {
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	w.checkHeld("Rehome")
	dst.checkHeld("Rehome")
	n := uintptr(w.mapped.Load())
	if n == 0 {
		return nil
	}
	if !w.segs.covers(0, n) {
		panic(fmt.Sprintf("addrspace: Rehome of window %v: its mapped part is not a prefix", w))
	}
	return w.rehome(0, n, dst, 0)
}

// RehomePart is [Window.Rehome] for [off, off+n) of w, which comes to offset to of dst, which
// may be w. It panics unless that is whole pages, all of them mapped in w, nothing is mapped
// there in dst, and both were reserved with the same MapFlags and Advice.
func (w *Window) RehomePart(off, n int, dst *Window, to int) error {
	if w == dst {
		w.mu.Lock()
		defer w.mu.Unlock()
	} else {
		for _, v := range w.inOrder("Rehome", dst) {
			v.mu.Lock()
			defer v.mu.Unlock()
		}
	}
	w.checkHeld("Rehome")
	dst.checkHeld("Rehome")
	w.checkPart("Rehome", off, n)
	dst.checkPart("Rehome", to, n)
	if !w.segs.covers(uintptr(off), uintptr(n)) {
		panic(fmt.Sprintf("addrspace: Rehome of %d bytes at %d of window %v: part of it is not mapped", n, off, w))
	}
	return w.rehome(uintptr(off), uintptr(n), dst, uintptr(to))
}

// rehome is RehomePart for a range that is mapped.
//
// Preconditions: w.mu and dst.mu are held.
func (w *Window) rehome(off, n uintptr, dst *Window, to uintptr) error {
	if w.opts.MapFlags != dst.opts.MapFlags || !slices.Equal(w.opts.Advice, dst.opts.Advice) {
		panic(fmt.Sprintf("addrspace: Rehome of window %v to %v: their MapFlags or Advice differ", w, dst))
	}
	if to+n > dst.len() || dst.segs.overlap(to, n) {
		panic(fmt.Sprintf("addrspace: Rehome of window %v to %v: no %d bytes Reserved there", w, dst, n))
	}
	fail := func(err error) error {
		return fmt.Errorf("addrspace: rehome %d bytes of window %v to %v: %w", n, w, dst, err)
	}
	w.adviseAgain()
	g, ok := w.segs.part(off, n)
	if !ok {
		// Several VMAs: parts of several files or protections, or one that refused
		// the advice against dumping. Before 6.17 the kernel answers EFAULT to these;
		// the caller maps the file again instead.
		return fail(sys.EINVAL)
	}
	if dirty.IsPartlyWatched(w.start+off, w.start+off+n) {
		return fail(fmt.Errorf("%w: a part of it is tracked (package track), so it is several mappings: close the Tracker, or have it track all of the window", sys.EINVAL))
	}
	g.off = to
	if err := dst.put(g, func() error { return dst.moveHere(w.start+off, n, to) }); err != nil {
		return fail(err)
	}
	dst.setSegs(dst.segs.add(g))
	return nil
}

// moveHere moves the page tables of [from, from+n) to offset to of w. An error has moved nothing: what is several mappings to the
// kernel, since somebody has locked or advised a part, is refused, but since Linux 6.17 only when the first ones have moved.
func (w *Window) moveHere(from, n, to uintptr) error {
	err := mremapMoveKeep(from, n, w.start+to)
	if !errors.Is(err, sys.EFAULT) {
		return err
	}
	var file sys.FileID
	var there []sys.VMA
	_ = sys.Maps(func(v sys.VMA) bool {
		switch {
		case v.Start <= from && from < v.End:
			file = v.File
		case v.Start >= w.start+to && v.End <= w.start+to+n:
			there = append(there, v)
		}
		return true
	})
	for _, v := range there {
		if v.File == file && v.File != (sys.FileID{}) { // Nobody else maps that here.
			_ = w.space.cover(Range{v.Start, v.End}) // Else it stays so until w is released.
		}
	}
	return err
}

// mremapMoveKeep moves the page tables of [from, from+n), and leaves the place mapped. The
// kernel unmaps the destination, maps the file there and moves the page tables, by
// whole pages of them where both places are aligned alike.
func mremapMoveKeep(from, n, to uintptr) error { return sys.Remap(from, n, n, to, sys.RemapKeep) }

// inOrder returns w and v in the order their locks are taken, the lower first,
// so that two goroutines rehoming in opposite directions do not wait for each
// other. Two windows that are both held never start at the same address.
func (w *Window) inOrder(method string, v *Window) [2]*Window {
	if w == v || w.space != v.space {
		panic(fmt.Sprintf("addrspace: %s of window %v to %v: not two windows of a Space", method, w, v))
	}
	if w.start < v.start {
		return [2]*Window{w, v}
	}
	return [2]*Window{v, w}
}
