package peers

import (
	"sync"
	"testing"
)

// TestStriped has goroutines read two numbers that are only equal while nobody
// has the exclusive use.
func TestStriped(t *testing.T) {
	var s Striped
	var a, b int
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := s.Acquire()
				if a != b {
					t.Errorf("%d and %d", a, b)
				}
				s.Release(n)
			}
		})
	}
	for range 50 {
		s.Exclusive(func() { a++; b++ })
	}
	close(stop)
	wg.Wait()
	if a != 50 {
		t.Errorf("%d exclusive uses", a)
	}
}
