// Package figures measures what the alternatives of an example take, and prints it.
package figures

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// Row is a line of a table: its name, and a value for each column.
type Row []string

// Print writes a table.
func Print(w io.Writer, columns string, rows ...Row) error {
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(columns, ", ", "\t"))
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// Measure does some work, and returns how long that took and the most memory that was resident
// meanwhile, in bytes, beyond what was before. The memory of files that are mapped counts as
// well as the Go heap's; where there is no /proc it is 0.
func Measure(work func() error) (took time.Duration, memory int64, err error) {
	debug.FreeOSMemory() // What the one before has left is not this one's.
	before := resident()
	most, done := make(chan int64), make(chan struct{})
	go func() {
		n := int64(0)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			n = max(n, resident())
			select {
			case <-done:
				tick.Stop()
				most <- max(n, resident())
				return
			case <-tick.C:
			}
		}
	}()
	start := time.Now()
	err = work()
	took = time.Since(start)
	close(done)
	return took, max(<-most-before, 0), err
}

// Together calls f with 0 to n-1, each in a goroutine of its own, and returns their errors.
func Together(n int, f func(i int) error) error {
	errs := make([]error, n)
	var g sync.WaitGroup
	for i := range n {
		g.Go(func() { errs[i] = f(i) })
	}
	g.Wait()
	return errors.Join(errs...)
}

// Collection returns how long a garbage collection takes beside what keep refers to: the
// median of several.
func Collection(keep any) time.Duration {
	took := make([]time.Duration, 9)
	for i := range took {
		start := time.Now()
		runtime.GC()
		took[i] = time.Since(start)
	}
	runtime.KeepAlive(keep)
	slices.Sort(took)
	return took[len(took)/2]
}

// resident returns the bytes of memory that the process has.
func resident() int64 {
	b, _ := os.ReadFile("/proc/self/statm")
	f := bytes.Fields(b)
	if len(f) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// MiB returns bytes in words.
func MiB(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// Time returns a duration with three digits.
func Time(d time.Duration) string {
	for unit := time.Duration(1); unit < time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit).String()
		}
	}
	return d.Round(time.Second).String()
}
