package arena

import (
	"errors"
	"fmt"
	"math"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// extentSize is the unit in which files grow and memory is prepared: a huge page.
const extentSize = memfile.ExtentSize

// Bounds of one step of the capacity, which is a quarter of it: a system call
// for each quarter makes appending cost O(log n) of them.
const (
	stepMin = extentSize
	stepMax = 1 << 30
)

// Grow makes sure that n more bytes can be handed out without a system call
// (and, with Options.Commit, without a page that is not there yet). Panics if n
// is negative. An error leaves length, capacity, contents and pointers as they
// were; it wraps ErrFull, addrspace.ErrNoSpace, or the errno of the system call
// that failed.
func (a *Arena) Grow(n int) error {
	if n < 0 {
		panic(fmt.Sprintf("arena: Grow of %q by %d bytes", a.name, n))
	}
	length := a.Len()
	if n > math.MaxInt-length {
		return a.growError(length, math.MaxInt, ErrFull)
	}
	if length+n <= a.load().ready {
		return nil
	}
	return a.grow(length + n)
}

// grow makes the capacity at least need.
func (a *Arena) grow(need int) error {
	err := a.growAlone(need)
	a.offerWaiting()
	return err
}

// growAlone is grow without offering old windows to a shared domain.
func (a *Arena) growAlone(need int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	if need <= v.ready {
		return nil
	}
	if need <= v.cap {
		if err := a.commitAgain(v, need); err != nil {
			return a.growError(v.ready, need, err)
		}
		a.resetSoft()
		return nil
	}
	if need > a.limit {
		return a.growError(v.cap, need, fmt.Errorf("%w: the limit is %d bytes", ErrFull, a.limit))
	}
	goal := a.nextCap(v.cap, need)
	if size := v.window.Size(); need <= size && goal > size {
		goal = size // No comfort is worth another window.
	}
	err := a.climb(v, goal)
	if least := a.nextCap(need, need); err != nil && least < goal {
		err = a.climb(v, least) // The step was for comfort.
	}
	if err != nil {
		return a.growError(v.cap, need, err)
	}
	a.resetSoft()
	return nil
}

// growError says what could not be done: growing from one capacity to another.
func (a *Arena) growError(from, to int, err error) error {
	return fmt.Errorf("arena: grow %q by %d bytes to %d: %w", a.name, to-from, to, err)
}

// nextCap returns the capacity to grow to from one that is too small: need, and
// a step ahead if need is not far.
func (a *Arena) nextCap(from, need int) int {
	step := min(max(from/4, stepMin), stepMax)
	if a.commit {
		step = stepMin // Takes memory, not just numbers.
	}
	if from < need && need-from < step && from <= math.MaxInt-step {
		need = from + step
	}
	n, ok := align.Up(need, extentSize)
	if !ok {
		return a.limit
	}
	return min(n, a.limit)
}

// windowSize returns the length of a window that holds n bytes.
func (a *Arena) windowSize(n int) (int, error) {
	size, ok := align.Up(n, max(extentSize, a.file.Page()))
	if !ok {
		return 0, fmt.Errorf("%w: no window holds %d bytes", addrspace.ErrNoSpace, n)
	}
	return size, nil
}

// climb makes the capacity goal by the cheapest rung that gets there, and
// changes nothing visible if none does.
//
// Preconditions: mu is held; v is the newest view; v.cap < goal <= limit.
func (a *Arena) climb(v *view, goal int) error {
	if err := a.file.Grow(goal); err != nil {
		return err
	}
	a.lend(a.file.Others()) // Not zero, where it is not ours.
	if goal <= v.window.Size() {
		if err := a.mapWindow(v.window); err != nil {
			return err
		}
		return a.publish(v, v.window, goal, &a.grown.InWindow)
	}
	least, _ := a.windowSize(goal) // cannot fail: the file has become as long
	// Twice the length, so that n bytes cost O(log n) windows and those that are
	// kept are together no longer than the current one.
	size := least
	if old := v.window.Size(); old <= math.MaxInt/2 {
		size = max(least, 2*old)
	}
	if limit, err := a.windowSize(a.limit); err == nil {
		size = min(size, max(limit, least))
	}
	var extendErr, moveErr error
	if a.rungs&RungExtend != 0 {
		if extendErr = a.extend(v, least, size, goal); extendErr == nil {
			return nil
		}
	}
	if a.rungs&(RungRehome|RungAlias) != 0 {
		if moveErr = a.move(v, least, size, goal); moveErr == nil {
			return nil
		}
	}
	switch {
	case extendErr != nil && moveErr != nil:
		return fmt.Errorf("extend: %w; move: %w", extendErr, moveErr)
	case extendErr != nil:
		return fmt.Errorf("extend: %w", extendErr)
	case moveErr != nil:
		return fmt.Errorf("move: %w", moveErr)
	}
	return fmt.Errorf("%w: the window holds %d bytes and Rungs (%v) allow no bigger one", ErrFull, v.window.Size(), a.rungs)
}

// extend makes the current window longer in place, by as much as to be size
// long, or least if there is not enough room.
func (a *Arena) extend(v *view, least, size, goal int) error {
	w := v.window
	err := w.Extend(size - w.Size())
	if err != nil && least < size {
		err = w.Extend(least - w.Size())
	}
	if err != nil {
		return err
	}
	// From here on the window stays longer whatever happens: the next climb
	// finds it so.
	if err := a.mapWindow(w); err != nil {
		return err
	}
	return a.publish(v, w, goal, &a.grown.Extended)
}

// move goes to a window elsewhere, of size or at least least bytes: by moving
// the page tables there or, where that is off or fails, by mapping the file
// again. The old window stays usable either way; see publish for what becomes of
// it.
func (a *Arena) move(v *view, least, size, goal int) error {
	w, err := a.space.Reserve(size, addrspace.ReserveOptions{Name: a.name, MapAll: true, Min: least})
	if err != nil {
		return err
	}
	a.prep.Lock()
	defer a.prep.Unlock()
	counter := &a.grown.Rehomed
	if err = a.moveTables(v.window, w); err != nil && a.rungs&RungAlias != 0 {
		counter, err = &a.grown.Aliased, nil
	}
	if err == nil {
		err = a.mapWindow(w)
	}
	if err == nil {
		err = a.publish(v, w, goal, counter)
	}
	if err != nil {
		release(w)
	}
	return err
}

// errNoRehome is why page tables are not moved where they could not be.
var errNoRehome = fmt.Errorf("mremap with MREMAP_DONTUNMAP of shared memory: %w", errors.ErrUnsupported)

// moveTables moves the page tables of from to the same place in to. An error has
// changed nothing.
func (a *Arena) moveTables(from, to *addrspace.Window) error {
	if a.rungs&RungRehome == 0 || !memfile.CanMoveKeep() {
		return errNoRehome
	}
	return from.Rehome(to)
}

// mapWindow maps the file over whatever of w is not mapped yet: all of it, also
// beyond the file's end, so that growing within the window takes no mapping, and
// no fault ever waits for one.
func (a *Arena) mapWindow(w *addrspace.Window) error {
	off, n := w.Mapped(), w.Size()-w.Mapped()
	if n == 0 {
		return nil
	}
	if err := w.MapFile(off, n, a.file.Fd(), int64(off), sys.ProtRead|sys.ProtWrite); err != nil {
		return err
	}
	// All of it, not the tail alone: at vm.max_map_count it is refused when it would
	// cut a VMA, and then the next tail makes that good.
	a.huge.Advise(w.Range().Start, w.Mapped())
	return nil
}

// publish makes [0, goal) of w the arena's newest view and lets go of the window
// it replaces, if it does. On an error nothing has been published.
//
// Preconditions: mu is held; w maps the file over [0, goal).
func (a *Arena) publish(old *view, w *addrspace.Window, goal int, counter *int) error {
	v := &view{base: w.Base(), cap: goal, ready: goal, window: w}
	w.SetTouched(goal)
	if a.commits() {
		if err := a.commitRange(v, old.ready, goal); err != nil {
			return err
		}
	}
	if w != old.window {
		return a.publishMove(v, old.window, counter)
	}
	if err := a.publishView(v); err != nil {
		return err
	}
	*counter++
	return nil
}

// publishView publishes a view of the same window.
func (a *Arena) publishView(v *view) error {
	if a.exact {
		// Guards get the view from the domain. It goes there first because that
		// can fail; the writers' own view follows.
		if _, err := a.domain.Publish(v); err != nil {
			return err
		}
	}
	a.view.Store(v)
	return nil
}

// publishMove publishes a view of another window and lets go of the old one as
// the pointer rule says.
func (a *Arena) publishMove(v *view, old *addrspace.Window, counter *int) error {
	a.old.add(old)
	switch {
	case a.exact:
		// Our locks are held. The domain has no limit, so this runs nobody's Free.
		version, err := a.domain.Publish(v, a.retired(a.birth, old)...)
		if err != nil {
			a.old.forget(old)
			return err
		}
		a.birth = version
		a.view.Store(v)
	case a.domain != nil:
		// Unlink, then retire: a guard pinned from now on cannot find the old
		// window. Retired it is when our locks are free: see offerWaiting.
		a.view.Store(v)
		a.waiting = append(a.waiting, old)
	default:
		a.view.Store(v)
	}
	*counter++
	return nil
}
