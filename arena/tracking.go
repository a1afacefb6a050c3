package arena

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/dirty"
)

// scanChunk is how much of a window is scanned in one piece.
const scanChunk = 128 << 20

// scanners is how many goroutines scan at once, at most.
const scanners = 4

// tracking is what an arena knows of its writes while it is tracked.
//
// Locks: one, then mu, then Arena.mu, then set.
type tracking struct {
	watcher *dirty.Watcher

	one sync.Mutex // one checkpoint at a time

	mu    sync.RWMutex                      // scans hold it shared, who lets windows come and go alone
	areas map[*addrspace.Window]*dirty.Area // windows that are watched. Protected by mu.
	armed bool                              // there was a look. Protected by mu.
	ended bool                              // Protected by mu.

	set   sync.Mutex
	found pageSet // what was written since the last scan was taken. Protected by set.

	// Protected by one, and changed with set as well.
	since pageSet     // what was written since last, or is not in it
	last  *Checkpoint // that succeeded; nil for none
	made  int         // how many have
}

// look has all windows watched, and what has become longer or has lost its page tables to another one.
// What is watched from now on counts as written.
//
// Preconditions: mu is held, and what keeps windows from being made; none of them is released.
func (t *tracking) look(windows []*addrspace.Window) error {
	for _, w := range windows {
		start := w.Range().Start
		end := start + uintptr(w.Mapped())
		var err error
		switch area := t.areas[w]; {
		case area != nil:
			err = t.watcher.Extend(area, end)
		case t.armed:
			area, err = t.watcher.AddMoved(start, end)
			t.areas[w] = area
		default:
			area, err = t.watcher.Add(start, end)
			t.areas[w] = area
		}
		if err != nil {
			if t.areas[w] == nil {
				delete(t.areas, w)
			}
			return err
		}
	}
	t.armed = true
	return nil
}

// leave takes what was written through a window that is about to be released.
func (t *tracking) leave(w *addrspace.Window) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	if area := t.areas[w]; area != nil {
		delete(t.areas, w)
		defer t.watcher.Forget(area.Start())
		// It may have lost its page tables since, and been watched no more.
		if t.watcher.Extend(area, area.End()) == nil && t.watcher.Scan(area, area.Start(), area.End(), t.finder(area)) == nil {
			return
		}
	}
	t.note(0, w.Mapped())
}

// note notes that [off, off+n) may have been written.
func (t *tracking) note(off, n int) {
	page := os.Getpagesize()
	t.set.Lock()
	defer t.set.Unlock()
	t.found.add(off/page, (off+n+page-1)/page)
}

// finder returns what is called with what was found in an area.
func (t *tracking) finder(area *dirty.Area) func(start, end uintptr) {
	return func(start, end uintptr) { t.note(int(start-area.Start()), int(end-start)) }
}

// piece is a part of an area that is scanned at once.
type piece struct {
	window   *addrspace.Window
	area     *dirty.Area
	from, to uintptr
}

// scan finds what was written through any window since the last scan, up to the capacity.
func (t *tracking) scan(a *Arena) error {
	pieces, err := t.pieces(a)
	if err != nil {
		return err
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, max(min(scanners, len(pieces), runtime.GOMAXPROCS(0)), 1))
	work := func(i int) {
		for errs[i] == nil {
			n := int(next.Add(1)) - 1
			if n >= len(pieces) {
				return
			}
			errs[i] = t.scanPiece(pieces[n])
		}
	}
	for i := 1; i < len(errs); i++ {
		wg.Go(func() { work(i) })
	}
	work(0)
	wg.Wait()
	return errors.Join(errs...)
}

// pieces returns what is to be scanned.
func (t *tracking) pieces(a *Arena) ([]piece, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, errUntracked
	}
	a.mu.Lock()
	v := a.mapping.View()
	windows := a.mapping.Windows()
	var err error
	if v.Window == nil {
		err = errUntracked
	} else {
		err = t.look(windows)
	}
	a.mu.Unlock()
	if err != nil {
		return nil, err
	}
	limit, _ := align.Up(uintptr(v.Cap), uintptr(a.file.Page()))
	var list []piece
	for _, w := range windows {
		area := t.areas[w]
		end := min(area.Start()+limit, area.End())
		for at := area.Start(); at < end; {
			to := min(area.Split(at, scanChunk), end)
			list = append(list, piece{w, area, at, to})
			at = to
		}
	}
	return list, nil
}

// errUntracked ends a checkpoint beside Untrack or Free.
var errUntracked = fmt.Errorf("it is tracked no more: %w", epoch.ErrClosed)

func (t *tracking) scanPiece(p piece) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	switch {
	case t.ended:
		return errUntracked
	case t.areas[p.window] != p.area:
		return nil // It has left, and what was written to it is known.
	}
	err := t.watcher.Scan(p.area, p.from, p.to, t.finder(p.area))
	if err != nil {
		// What was found there and told nobody is not known: it may have moved meanwhile.
		t.note(int(p.from-p.area.Start()), int(p.to-p.from))
	}
	if dirty.IsGone(err) {
		return nil // The next look has it watched again.
	}
	return err
}
