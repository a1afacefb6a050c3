package arena

import (
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/align"
)

// Alloc hands out the next n bytes, zeroed (also where others could write to them before,
// by an Alias or a WritableFile), with no alignment and no gap before them: consecutive
// Allocs by one goroutine are contiguous, if no other allocates. An n of 0 gives an empty slice. Panics if n is negative. An error
// leaves the arena as it was. Safe for concurrent use; within the capacity it
// is one atomic operation.
func (a *Arena) Alloc(n int) ([]byte, error) {
	off := a.length.Load()
	end := off + int64(n)
	if end >= off && end <= a.soft.Load() && a.length.CompareAndSwap(off, end) {
		// The view is loaded after soft and stored before it (resetSoft), so it
		// holds at least soft bytes.
		if off < a.dirty.Load() {
			a.clean(int(off), n)
		}
		return a.mapping.View().Slice(int(off), n), nil
	}
	v, start, err := a.allocSlow(n, 1, a.cross)
	if err != nil {
		return nil, err
	}
	return v.Slice(start, n), nil
}

// clean clears what of [off, off+n), which lies within the capacity, may hold old
// bytes.
func (a *Arena) clean(off, n int) {
	n = min(n, int(a.dirty.Load())-off)
	switch {
	case n <= 0:
	case a.mapping.Domain == nil: // touch would do the same, but for a call.
		clear(a.load().Slice(off, n))
	default:
		a.touch(func(v *view) { clear(v.Slice(off, n)) })
	}
}

// AllocAligned is Alloc at the next multiple of alignment, a power of two of at
// most 2 MiB (windows begin at multiples of that, so the address is aligned like
// the offset). What is skipped is lost. Panics if alignment is something else.
func (a *Arena) AllocAligned(n, alignment int) ([]byte, error) {
	if !align.IsPow2(alignment) || alignment > extentSize {
		panic(fmt.Sprintf("arena: AllocAligned in %q: alignment is %d, want a power of two up to %d", a.name, alignment, extentSize))
	}
	v, start, err := a.alloc(n, alignment)
	if err != nil {
		return nil, err
	}
	return v.Slice(start, n), nil
}

// alloc hands out n bytes at a multiple of alignment.
//
// Preconditions: alignment is a power of two of at most extentSize.
func (a *Arena) alloc(n, alignment int) (*view, int, error) {
	off := a.length.Load()
	start := align.Down(off+int64(alignment)-1, int64(alignment))
	end := start + int64(n)
	if end >= start && end <= a.soft.Load() && a.length.CompareAndSwap(off, end) {
		if start < a.dirty.Load() {
			a.clean(int(start), n)
		}
		return a.mapping.View(), int(start), nil
	}
	return a.allocSlow(n, alignment, a.cross)
}

// AllocSparse is Alloc of bytes that may never be touched, or here and there: no memory
// is prepared for them, so that they take none before (but with Options.Commit).
func (a *Arena) AllocSparse(n int) ([]byte, error) {
	v, start, err := a.allocSlow(n, 1, a.skip)
	if err != nil {
		return nil, err
	}
	return v.Slice(start, n), nil
}

// allocSlow is alloc where something is to be done on the way, be it growing or
// panicking: cross, for the bytes between two offsets.
func (a *Arena) allocSlow(n, alignment int, cross func(v *view, from, to int)) (*view, int, error) {
	if n < 0 {
		panic(fmt.Sprintf("arena: Alloc of %d bytes in %q", n, a.name))
	}
	for {
		v := a.load()
		off := a.Len()
		start, ok := align.Up(off, alignment)
		if !ok || start > math.MaxInt-n {
			return nil, 0, a.growError(off, math.MaxInt, ErrFull)
		}
		end := start + n
		if end > v.Ready {
			if err := a.grow(end); err != nil {
				return nil, 0, err
			}
			continue
		}
		cross(v, off, end)
		if !a.length.CompareAndSwap(int64(off), int64(end)) {
			continue
		}
		if int64(start) < a.dirty.Load() {
			a.clean(start, n)
		}
		a.resetSoft()
		return v, start, nil
	}
}

// resetSoft stores the end up to which the next Alloc needs nothing but the
// cursor: the capacity, or the next extent to be prepared.
//
// The capacity only grows and so does the cursor, so a store that another one
// overtakes leaves a smaller number than possible, which costs a slow Alloc. It
// never leaves a larger one: what makes it smaller (Truncate, Trim, Free) needs the
// arena to itself.
func (a *Arena) resetSoft() {
	soft := min(int64(a.mapping.View().Ready), a.head.mark(a.length.Load()))
	if a.soft.Load() != soft { // A store is far dearer than a look.
		a.soft.Store(soft)
	}
}

// Truncate makes the arena n bytes long, at most as long as it is. The memory
// stays; what is handed out of it again is cleared first. Panics if n is
// negative or above Len. Nothing else may write, allocate or free
// meanwhile; readers may go on.
func (a *Arena) Truncate(n int) {
	a.load()
	length := a.Len()
	if err := a.refuseShared("truncate"); err != nil {
		panic(err.Error())
	}
	if n < 0 || n > length {
		panic(fmt.Sprintf("arena: Truncate of %q to %d bytes: length is %d", a.name, n, length))
	}
	a.cuts.Add(1)
	a.top = max(a.top, length)
	a.dirty.Store(max(a.dirty.Load(), int64(length)))
	a.length.Store(int64(n))
	a.resetSoft()
}

// Reset makes the arena empty and keeps its memory for what comes: it is
// Truncate(0). To give the memory back, call [Arena.Trim] afterwards.
func (a *Arena) Reset() { a.Truncate(0) }
