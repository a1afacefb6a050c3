package fuzz

import (
	"cmp"
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
	if s.Windows != len(windows) || s.ReservedBytes != reserved || s.MappedBytes != bytes || s.VMAs != vmas+s.Cached ||
		s.Stuck != 0 || s.Quarantined != 0 {
		return fmt.Errorf("space %+v, want %d windows of %d bytes, %d bytes mapped, %d VMAs and those of the cache",
			s, len(windows), reserved, bytes, vmas)
	}
	return nil
}

// compareMaps compares the kernel's mappings with the windows there should be,
// and with the Space's counters.
func (r *arenaRun) compareMaps() error {
	if r.space.Stats().KernelPlaced > 0 || r.zone.Len() == 0 {
		// Nobody knows where cached windows are outside of the zone.
		if err := r.space.Trim(); err != nil {
			return err
		}
	}
	windows := r.windows()
	seen := make([]int, len(windows)) // bytes of each window that are as they should be
	vmas := 0
	var wrong error
	err := sys.Maps(func(v sys.VMA) bool {
		at := addrspace.Range{Start: v.Start, End: v.End}
		for i := range windows {
			w := &windows[i]
			if at.Overlaps(addrspace.Range{Start: w.start, End: w.start + uintptr(w.size)}) {
				vmas++
				if wrong = w.compare(v, seen[i]); wrong != nil {
					return false
				}
				seen[i] += int(v.End - v.Start)
				return true
			}
		}
		if at.Overlaps(r.zone) {
			vmas++
			if v.Perms != "---p" || v.Start < r.zone.Start || v.End > r.zone.End {
				wrong = fmt.Errorf("%#x-%#x %s %s is nobody's", v.Start, v.End, v.Perms, v.Path)
			}
		}
		return wrong == nil
	})
	if err = cmp.Or(wrong, err); err != nil {
		return fmt.Errorf("maps: %w", err)
	}
	for i, w := range windows {
		if seen[i] != w.size {
			return fmt.Errorf("maps: of window %#x, %d bytes, there are %d", w.start, w.size, seen[i])
		}
		if got := r.space.Lookup(w.start); got == nil || got.Range() != (addrspace.Range{Start: w.start, End: w.start + uintptr(w.size)}) {
			return fmt.Errorf("window %#x, %d bytes, is %v for the space", w.start, w.size, got)
		}
	}
	if s := r.space.Stats(); vmas != s.VMAs {
		return fmt.Errorf("maps: %d VMAs, counted %d", vmas, s.VMAs)
	}
	return nil
}

// compare compares a VMA with what should come behind the first off bytes.
func (w *mapped) compare(v sys.VMA, off int) error {
	want := fmt.Sprintf("%d bytes at %#x", w.size, w.start)
	if v.Start != w.start+uintptr(off) {
		return fmt.Errorf("%#x-%#x is not what comes at %d of %s", v.Start, v.End, off, want)
	}
	n := int(v.End - v.Start)
	if off == w.n*w.times {
		if v.Perms != "---p" || off+n != w.size || strings.HasPrefix(v.Path, "/") {
			return fmt.Errorf("%+v at the end of %s", v, want)
		}
		return nil
	}
	if v.Perms != w.perms || v.Path != w.path || v.Offset != int64(w.off) || n != w.n {
		return fmt.Errorf("%+v at %d of %s, want %+v", v, off, want, *w)
	}
	return nil
}
