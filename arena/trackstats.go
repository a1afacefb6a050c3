package arena

import (
	"os"

	"github.com/growarena/growarena/internal/align"
)

// TrackStats is what is known of an arena that is tracked. Bytes are those of whole pages.
type TrackStats struct {
	Windows     int        // that are watched
	Written     int        // bytes that an increment would copy now: written since the last checkpoint; all of Len before the first
	Checkpoints int        // that have succeeded since Track
	Last        Checkpoint // of them
}

// TrackStats returns a snapshot, and false if the arena is not tracked. It looks at the page tables of all windows,
// which takes as long as a Checkpoint after which nothing was written, and changes nothing; windows that are being given up
// wait for it. Any goroutine may call it, also during a Checkpoint.
func (a *Arena) TrackStats() (s TrackStats, ok bool) {
	t := a.track.Load()
	if t == nil {
		return s, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.ended {
		return s, false
	}
	a.mu.Lock()
	length, windows := a.Len(), a.mapping.Windows()
	a.mu.Unlock()
	page := os.Getpagesize()
	limit, _ := align.Up(uintptr(length), uintptr(page))
	var written pageSet
	for _, w := range windows {
		area := t.areas[w]
		end := limit
		if area != nil {
			s.Windows++
			end = min(limit, area.End()-area.Start())
			start := area.Start()
			if t.watcher.Peek(start, start+end, func(from, to uintptr) {
				written.add(int(from-start)/page, int(to-start)/page)
			}) == nil {
				continue
			}
		}
		written.add(0, int(end)/page) // It is new, or its page tables have moved: all of it counts as written.
	}
	t.set.Lock()
	defer t.set.Unlock()
	written.addAll(&t.found)
	written.addAll(&t.since)
	s.Checkpoints = t.made
	if t.last != nil {
		s.Last = *t.last
	} else {
		written.add(0, int(limit)/page)
	}
	s.Written = written.count(int(limit)/page) * page
	return s, true
}
