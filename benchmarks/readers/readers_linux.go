package readers

import (
	"encoding/binary"
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
	step = 64 << 10 // bytes of a write
	line = 64       // bytes of a read
)

// A store is a buffer with one writer and many readers.
type store struct {
	// write appends a block. Called by one goroutine.
	write func(block []byte) error
	// reader returns what one reader reads with: it copies the line at off, below
	// what had been written when it is called. Done ends it; may be nil.
	reader func() (read func(off int, to *[line]byte) error, done func())
	free   func() error
}

func contender(name string, open func(size int) (store, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		return run(int(c.Size), c.Goroutines, open)
	}}
}

// run writes size bytes while readers read what is there, and returns what a read
// costs. All are checked.
func run(size, readers int, open func(size int) (store, error)) (s bench.Sample, err error) {
	st, err := open(size)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, st.free()) }()
	block := make([]byte, step)
	write := func(off int) error {
		for i := 0; i < step; i += line {
			binary.LittleEndian.PutUint64(block[i:], uint64(off+i))
		}
		return st.write(block)
	}
	if err := write(0); err != nil {
		return s, err
	}
	var written atomic.Int64 // published to the readers
	written.Store(step)
	var over atomic.Bool
	var ready, wg sync.WaitGroup
	histograms := make([]*hdrhistogram.Histogram, readers)
	failures := make([]error, readers)
	worst := make([]time.Duration, readers)
	ready.Add(readers)
	for i := range readers {
		histograms[i] = bench.NewHistogram()
		wg.Go(func() {
			read, done := st.reader()
			if done != nil {
				defer done()
			}
			random := rand.New(rand.NewPCG(uint64(i), 1))
			var to [line]byte
			ready.Done()
			for !over.Load() && failures[i] == nil {
				off := int(random.Int64N(written.Load()/line)) * line
				start := time.Now()
				err := read(off, &to)
				took := time.Since(start)
				bench.Record(histograms[i], int64(took))
				worst[i] = max(worst[i], took)
				if got := binary.LittleEndian.Uint64(to[:]); err == nil && got != uint64(off) {
					err = fmt.Errorf("the line at %d has %#x", off, got)
				}
				failures[i] = err
			}
		})
	}
	ready.Wait()
	cpu, start := bench.CPUTime(), time.Now()
	for off := step; off < size && err == nil; off += step {
		if err = write(off); err == nil {
			written.Store(int64(off + step))
		}
	}
	took := time.Since(start)
	over.Store(true)
	wg.Wait()
	if err := errors.Join(append(failures, err)...); err != nil {
		return s, err
	}
	s.Latencies = histograms[0]
	for _, h := range histograms[1:] {
		s.Latencies.Merge(h)
	}
	longest := worst[0]
	for _, w := range worst {
		longest = max(longest, w)
	}
	reads := float64(s.Latencies.TotalCount())
	s.Values = map[string]float64{
		"max-ns":        float64(longest),
		"write-seconds": took.Seconds(),
		"reads":         reads,
		"cpu-seconds":   bench.CPUTime() - cpu,
	}
	for metric, q := range map[string]float64{"p50-ns": 50, "p99.9-ns": 99.9} {
		s.Values[metric] = float64(s.Latencies.ValueAtQuantile(q))
	}
	return s, nil
}
