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

// Enough does operations with f, count of them for a start, which is not counted,
// and then as many as take about least, but no fewer than count and no more than a
// thousand times as many. It returns how long these took and how many they were.
func Enough(least time.Duration, count int, f func(ops int) (time.Duration, error)) (time.Duration, int, error) {
	d, err := f(count)
	if err != nil {
		return 0, 0, err
	}
	times := float64(least) / float64(max(d, 1))
	n := int(float64(count) * min(max(times, 1), 1000))
	d, err = f(n)
	return d, n, err
}
