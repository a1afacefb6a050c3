package addrspace

import (
	"fmt"
	"sync/atomic"

	"github.com/growarena/growarena/internal/sys"
)

// Duplicate maps n bytes of the file that w shows at off, from there on, at offset to of
// dst as well: in dst Reserved → Mapped. It needs no descriptor, and n may reach beyond
// what w maps, as far as the file does. An error leaves both as they were: EINVAL for
// pages of the hugetlb pool. It panics unless off is mapped in w, the range is of whole
// pages inside dst, and nothing is mapped there.
func (w *Window) Duplicate(off, n int, dst *Window, to int) error {
	for _, v := range w.inOrder("Duplicate", dst) {
		v.mu.Lock()
		defer v.mu.Unlock()
	}
	w.checkHeld("Duplicate")
	dst.checkHeld("Duplicate")
	dst.checkPart("Duplicate", to, n)
	w.adviseAgain()
	if off < 0 || off%int(w.space.page) != 0 {
		panic(fmt.Sprintf("addrspace: Duplicate of %d bytes at %d of window %v: not whole pages", n, off, w))
	}
	g, ok := w.segs.part(uintptr(off), w.space.page)
	if !ok {
		panic(fmt.Sprintf("addrspace: Duplicate of %d bytes at %d of window %v: nothing is mapped there", n, off, w))
	}
	g.off, g.n = uintptr(to), uintptr(n)
	if dst.segs.overlap(g.off, g.n) {
		panic(fmt.Sprintf("addrspace: Duplicate of window %v to %v: no %d bytes Reserved there", w, dst, n))
	}
	if err := dst.put(g, func() error { return duplicate(w.start+uintptr(off), g.n, dst.start+g.off) }); err != nil {
		return fmt.Errorf("addrspace: duplicate %d bytes at %d of window %v to %v: %w", n, off, w, dst, err)
	}
	dst.enter(g)
	return nil
}

// strangers counts what MapAlias has mapped: each gets a number in place of a descriptor,
// since which file it is nobody knows.
var strangers atomic.Int64

// MapAlias maps the shared memory at address from, of whatever library in this process, a
// second time: n bytes, at off: Reserved → Mapped. All of it is taken from the one
// mapping of the kernel's (VMA) that contains from, and goes on in that one's file, also beyond
// its end. It can be written to where from can. An error leaves the range Reserved: EINVAL says that the memory at from is private, or of the hugetlb pool,
// EFAULT that there is none, or that of a device. It panics if part of the range is mapped
// already.
//
// Preconditions: from is a multiple of the page size; what is mapped there stays until
// MapAlias returns.
func (w *Window) MapAlias(off, n int, from uintptr) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkHeld("MapAlias")
	w.checkPart("MapAlias", off, n)
	g := segment{off: uintptr(off), n: uintptr(n), fd: -1 - int(strangers.Add(1)), prot: sys.ProtRead | sys.ProtWrite}
	if w.segs.overlap(g.off, g.n) {
		panic(fmt.Sprintf("addrspace: MapAlias of %d bytes at %d of window %v: part of it is mapped", n, off, w))
	}
	w.adviseAgain()
	if err := w.put(g, func() error { return duplicate(from, g.n, w.start+g.off) }); err != nil {
		return fmt.Errorf("addrspace: map %d bytes at %#x a second time, at %d of window %v: %w", n, from, off, w, err)
	}
	w.enter(g)
	return nil
}

// duplicate maps the n bytes from address from on at to as well. The kernel takes a length
// of 0 for it (dos emulators wanted that in 1999; mremap(2)), of shared memory alone: the new
// place has the file, the protection and the flags of the old one, and no page tables.
func duplicate(from, n, to uintptr) error { return sys.Remap(from, 0, n, to, 0) }
