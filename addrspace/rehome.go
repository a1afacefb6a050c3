package addrspace

import (
	"fmt"

	"github.com/growarena/growarena/internal/sys"
)

// Rehome maps w's mapped prefix at the same offset of dst as well, and moves the
// page tables there: in dst Reserved → Mapped, populated as w was. w stays mapped
// to the same bytes and takes its pages from the file again as they are
// touched, so users of either see every write of the other. It needs Linux
// 5.13; an error, such as an older kernel's, leaves both as they were. It panics
// unless what is mapped in w starts at its start and has no holes, and nothing
// is mapped there in dst.
func (w *Window) Rehome(dst *Window) error {
	if w == dst || w.space != dst.space {
		panic(fmt.Sprintf("addrspace: Rehome of window %v to %v: not two windows of a Space", w, dst))
	}
	for _, v := range w.inOrder(dst) {
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	w.checkHeld("Rehome")
	dst.checkHeld("Rehome")
	if len(w.segs) == 0 {
		return nil
	}
	w.advise()
	g := w.segs[0]
	if g.off != 0 || uintptr(w.mapped.Load()) != g.n && !w.segs.covers(0, uintptr(w.mapped.Load())) {
		panic(fmt.Sprintf("addrspace: Rehome of window %v: its mapped part is not a prefix", w))
	}
	if dst.len() < g.n || dst.segs.overlap(0, g.n) {
		panic(fmt.Sprintf("addrspace: Rehome of window %v to %v: no %d bytes Reserved there", w, dst, g.n))
	}
	fail := func(err error) error {
		return fmt.Errorf("addrspace: rehome %d bytes of window %v to %v: %w", g.n, w, dst, err)
	}
	if len(w.segs) > 1 {
		// One prefix, but of several VMAs: parts of several files or protections,
		// or one that refused the advice against dumping. Before 6.17 the kernel
		// answers EFAULT to these; the caller maps the file again instead.
		return fail(sys.EINVAL)
	}
	if err := dst.mend(); err != nil {
		return fail(err)
	}
	var room [4]segment
	next := append(room[:0], dst.segs...)
	if err := dst.settle(segments(next).add(g)); err != nil {
		return fail(err)
	}
	// The kernel unmaps the destination, maps the file there and moves the page
	// tables, by whole pages of them where both places are aligned alike.
	if err := sys.MoveKeep(w.start, g.n, dst.start); err != nil {
		dst.restore(0, g.n)
		dst.mustSettle(dst.segs)
		return fail(err)
	}
	dst.setSegs(dst.segs.add(g))
	return nil
}

// inOrder returns w and v in the order their locks are taken, the lower first,
// so that two goroutines rehoming in opposite directions do not wait for each
// other. Two windows that are both held never start at the same address.
func (w *Window) inOrder(v *Window) [2]*Window {
	if w.start < v.start {
		return [2]*Window{w, v}
	}
	return [2]*Window{v, w}
}
