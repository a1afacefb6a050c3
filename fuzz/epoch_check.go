package fuzz

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/growarena/growarena/epoch"
)

// eventually waits until f returns nil. It returns f's error if that takes too
// long.
func eventually(f func() error) error {
	var start time.Time
	for i := 0; ; i++ {
		err := f()
		if err == nil {
			return nil
		}
		// What it waits for is up to other goroutines, usually one of this processor.
		if i < 100 {
			runtime.Gosched()
			continue
		}
		if start.IsZero() {
			start = time.Now()
		} else if time.Since(start) > patience {
			return fmt.Errorf("after %v: %w", patience, err)
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// agree compares what the domain says with the model. A Free that has ended is
// counted a moment later.
func (e *epochRun) agree() error {
	if v := e.d.Value(); v != e.value {
		return fmt.Errorf("the value is %v, want %v", v, e.value)
	}
	return eventually(func() error {
		s := e.d.Stats()
		e.scanned = true
		e.mu.Lock()
		defer e.mu.Unlock()
		waiting := int64(0)
		for _, t := range e.retired {
			waiting += t.bytes
		}
		got := []any{s.Version, s.Pinned, s.Retired, s.RetiredBytes, s.Freed, s.FreedBytes, len(s.Lost), s.Slots >= max(len(e.pins), e.slots)}
		want := []any{e.version, len(e.pins), len(e.retired), waiting, e.freed, e.bytes, 0, true}
		if !slices.Equal(got, want) {
			return fmt.Errorf("version, pinned, retired, bytes, freed, bytes, lost and slots are %v, want %v", got, want)
		}
		e.slots = s.Slots
		for _, stall := range s.Stalled {
			if err := e.checkStall(stall); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkStall checks a report of a pin that keeps something.
//
// Preconditions: mu is held.
func (e *epochRun) checkStall(s epoch.Stall) error {
	bytes, pinned := int64(0), false
	for p := range e.pins {
		pinned = pinned || p.version == s.Version
	}
	keeps := false
	for _, t := range e.retired {
		if t.birth <= s.Version && s.Version < t.late && t.state == epochWaiting {
			bytes += t.bytes
			keeps = true
		}
	}
	if !pinned || !keeps || s.Bytes != bytes || s.Lost || s.Domain != "fuzz" {
		return fmt.Errorf("%v stalls, pinned is %v, keeping %d bytes", s, pinned, bytes)
	}
	return nil
}
