package ingest

import (
	"sync"
	"testing"
)

func TestFrontier(t *testing.T) {
	f := newFrontier()
	type answer struct {
		at    int
		ended bool
		err   error
	}
	var got [3]answer
	var wg sync.WaitGroup
	for i, need := range []int{5, 10, 100} {
		wg.Go(func() { got[i].at, got[i].ended, got[i].err = f.wait(need) })
	}
	f.advance(5, false)
	f.advance(12, false)
	f.advance(20, true)
	wg.Wait()
	if got[0].at < 5 || got[1].at < 10 || got[2] != (answer{20, true, nil}) {
		t.Errorf("got %+v", got)
	}
	f.stop()
	if _, _, err := f.wait(1000); err != errStopped {
		t.Errorf("after stop: %v", err)
	}
}
