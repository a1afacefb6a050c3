package scaling

import (
	"errors"
	"fmt"
	"time"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/work"
)

// fill says how much of a buffer has memory: every how many bytes a word is written.
type fill int64

const (
	sparse fill = 2 * mib // one page of each page table
	full   fill = 4 * kib
)

// pages returns how many pages of n bytes have memory.
func (f fill) pages(n int64) int64 { return (n + int64(f) - 1) / int64(f) }

// mark writes b's words.
func (f fill) mark(b []byte) {
	for i := 0; i < len(b); i += int(f) {
		work.Mark(b[i:i+16], uint64(i))
	}
}

// check returns an error unless b's words are as mark has left them.
func (f fill) check(b []byte) error {
	for i := 0; i < len(b); i += int(f) {
		if err := work.Check(b[i:i+16], uint64(i)); err != nil {
			return fmt.Errorf("at %d of %d: %w", i, len(b), err)
		}
	}
	return nil
}

// double makes an arena of the case's size twice as long, by a rung of the ladder,
// and returns how long that took.
func double(rung arena.Rungs, f fill) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (bench.Sample, error) {
		v, err := repeat(repeats(f.pages(c.Size)), func() (time.Duration, error) {
			d, err := doubleOnce(rung, f, int(c.Size))
			for range luck {
				if rung != arena.RungExtend || !errors.Is(err, addrspace.ErrNoSpace) {
					break
				}
				d, err = doubleOnce(rung, f, int(c.Size))
			}
			return d, err
		})
		return sample("grow-ns", v, err)
	}
}

// luck is how often a window that cannot become longer, because something is behind
// it that belongs to another Space, is tried again elsewhere.
const luck = 10

func doubleOnce(rung arena.Rungs, f fill, size int) (d time.Duration, err error) {
	o := arena.Options{
		Name: "scaling", Reserve: size, Rungs: arena.RungInWindow | rung,
		Headroom: -1, HugePages: arena.HugeNever,
		Space: addrspace.New(addrspace.Options{CacheWindows: -1}), // or later windows would come out of the cache
	}
	if rung == arena.RungInWindow {
		o.Reserve *= 2
	}
	a, err := arena.NewArena(o)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, a.Free()) }()
	old, err := a.Alloc(size)
	if err != nil {
		return 0, err
	}
	f.mark(old)
	start := time.Now()
	err = a.Grow(size)
	d = time.Since(start)
	if err != nil {
		return 0, err
	}
	g := a.Stats().Growth
	took := map[arena.Rungs]int{arena.RungInWindow: g.InWindow, arena.RungExtend: g.Extended, arena.RungRehome: g.Rehomed, arena.RungAlias: g.Aliased}
	if a.Cap() < 2*size || took[rung] == 0 || rung == arena.RungInWindow && g.Extended+g.Rehomed+g.Aliased > 0 {
		return 0, fmt.Errorf("%d of %d bytes, by %+v instead of %v", a.Cap(), 2*size, g, rung)
	}
	return d, errors.Join(f.check(old), f.check(a.Bytes()))
}

// copied is what there is without an arena: a buffer twice as long, and a copy.
func copied(c bench.Case) (bench.Sample, error) {
	v, err := repeat(repeats(full.pages(c.Size)), func() (time.Duration, error) {
		old := make([]byte, c.Size)
		full.mark(old)
		start := time.Now()
		b := make([]byte, 2*c.Size)
		copy(b, old)
		d := time.Since(start)
		return d, full.check(b[:c.Size])
	})
	return sample("grow-ns", v, err)
}

// step is how much is written at once.
const step = 64 * kib

// appended writes as many bytes as the case's Size, in steps, to what open returns,
// and then checks all of it.
func appended(open func(size int) (write func([]byte) error, bytes func() []byte, free func() error, err error)) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		write, bytes, free, err := open(int(c.Size))
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, free()) }()
		var block [step]byte
		s.Latencies = bench.NewHistogram()
		start := time.Now()
		for i := 0; i < int(c.Size); i += step {
			work.Mark(block[:], uint64(i))
			from := time.Now()
			if err := write(block[:]); err != nil {
				return s, err
			}
			bench.Record(s.Latencies, time.Since(from).Nanoseconds())
		}
		d := time.Since(start)
		b := bytes()
		if len(b) != int(c.Size) {
			return s, fmt.Errorf("%d bytes, want %d", len(b), c.Size)
		}
		for i := 0; i < len(b); i += step {
			if err := work.Check(b[i:i+step], uint64(i)); err != nil {
				return s, err
			}
		}
		s.Values = map[string]float64{
			"seconds": d.Seconds(), "write-ns": float64(d.Nanoseconds()) / float64(c.Size/step), "max-ns": float64(s.Latencies.Max()),
		}
		return s, nil
	}
}

// buffer appends to an arena.
func buffer(o arena.Options) func(int) (func([]byte) error, func() []byte, func() error, error) {
	return func(int) (func([]byte) error, func() []byte, func() error, error) {
		a, err := arena.NewArena(o)
		if err != nil {
			return nil, nil, nil, err
		}
		b := arena.NewBufferIn(a)
		write := func(p []byte) error { _, err := b.Write(p); return err }
		return write, a.Bytes, b.Free, nil
	}
}

// slice appends to a slice of the Go heap.
func slice(int) (func([]byte) error, func() []byte, func() error, error) {
	var b []byte
	write := func(p []byte) error { b = append(b, p...); return nil }
	return write, func() []byte { return b }, func() error { return nil }, nil
}

// handedOut hands out as many bytes as the case's Size, in steps, and touches none:
// what is left of growing without the memory.
func handedOut(o arena.Options) func(bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		o.Headroom = -1
		a, err := arena.NewArena(o)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, a.Free()) }()
		var last []byte
		s.Latencies = bench.NewHistogram()
		n := int(c.Size / step)
		start := time.Now()
		for range n {
			from := time.Now()
			if last, err = a.Alloc(step); err != nil {
				return s, err
			}
			bench.Record(s.Latencies, time.Since(from).Nanoseconds())
		}
		d := time.Since(start)
		work.Mark(last, 7)
		if b := a.Bytes(); len(b) != n*step || !work.Marked(b[len(b)-step:], 7) {
			return s, fmt.Errorf("%d bytes, and what was written to the last is not there", len(b))
		}
		s.Values = map[string]float64{"ns/op": float64(d.Nanoseconds()) / float64(n), "max-ns": float64(s.Latencies.Max())}
		return s, nil
	}
}
