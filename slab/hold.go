package slab

import (
	"os"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/pageheap"
	"github.com/growarena/growarena/internal/sys"
)

// heldRun is a run of pages that debug mode keeps inaccessible.
type heldRun struct {
	r       *pageheap.Region
	page, n int
}

// holdRunLocked makes pages that were in use inaccessible and keeps them; the ones kept
// longest are given back. It reports false where that cannot be.
//
// Preconditions: pages is locked.
func (d *debug) holdRunLocked(a *Allocator, r *pageheap.Region, page, n int) bool {
	if sys.Protect(r.Address(page), uintptr(n)*pageSize, sys.ProtNone) != nil {
		return false // At the limit of VMAs.
	}
	d.runs = append(d.runs, heldRun{r, page, n})
	a.pages.HoldLocked(r, page, n)
	if len(d.runs) > runsMax {
		d.showRunLocked(a)
	}
	return true
}

// showRunLocked makes the pages that were kept longest accessible again, and gives
// them back. It reports false if it cannot; they stay where they are.
//
// Preconditions: pages is locked; there is one.
func (d *debug) showRunLocked(a *Allocator) bool {
	h := d.runs[0]
	if sys.Protect(h.r.Address(h.page), uintptr(h.n)*pageSize, sys.ProtRead|sys.ProtWrite) != nil {
		return false
	}
	d.runs = d.runs[1:]
	a.budget.refund(h.n * pageSize)
	a.pages.ReleaseLocked(h.r, h.page, h.n)
	return true
}

// drain gives back all that is kept.
func (d *debug) drain(a *Allocator) {
	d.shorten(a, 0, 0)
	a.pages.Lock()
	defer a.pages.Unlock()
	for len(d.runs) > 0 && d.showRunLocked(a) {
	}
}

// hide frees a large object but for its addresses: its memory is given back, and
// the addresses, the earlier ones too, become inaccessible until show. Should the system refuse that, a
// use after free goes unnoticed. It reports false as claim does, and has done nothing then.
func (l *large) hide(b []byte, earlier [][]byte) bool {
	if !l.claim(b, false) {
		return false
	}
	l.pool.Load().Shrink(b, 0)
	l.budget.refund(len(b))
	for _, p := range append(earlier, b) {
		_ = sys.Protect(addrOf(p), pagesOf(p), sys.ProtNone)
	}
	return true
}

// show ends what hide began. If the system refuses that, the addresses stay
// inaccessible and taken until Close.
func (l *large) show(b []byte, earlier [][]byte) {
	for _, p := range append(earlier, b) {
		if sys.Protect(addrOf(p), pagesOf(p), sys.ProtRead|sys.ProtWrite) != nil {
			return
		}
	}
	l.pool.Load().Free(b)
}

// pagesOf returns the length of b in whole pages of the system.
func pagesOf(b []byte) uintptr {
	n, _ := align.Up(len(b), os.Getpagesize())
	return uintptr(n)
}

// move notes that the large object b has moved.
func (d *debug) move(b []byte, to uintptr) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved[to] = append(d.moved[addrOf(b)], b)
	delete(d.moved, addrOf(b))
}

// earlier returns where the large object at p was before it moved.
func (d *debug) earlier(p uintptr) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved[p]
}

// forget is earlier for the last time: soon p may be another's.
func (d *debug) forget(p uintptr) [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	earlier := d.moved[p]
	delete(d.moved, p)
	return earlier
}
