package growth

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
)

const (
	step   = 64 << 10 // bytes of a write
	points = 128      // of a curve
)

// A target is a buffer that is written to at its end. It takes any number of
// writes of step bytes.
type target struct {
	write func(p []byte) error
	bytes func() []byte  // all that was written
	calls func() float64 // system calls so far; nil if not known
	held  func() int     // bytes of memory in files, mapped or not; nil if all of it is mapped
	free  func() error
}

// contender makes a contender of what opens a target. The size is the number of
// bytes that will be written: for those that must know.
func contender(name string, open func(size int) (target, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		return grow(int(c.Size), open)
	}}
}

// grow writes size bytes to a target, checks them, and frees it. Opening counts, checking
// and freeing do not.
func grow(size int, open func(size int) (target, error)) (s bench.Sample, err error) {
	block := make([]byte, step)
	for i := range block {
		block[i] = byte(i * 7)
	}
	s = bench.Sample{Latencies: bench.NewHistogram(), Curve: make([]bench.Point, 0, points+1)}
	rss := bench.RSS()
	faults, cpu, vmas := bench.Faults(), bench.CPUTime(), bench.VMAs()
	start := time.Now()
	t, err := open(size)
	if err != nil {
		return s, err
	}
	defer func() {
		if freed := t.free(); err == nil {
			err = freed
		}
	}()
	last, worst := start, time.Duration(0)
	every := max(size/points, step)
	for off := 0; off < size; off += step {
		stamp(block, off)
		if err := t.write(block); err != nil {
			return s, fmt.Errorf("write at %d: %w", off, err)
		}
		now := time.Now()
		took := now.Sub(last)
		bench.Record(s.Latencies, int64(took))
		worst, last = max(worst, took), now
		if (off+step)%every == 0 {
			s.Curve = append(s.Curve, bench.Point{X: float64(off + step), Y: now.Sub(start).Seconds()})
		}
	}
	s.Values = map[string]float64{
		"seconds":     last.Sub(start).Seconds(),
		"worst-ns":    float64(worst),
		"cpu-seconds": bench.CPUTime() - cpu,
		"faults":      float64(bench.Faults() - faults),
		"vmas":        float64(bench.VMAs() - vmas),
	}
	if t.held != nil {
		s.Values["peak-rss-bytes"] = float64(max(bench.PeakRSS()-rss, int64(t.held())))
	}
	if t.calls != nil {
		s.Values["syscalls"] = t.calls()
	}
	return s, check(t.bytes(), block, size)
}

// stamp makes the block that is written at off different from all others.
func stamp(block []byte, off int) {
	binary.LittleEndian.PutUint64(block, uint64(off))
	binary.LittleEndian.PutUint64(block[step-8:], ^uint64(off))
}

// check checks that b holds size bytes of stamped blocks. Of each page it looks at
// some bytes, of each block at both stamps.
func check(b, block []byte, size int) error {
	if len(b) != size {
		return fmt.Errorf("%d bytes are there, not %d", len(b), size)
	}
	for off := 0; off < size; off += step {
		stamp(block, off)
		got := b[off : off+step]
		if binary.LittleEndian.Uint64(got) != uint64(off) || binary.LittleEndian.Uint64(got[step-8:]) != ^uint64(off) {
			return fmt.Errorf("the block at %d is not what was written", off)
		}
		for i := 1000; i < step; i += 4096 {
			if got[i] != block[i] {
				return fmt.Errorf("byte %d is %d, not %d", off+i, got[i], block[i])
			}
		}
	}
	return nil
}
