package track

// Stats is what a Tracker tracks, and has told. Bytes are those of whole pages.
type Stats struct {
	Ranges   int
	Bytes    int // of them
	Written  int // that Dirty would report now; what was unmapped, or mapped anew, is left out
	Reports  int // times Dirty was called
	Reported int // bytes that it has reported in all
}

// Stats returns a snapshot. It looks at the page tables, which takes as long as a Dirty that finds nothing, and changes nothing.
// Any goroutine may call it, beside Dirty as well; after Close there are no ranges.
func (t *Tracker) Stats() Stats {
	s := Stats{Reports: int(t.reports.Load()), Reported: int(t.reported.Load())}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.watcher == nil {
		return s
	}
	s.Ranges = len(t.areas)
	for _, a := range t.areas {
		s.Bytes += int(a.End() - a.Start())
		_ = t.watcher.Peek(a.Start(), a.End(), func(start, end uintptr) { s.Written += int(end - start) })
	}
	return s
}
