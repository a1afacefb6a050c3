package fuzz

import (
	"context"
	"errors"
	"fmt"

	"github.com/growarena/growarena/epoch"
)

func (e *epochRun) opReclaim() error {
	e.mu.Lock()
	before := e.freed
	e.mu.Unlock()
	e.calling.Store(true)
	n := e.d.TryReclaim()
	e.calling.Store(false)
	e.scanned = true // so all that can be freed is, or the reaper is about to
	e.mu.Lock()
	defer e.mu.Unlock()
	if freed := e.freed - before; n < 0 || uint64(n) > freed {
		return fmt.Errorf("TryReclaim says it has freed %d, but %d were", n, freed)
	}
	return nil
}

// opSynchronize waits, for no time at all, for those who are pinned.
func (e *epochRun) opSynchronize() error {
	var want error
	if len(e.pins) > 0 {
		want = context.Canceled
	}
	before := e.newest()
	err := e.d.Synchronize(ended)
	if !e.closed {
		if _, err := e.bumped(before); err != nil {
			return err
		}
	}
	return wantError(err, want)
}

// opBarrier waits, for no time at all, for all that was retired.
func (e *epochRun) opBarrier() error {
	return eventually(func() error {
		e.mu.Lock()
		pending := len(e.retired)
		e.mu.Unlock()
		err := e.d.Barrier(ended)
		if pending > 0 && !e.loose {
			return wantError(err, context.Canceled)
		}
		if e.loose && errors.Is(err, context.Canceled) {
			return nil // who knows
		}
		return err
	})
}

// opClose closes the domain, which is often too early to be of use.
func (e *epochRun) opClose() error {
	b := e.in.byte()
	if b&3 != 0 {
		return nil
	}
	drop := e.takeLives(b >> 2 & 7)
	before := e.newest()
	e.calling.Store(true)
	err := e.d.Shutdown(ended, e.drop(drop)...)
	e.calling.Store(false)
	if !e.closed {
		e.closed = true
		if _, err := e.bumped(before); err != nil {
			return err
		}
	}
	e.value, e.scanned = nil, true
	e.dropped(drop, e.newest())
	if e.loose {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	}
	if err := e.settle(); err != nil {
		return err
	}
	if len(e.pins) > 0 {
		return errors.Join(wantError(err, epoch.ErrPinned), wantError(err, context.Canceled))
	}
	if len(e.retired) > 0 {
		return wantError(err, context.Canceled)
	}
	// It may just have been a moment too early.
	return eventually(func() error {
		e.calling.Store(true)
		defer e.calling.Store(false)
		return e.d.Shutdown(ended)
	})
}

func (e *epochRun) opUnblock() error {
	e.unblock()
	return nil
}
