package rehome

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
)

// A house is a full buffer that can move.
type house struct {
	// bytes returns the content, at the newest addresses.
	bytes func() []byte
	// move moves it to another place that has room for more.
	move func() error
	// old returns the content at the addresses before, if they are still good.
	old  func() []byte
	free func() error
}

// contender makes a contender of what opens a house with room for size bytes whose pages are
// all there.
func contender(name string, open func(size int) (house, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		// Once before, so that no code is run for the first time when it counts.
		if _, err := run(warmUp, 1, open); err != nil {
			return bench.Sample{}, err
		}
		return run(int(c.Size), stride(c), open)
	}}
}

// warmUp is how many bytes are moved before it counts.
const warmUp = 4 << 20

// run moves a buffer of size bytes, of which it writes and reads every so many pages.
func run(size, stride int, open func(size int) (house, error)) (s bench.Sample, err error) {
	h, err := open(size)
	if err != nil {
		return s, err
	}
	defer func() {
		if freed := h.free(); err == nil {
			err = freed
		}
	}()
	if b := h.bytes(); len(b) != size {
		return s, fmt.Errorf("%d bytes, not %d", len(b), size)
	}
	// Also the pages that are not written are there; where the kernel cannot make them, all are written.
	if err := raw.Populate(h.bytes()); err != nil && stride > 1 {
		return s, err
	}
	stamp(h.bytes(), stride)

	// On one thread, whose page faults are counted: not those of the runtime's.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	runtime.GC()
	start := time.Now()
	if err := h.move(); err != nil {
		return s, err
	}
	moved := time.Now()
	before := threadFaults()
	if err := check(h.bytes(), size, stride); err != nil {
		return s, err
	}
	read := time.Now()
	faults := threadFaults() - before
	s.Values = map[string]float64{
		"move-ns":      float64(moved.Sub(start)),
		"read-seconds": read.Sub(moved).Seconds(),
		"seconds":      read.Sub(start).Seconds(),
		"faults":       float64(faults),
	}
	if h.old != nil {
		h.bytes()[size/2]++ // is the same byte at both places
		if old := h.old(); old[size/2] != h.bytes()[size/2] {
			return s, fmt.Errorf("the old place no longer shows what is written at the new one")
		}
	}
	return s, nil
}

// threadFaults returns the page faults of this thread so far.
func threadFaults() int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		panic(err)
	}
	return u.Minflt + u.Majflt
}

// stamp writes a page's offset into each page, or each so many.
func stamp(b []byte, stride int) {
	for off := 0; off < len(b); off += stride * pageSize {
		binary.LittleEndian.PutUint64(b[off:], uint64(off)|1)
	}
}

// check reads all of b, or each so many pages, and finds each page's stamp.
func check(b []byte, size, stride int) error {
	if len(b) < size {
		return fmt.Errorf("%d bytes, not %d", len(b), size)
	}
	var sum, want uint64
	for off := 0; off < size; off += stride * pageSize {
		want += uint64(off) | 1
		page := b[off : off+pageSize]
		for i := 0; i < pageSize; i += 64 { // each line of the cache
			sum += binary.LittleEndian.Uint64(page[i:])
		}
		if got := binary.LittleEndian.Uint64(page); got != uint64(off)|1 {
			return fmt.Errorf("page at %d has %#x", off, got)
		}
	}
	if sum != want {
		return fmt.Errorf("the sum is %d, not %d", sum, want)
	}
	return nil
}
