package arena

import (
	"fmt"
	"math"

	"github.com/growarena/growarena/internal/align"
	"github.com/growarena/growarena/internal/memfile"
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
	if length+n <= a.load().Ready {
		return nil
	}
	return a.grow(length + n)
}

// grow makes the capacity at least need.
func (a *Arena) grow(need int) error {
	defer a.note()
	err := a.growAlone(need)
	a.mapping.OfferWaiting()
	return err
}

// growAlone is grow without offering old windows to a shared domain.
func (a *Arena) growAlone(need int) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := a.load()
	if need <= v.Ready {
		return nil
	}
	if need <= v.Cap {
		if err := a.commitAgain(v, need); err != nil {
			return a.growError(v.Ready, need, err)
		}
		a.resetSoft()
		return nil
	}
	if need > a.limit {
		return a.growError(v.Cap, need, fmt.Errorf("%w: the limit is %d bytes", ErrFull, a.limit))
	}
	goal := a.nextCap(v.Cap, need)
	if size := v.Window.Size(); need <= size && goal > size {
		goal = size // No comfort is worth another window.
	}
	err := a.climb(v, goal)
	if least := a.nextCap(need, need); err != nil && least < goal {
		err = a.climb(v, least) // The step was for comfort.
	}
	if err != nil {
		return a.growError(v.Cap, need, err)
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

// climb makes the capacity goal by the cheapest rung that gets there, and
// changes nothing visible if none does.
//
// Preconditions: mu is held; v is the newest view; v.Cap < goal <= limit.
func (a *Arena) climb(v *view, goal int) error {
	if err := a.file.Grow(goal); err != nil {
		return err
	}
	a.lend(a.file.Others()) // Not zero, where it is not ours.
	return a.mapping.Grow(goal, func(next *view) error {
		if !a.commits() {
			return nil
		}
		return a.commitRange(next, v.Ready, goal)
	})
}
