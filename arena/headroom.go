package arena

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/memfile"
)

const (
	// headroomDefault bounds what may be prepared ahead: at 6 GiB/s it lasts for
	// some 40 ms, longer than a helper that wants the processor waits for it.
	headroomDefault = 256 << 20

	// headroomStart is the length from which memory is prepared: an arena that
	// stays below wastes nothing, one that has just passed it a huge page at most.
	headroomStart = extentSize

	// headroomShare bounds what is prepared ahead to this part of the length.
	headroomShare = 8

	// headroomTime is how long what is prepared ahead should last at the pace of
	// the last extent.
	headroomTime = 50 * time.Millisecond

	// headroomSmall bounds it where huge pages do not pay: a memory cgroup at its limit refuses
	// a huge page, but ends a process for a small one.
	headroomSmall = 8 << 20

	// headroomIdle is how long a helper waits for more before it ends.
	headroomIdle = 100 * time.Millisecond
)

// headroom prepares memory before the cursor gets there. Two do it: the writer,
// one extent at a time, when it enters one that nobody has prepared (a huge page
// at once is several times cheaper than faulting 512 small ones, also on a single
// core); and, where a core is idle and the cursor moves fast, a helper goroutine
// that works ahead. The writer does not wait for the helper: if it comes
// to the extent that the helper is at, it prepares the one behind, and if that has
// not been long enough uses this one all the same, faulting if need be.
type headroom struct {
	// max bounds the bytes ahead of the cursor; 0 means that nothing is ever
	// prepared. Immutable after init.
	max int

	// next is the end of what is prepared, is being prepared, or has been left
	// to page faults. Claimed extent by extent (atomic).
	next atomic.Int64

	// goal is how far the helper shall prepare; negative ends it. Written by the
	// writer, read by the helper (atomic).
	goal atomic.Int64

	// entered is when, in nanoseconds since the process began, the cursor last
	// entered an extent (atomic).
	entered atomic.Int64

	// resume is the end of the first extent to be prepared again after preparing has failed,
	// for want of memory or because this place cannot have a huge page; those before are left to
	// page faults. Pause is how many extents that was, 0 once preparing succeeds
	// again (atomic).
	resume, pause atomic.Int64

	// running is set while a helper exists, or somebody looks whether there is room
	// for one (atomic).
	running atomic.Bool

	// load tells whether a processor is idle. Whoever has set running has it.
	load memfile.Load

	// preparing is how many writers are preparing an extent (atomic).
	preparing atomic.Int32

	// busy is the end of the extent that the helper is at, or 0 (atomic).
	busy atomic.Int64

	// wake holds a token when the helper has something to look at. Immutable
	// after init; nil if max is 0.
	wake chan struct{}

	// byWriter and byHelper count prepared extents (atomic).
	byWriter, byHelper atomic.Int64
}

var processStart = time.Now()

// init sets up headroom as Options.Headroom says.
func (h *headroom) init(limit int, a *Arena) {
	switch {
	case limit < 0, a.commit, a.file.Page() >= extentSize:
		return
	case limit == 0 && !a.file.Memfd():
		return // Preparing memory for a file on disk means writing to the disk.
	case limit == 0:
		limit = headroomDefault
	}
	h.max = limit
	h.wake = make(chan struct{}, 1)
}

// mark returns the offset beyond length at which cross has something to do: to prepare
// memory, or to tell how much there is.
func (h *headroom) mark(length int64) int64 {
	if h.max == 0 && !census.Limited() {
		return math.MaxInt64
	}
	mark := align.Down(max(length, headroomStart)+extentSize-1, extentSize)
	return max(mark, h.resume.Load()-extentSize)
}

// rewind forgets that anything beyond off was prepared.
func (h *headroom) rewind(off int) {
	h.next.Store(min(h.next.Load(), int64(align.Down(off+extentSize-1, extentSize))))
	h.goal.Store(min(h.goal.Load(), h.next.Load()))
	h.resume.Store(min(h.resume.Load(), int64(off)+(h.pause.Load()+1)*extentSize))
}

// stop ends the helper. What it is doing it finishes: see Arena.prep.
func (h *headroom) stop() {
	h.goal.Store(-1)
	h.poke()
}

func (h *headroom) poke() {
	select {
	case h.wake <- struct{}{}:
	default: // There is a token already, or no headroom at all.
	}
}

