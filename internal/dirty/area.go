package dirty

import (
	"fmt"
	"sync"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/sys"
)

// huge is the size of what a page table, or one huge page, is for on most systems: no scan should begin or end
// within one.
const huge = 2 << 20

// vector is how many runs a scan takes from the kernel at once.
const vector = 512

// Area is memory that is watched. Scans of parts of it may run at once.
type Area struct{ start, end uintptr }

// Start returns the first address of the area.
func (a *Area) Start() uintptr { return a.start }

// End returns the first address behind the area.
func (a *Area) End() uintptr { return a.end }

// Split returns the first address behind at, in steps of n bytes, at which a part of the area should end.
func (a *Area) Split(at, n uintptr) uintptr { return min(a.end, align.Down(at+n, huge)) }

// Scan calls found for each run of pages in [from, to) that were written since they were last
// found, and protects them. Pages that are written meanwhile are found now or by the next scan. A run may be
// found twice. After an error some pages may be protected of which found was not told.
//
// Preconditions: the range is within the area; nobody unmaps it.
func (w *Watcher) Scan(a *Area, from, to uintptr, found func(start, end uintptr)) error {
	b := w.buffers.Get().(*buffer)
	defer w.buffers.Put(b)
	if err := w.walk(from, to, sys.PagesWritten, b, found); err != nil || tellsAbsent() {
		return err
	}
	if err := w.walk(from, to, sys.PagesAbsent, b, found); err != nil {
		return err
	}
	return w.walk(from, to, sys.PagesWritten, b, found)
}

// Peek calls found for each run of pages in [from, to) that the next scan would find, and leaves them as they are. Older kernels leave out those
// that have been dropped.
//
// Preconditions: the range is within an area; nobody unmaps it.
func (w *Watcher) Peek(from, to uintptr, found func(start, end uintptr)) error {
	b := w.buffers.Get().(*buffer)
	defer w.buffers.Put(b)
	return w.walk(from, to, sys.PagesPeek, b, found)
}

// walk calls found for each run of such pages, and protects them.
func (w *Watcher) walk(from, to uintptr, what sys.Pages, b *buffer, found func(start, end uintptr)) error {
	for from < to {
		n, at, err := sys.ScanPages(w.pagemap, from, to, what, b.runs)
		if err != nil {
			return fmt.Errorf("scan [%#x, %#x): %w", from, to, err)
		}
		for _, r := range b.runs[:n] {
			found(uintptr(r.Start), uintptr(r.End))
		}
		from = at
	}
	return nil
}

// tellsAbsent reports whether the kernel takes pages that have no page table for written, like others that are
// not protected.
var tellsAbsent = sync.OnceValue(func() bool {
	at, err := sys.Reserve(0, 2*huge)
	if err != nil {
		return false
	}
	defer func() { _ = sys.Unmap(at, 2*huge) }()
	w, err := open(sys.Watch)
	if err != nil {
		return false
	}
	defer w.Close()
	middle, _ := align.Up(at, huge) // Nobody has a page table here.
	if _, err := w.Add(middle, middle+huge); err != nil {
		return false
	}
	n, _, err := sys.ScanPages(w.pagemap, middle, middle+huge, sys.PagesWritten, sys.NewPageRuns(1))
	return err == nil && n == 1
})
