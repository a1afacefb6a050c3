package fuzz

import (
	"fmt"
	"strings"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
)

// mapped is a window and what should be mapped in it: the same part of a file so
// many times, and then nothing.
type mapped struct {
	start  uintptr
	size   int
	path   string
	off, n int
	times  int
	perms  string
}

// vmas returns how many the window is.
func (w *mapped) vmas() int {
	if w.n*w.times < w.size {
		return w.times + 1
	}
	return w.times
}

// windows returns all windows there should be.
func (r *arenaRun) windows() []mapped {
	var all []mapped
	for _, m := range r.arenas {
		path := "/memfd:" + m.name + " (deleted)"
		add := func(w arenaWindow) { all = append(all, mapped{w.start, w.size, path, 0, w.size, 1, "rw-s"}) }
		if !m.freed {
			add(m.window)
		}
		for _, w := range m.windows {
			add(w)
		}
		for _, l := range m.aliases {
			perms := "rw-s"
			if l.readOnly {
				perms = "r--s"
			}
			all = append(all, mapped{l.start, l.size, path, l.off, l.n, l.times, perms})
		}
	}
	return all
}

// compareSpace compares the Space's counters with what there should be.
func (r *arenaRun) compareSpace() error {
	var reserved, bytes uint64
	windows := r.windows()
	vmas := 0
	for i := range windows {
		w := &windows[i]
		reserved += uint64(w.size)
		bytes += uint64(w.n * w.times)
		vmas += w.vmas()
	}
	s := r.space.Stats()
	// A window that is used again, or is to be, can have an anchor beside it.
	anchors := s.VMAs - vmas - s.Cached
	if s.Windows != len(windows) || s.ReservedBytes != reserved || s.MappedBytes != bytes ||
		anchors < 0 || anchors > s.Windows+s.Cached || s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("space %+v, want %d windows of %d bytes, %d bytes mapped, %d VMAs and those of the cache",
			s, len(windows), reserved, bytes, vmas)
	}
	return nil
}

// compareMaps compares the kernel's mappings with the windows there should be,
// and with the Space's counters.
func (r *arenaRun) compareMaps() error {
	windows := r.windows()
	ranges := make([]addrspace.Range, len(windows))
	for i, w := range windows {
		ranges[i] = addrspace.Range{Start: w.start, End: w.start + uintptr(w.size)}
	}
	return r.space.maps(ranges, func(i int, off uintptr, v sys.VMA) error { return windows[i].compare(v, int(off)) })
}

// compare compares a VMA with what should come behind the first off bytes.
func (w *mapped) compare(v sys.VMA, off int) error {
	n := int(v.End - v.Start)
	if off == w.n*w.times {
		if v.Perms != "---p" || strings.HasPrefix(v.Path, "/") {
			return fmt.Errorf("%+v at the end of %+v", v, *w)
		}
		return nil
	}
	if v.Perms != w.perms || v.Path != w.path || v.Offset != int64(w.off) || n != w.n {
		return fmt.Errorf("%+v at %d, want %+v", v, off, *w)
	}
	return nil
}