// cross prepares for [from, to) to be handed out, if that enters an extent.
func (a *Arena) cross(v *view, from, to int) {
	h := &a.head
	if mark := h.mark(int64(from)); int64(to) <= mark || mark == math.MaxInt64 {
		return
	}
	a.note()
	if h.max == 0 {
		return
	}
	end := align.Down(int64(to)+extentSize-1, extentSize)
	next := h.next.Load()
	if next < end && h.next.CompareAndSwap(next, end) {
		// An allocation of many extents may be for touching here and there: it is
		// left to page faults.
		if to-from <= extentSize && end <= int64(v.Cap) && !h.paused(end) && a.paysHuge(false) && a.prep.TryRLock() {
			a.prepareByWriter(end)
			a.prep.RUnlock()
		}
	}
	a.lookAhead(end)
	if h.busy.Load() == end && a.hasWork() && a.paysHuge(false) && a.prep.TryRLock() {
		if next := a.claimAhead(); next > 0 {
			a.prepareByWriter(next)
		}
		a.prep.RUnlock()
	}
}

// skip leaves [from, to), which is about to be handed out, to page faults.
func (a *Arena) skip(_ *view, _, to int) {
	a.note()
	end := align.Down(int64(to)+extentSize-1, extentSize)
	for next := a.head.next.Load(); next < end && !a.head.next.CompareAndSwap(next, end); next = a.head.next.Load() {
	}
}

// prepareByWriter has a writer prepare the extent before end.
//
// Preconditions: as of prepare.
func (a *Arena) prepareByWriter(end int64) {
	a.head.preparing.Add(1)
	a.prepare(int(end)-extentSize, true, &a.head.byWriter)
	a.head.preparing.Add(-1)
}

// lookAhead tells the helper how far beyond end to prepare, at the pace at which
// the cursor moves.
func (a *Arena) lookAhead(end int64) {
	h := &a.head
	now := int64(time.Since(processStart))
	took := now - h.entered.Swap(now)
	if took <= 0 || time.Duration(took) > headroomTime || runtime.GOMAXPROCS(0) < 2 {
		return
	}
	most := int64(h.max)
	if a.mapping.Huge == HugeAuto && !memfile.HugePays() {
		most = min(most, headroomSmall)
	}
	ahead := min(int64(headroomTime)/took*extentSize, most, end/headroomShare)
	h.goal.Store(end + align.Down(ahead, extentSize))
	if !h.running.CompareAndSwap(false, true) {
		h.poke()
		return
	}
	if !h.load.Spare(1) {
		h.running.Store(false)
		return
	}
	go a.help()
}

// prepare prepares the extent at off in the newest view.
//
// Preconditions: prep is held, shared.
func (a *Arena) prepare(off int, huge bool, counter *atomic.Int64) {
	v := a.mapping.View()
	if off+extentSize > v.Cap { // Also after Free.
		return
	}
	if a.prepareExtent(v, off, huge) != nil {
		a.head.failed(int64(off) + extentSize)
		return
	}
	a.head.succeeded()
	counter.Add(1)
}

// help is the helper goroutine: it prepares extents up to the goal, and ends
// when there has been nothing to do for a while, or others need the processor.
func (a *Arena) help() {
	h := &a.head
	idle := time.NewTimer(headroomIdle)
	defer idle.Stop()
	for {
		for a.hasWork() {
			if !h.load.Spare(int(h.preparing.Load())) {
				h.running.Store(false)
				return
			}
			a.helpOnce()
		}
		idle.Reset(headroomIdle)
		select {
		case <-h.wake:
			if h.goal.Load() >= 0 {
				continue
			}
		case <-idle.C:
		}
		h.running.Store(false)
		// A goal set since is for whoever sets running first, us or the writer.
		if !a.hasWork() || !h.running.CompareAndSwap(false, true) {
			return
		}
	}
}

// hasWork reports whether an extent is to be prepared ahead.
func (a *Arena) hasWork() bool {
	h := &a.head
	next := h.next.Load()
	end := next + extentSize
	return next < h.goal.Load() && end <= int64(a.mapping.View().Cap) && !h.paused(end)
}

// helpOnce is one turn of the helper.
func (a *Arena) helpOnce() {
	a.prep.RLock()
	defer a.prep.RUnlock()
	if next := a.claimAhead(); next > 0 {
		a.head.busy.Store(next)
		a.prepare(int(next)-extentSize, a.paysHuge(true), &a.head.byHelper)
		a.head.busy.Store(0)
	}
}

// claimAhead claims the next extent up to the goal and returns its end, or 0.
func (a *Arena) claimAhead() int64 {
	h := &a.head
	next := h.next.Load()
	if next >= h.goal.Load() || !h.next.CompareAndSwap(next, next+extentSize) {
		return 0
	}
	return next + extentSize
}
