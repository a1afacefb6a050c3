package arena

// headroomPause is for how many extents, at most, preparing is left alone after it has
// failed: one of them the first time, and twice as many each time it fails again.
const headroomPause = 64

// paused reports whether the extent that ends at end is left to page faults.
func (h *headroom) paused(end int64) bool { return end < h.resume.Load() }

// failed leaves some extents behind the one that ends at end to page faults. That is
// counted, and not timed: what a system lacks for good costs a system call in 64 extents,
// and an arena that stands still costs none.
func (h *headroom) failed(end int64) {
	pause := min(max(2*h.pause.Load(), 1), headroomPause)
	h.pause.Store(pause)
	h.resume.Store(end + (pause+1)*extentSize)
}

// succeeded ends the pause. A store is far dearer than a look.
func (h *headroom) succeeded() {
	if h.pause.Load() != 0 {
		h.pause.Store(0)
		h.resume.Store(0)
	}
}
