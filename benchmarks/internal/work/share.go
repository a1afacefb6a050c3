package work

import (
	"errors"
	"runtime"
	"sync"
	"time"
)

// Share has g goroutines do n operations together and returns how long that took
// from the moment all of them stood ready. Each calls f once, with its number and
// how many operations are its own.
func Share(g, n int, f func(worker, ops int) error) (time.Duration, error) {
	gate := make(chan struct{})
	errs := make([]error, g)
	var ready, done sync.WaitGroup
	for i := range g {
		ready.Add(1)
		done.Go(func() {
			ready.Done()
			<-gate
			errs[i] = f(i, (i+1)*n/g-i*n/g)
		})
	}
	ready.Wait()
	start := time.Now()
	close(gate)
	done.Wait()
	return time.Since(start), errors.Join(errs...)
}

// PerOp returns the nanoseconds of processor time that one of n operations took
// when g goroutines needed d for all of them: if that does not depend on g, the
// work scales with the processors.
func PerOp(d time.Duration, g, n int) float64 {
	procs := min(g, runtime.GOMAXPROCS(0))
	return float64(d.Nanoseconds()) * float64(procs) / float64(n)
}
