package stream

import (
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
	"github.com/growarena/growarena/stream"
)

const (
	record   = 200      // bytes of an append
	live     = 64 << 20 // bytes that stay
	dropStep = 2 << 20
	timed    = 256 // appends
)

// appendContender makes a contender of what opens something to append to.
func appendContender(name string, appenders int, open func() (appender, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		return appends(int(c.Size/record), max(appenders, c.Goroutines), open)
	}}
}

// appender is something to append records to, by several goroutines unless it says otherwise.
type appender struct {
	append func(p []byte) error
	// last calls check with the records that were kept, one behind the other.
	last  func(check func([]byte) error) error
	close func() error
}

// appends has goroutines append n records, and checks what is left of them.
func appends(n, appenders int, open func() (appender, error)) (s bench.Sample, err error) {
	a, err := open()
	if err != nil {
		return s, err
	}
	defer func() {
		if closed := a.close(); err == nil {
			err = closed
		}
	}()
	latencies := make([]*hdrhistogram.Histogram, appenders)
	for i := range latencies {
		latencies[i] = bench.NewHistogram()
	}
	took, err := work.Share(appenders, n, func(me, ops int) error {
		p := make([]byte, record)
		last := time.Now()
		for i := range ops {
			stampRecord(p, me, i)
			if err := a.append(p); err != nil {
				return err
			}
			if i%timed == timed-1 {
				now := time.Now()
				bench.Record(latencies[me], int64(now.Sub(last)))
				last = now
			}
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s.Latencies = latencies[0]
	for _, l := range latencies[1:] {
		s.Latencies.Merge(l)
	}
	s.Values = map[string]float64{"ns/op": float64(took.Nanoseconds()) / float64(n)}
	return s, a.last(func(b []byte) error { return checkRecords(b, appenders) })
}

// stampRecord makes the record different from all others.
func stampRecord(p []byte, appender, i int) {
	binary.LittleEndian.PutUint64(p, uint64(appender))
	binary.LittleEndian.PutUint64(p[8:], uint64(i))
	binary.LittleEndian.PutUint64(p[record-8:], ^uint64(i))
}

// checkRecords checks that the records are whole, and those of an appender in their order.
func checkRecords(b []byte, appenders int) error {
	next := map[uint64]uint64{}
	for off := 0; off+record <= len(b); off += record {
		p := b[off:]
		who, i := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		want, known := next[who]
		if known && i != want || who >= uint64(appenders) || binary.LittleEndian.Uint64(p[record-8:]) != ^i {
			return fmt.Errorf("the record at %d is %d of appender %d, want %d", off, i, who, want)
		}
		next[who] = i + 1
	}
	if len(next) == 0 {
		return fmt.Errorf("there is no record in %d bytes", len(b))
	}
	return nil
}

// openStream is a stream whose front is dropped every dropStep bytes.
func openStream() (appender, error) {
	s, err := stream.New(stream.Options{Name: "benchmark"})
	if err != nil {
		return appender{}, err
	}
	return appender{
		append: func(p []byte) error {
			off, err := s.Append(p)
			if err == nil && off/dropStep != (off+record)/dropStep && off > live {
				err = s.DropFront((off - live) / record * record)
			}
			return err
		},
		last: func(check func([]byte) error) error {
			g, err := s.Pin()
			if err != nil {
				return err
			}
			defer g.Unpin()
			return check(g.All())
		},
		close: s.Close,
	}, nil
}

// openArray is an array that was touched before, into which records are copied over and over.
func openArray() (appender, error) {
	array := make([]byte, live/record*record)
	for i := 0; i < len(array); i += 4096 {
		array[i] = 1
	}
	off := 0
	return appender{
		append: func(p []byte) error {
			if off == len(array) {
				off = 0
			}
			off += copy(array[off:], p)
			return nil
		},
		last:  func(check func([]byte) error) error { return check(array[:off]) },
		close: func() error { return nil },
	}, nil
}

// openLockedArray is the same behind a lock.
func openLockedArray() (appender, error) {
	a, err := openArray()
	var mu sync.Mutex
	plain := a.append
	a.append = func(p []byte) error {
		mu.Lock()
		defer mu.Unlock()
		return plain(p)
	}
	return a, err
}
