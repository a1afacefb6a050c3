package stream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

const (
	readers   = 4
	burst     = 16                     // reads, one behind the other
	rest      = 100 * time.Microsecond // between bursts
	write     = 64                     // rows of which the time is taken
	dropEvery = 64 << 10               // rows
)

// contender makes a contender of what opens a table. A case's size is all bytes that are
// written, its count the rows that are appended at once, and kept the share of the
// rows that stay: 1 for all.
func contender(name string, kept float64, open func(rows int64) (table, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		return run(c.Size/rowSize, c.Count, kept, open)
	}}
}

// run appends rows to a table while others read, has them read on when nobody writes, and
// checks what is there.
func run(rows int64, batch int, kept float64, open func(rows int64) (table, error)) (s bench.Sample, err error) {
	s = bench.Sample{Latencies: bench.NewHistogram()}
	r := newReading()
	rss := bench.RSS()
	cpu, start := bench.CPUTime(), time.Now()
	t, err := open(rows)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.write(0, write); err != nil {
		return s, err
	}
	r.start(t)
	keep := int64(float64(rows) * kept)
	last, worst, held := time.Now(), time.Duration(0), 0
	for n := int64(write); n < rows && err == nil; {
		for end := n + write; n < end && err == nil; n += int64(batch) {
			err = t.write(n, batch)
		}
		if err == nil && n%dropEvery == 0 && n > keep {
			err = t.drop(n - keep)
			held = max(held, t.committed())
		}
		now := time.Now()
		bench.Record(s.Latencies, int64(now.Sub(last)))
		worst, last = max(worst, now.Sub(last)), now
	}
	took := last.Sub(start)
	cpu = bench.CPUTime() - cpu
	peak := max(bench.PeakRSS()-rss, int64(max(held, t.committed())))
	r.phase.Add(1)
	time.Sleep(min(max(took, 50*time.Millisecond), time.Second))
	r.phase.Add(1)
	if err := errors.Join(err, r.stop()); err != nil {
		return s, err
	}
	beside, alone := r.latencies(0), r.latencies(1)
	s.Values = map[string]float64{
		"seconds":        took.Seconds(),
		"worst-ns":       float64(worst),
		"cpu-seconds":    cpu,
		"peak-rss-bytes": float64(peak),
		"read-p50-ns":    float64(beside.ValueAtQuantile(50)),
		"read-p99.9-ns":  float64(beside.ValueAtQuantile(99.9)),
		"alone-p99.9-ns": float64(alone.ValueAtQuantile(99.9)),
		"read-slowdown":  float64(beside.ValueAtQuantile(99.9)) / float64(alone.ValueAtQuantile(99.9)),
	}
	return s, check(t, rows, keep)
}

// check checks the last row and some of all others that are there.
func check(t table, rows, keep int64) error {
	var end, other row
	for pick := int64(0); pick < rows; pick += 61 {
		if err := t.read(uint64(pick), &end, &other); err != nil {
			return err
		}
		if end.number < rows-1 || !end.whole() || !other.whole() {
			return fmt.Errorf("of %d rows the last is %v, and another %v", rows, end, other)
		}
		if rows > keep+2*dropEvery && other.number < rows-keep-2*dropEvery {
			return fmt.Errorf("row %d of %d is still there", other.number, rows)
		}
	}
	return nil
}

// reading is goroutines that read a table.
type reading struct {
	phase atomic.Int64 // 0 beside the writer, 1 without, 2 is the end
	each  [readers]reader
	done  sync.WaitGroup
}

// reader is one of them. Its histograms are of the phases, which are two.
type reader struct {
	took [2]*hdrhistogram.Histogram
	err  error
	_    [64]byte
}

func newReading() *reading {
	r := new(reading)
	for i := range r.each {
		for k := range r.each[i].took {
			r.each[i].took[k] = bench.NewHistogram()
		}
	}
	return r
}

func (r *reading) start(t table) {
	for i := range r.each {
		r.done.Go(func() { r.each[i].err = r.read(t, &r.each[i], rand.New(rand.NewPCG(uint64(i), 1))) })
	}
}

func (r *reading) read(t table, me *reader, random *rand.Rand) error {
	var last, other row
	for {
		phase := r.phase.Load()
		if phase >= int64(len(me.took)) {
			return nil
		}
		for range burst {
			pick := random.Uint64()
			start := time.Now()
			if err := t.read(pick, &last, &other); err != nil {
				return err
			}
			bench.Record(me.took[phase], int64(time.Since(start)))
			if !last.whole() || !other.whole() {
				return fmt.Errorf("read row %d as %v, and row %d as %v", last.number, last.values, other.number, other.values)
			}
		}
		time.Sleep(rest)
	}
}

// stop waits for the end, which phase says.
func (r *reading) stop() error {
	r.done.Wait()
	errs := make([]error, readers)
	for i := range r.each {
		errs[i] = r.each[i].err
	}
	return errors.Join(errs...)
}

// latencies returns those of a phase, when all have stopped.
func (r *reading) latencies(phase int) *hdrhistogram.Histogram {
	all := bench.NewHistogram()
	for i := range r.each {
		all.Merge(r.each[i].took[phase])
	}
	return all
}
