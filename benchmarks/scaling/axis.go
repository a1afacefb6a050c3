package scaling

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// sizes returns a case for each power of 4 bytes from one size to another.
func sizes(from, to int64) (cases []bench.Case) {
	for n := from; n <= to; n *= 4 {
		label := fmt.Sprintf("%d MiB", n/mib)
		if n >= gib {
			label = fmt.Sprintf("%d GiB", n/gib)
		}
		cases = append(cases, bench.Case{Label: label, Size: n})
	}
	return cases
}

// counts returns a case for each number.
func counts(all ...int) (cases []bench.Case) {
	for _, n := range all {
		s := strconv.Itoa(n)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		cases = append(cases, bench.Case{Label: s, Count: n})
	}
	return cases
}

// repeat does f n times and returns the median of what it took, in nanoseconds: for
// single operations, of which some meet the scheduler.
func repeat(n int, f func() (time.Duration, error)) (float64, error) {
	var all []float64
	for range n {
		d, err := f()
		if err != nil {
			return 0, err
		}
		all = append(all, float64(d.Nanoseconds()))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}

// repeats is how often something is done that takes a touch of so many pages.
func repeats(pages int64) int { return int(min(max(500/max(pages, 1), 1), 9)) }

// sample returns a sample with one value.
func sample(metric string, v float64, err error) (bench.Sample, error) {
	return bench.Sample{Values: map[string]float64{metric: v}}, err
}
