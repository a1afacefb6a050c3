package ingest

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/arena"
)

// BlockSize is how many bytes a reader claims and scans under one pin: long
// enough that pinning costs nothing in comparison, short enough that the readers
// are done at about the same time.
const BlockSize = 64 << 10

// latencyMax is the highest latency that a histogram tells from higher ones.
const latencyMax = int64(100 * time.Second)

// scanned is a block that a reader has counted.
type scanned struct {
	block          int
	lines, matches int32
}

// reader is one of the goroutines that scan the stream. Its fields belong to
// that goroutine, and to whoever has waited for it to end.
type reader struct {
	arena    *arena.Arena
	frontier *frontier
	match    *matcher
	claimed  *atomic.Int64 // blocks claimed, by all readers (atomic)

	tally
	done      []scanned // what tally is made of
	rereads   int       // blocks scanned a second time
	reads     int
	max       time.Duration
	latencies *hdrhistogram.Histogram // nanoseconds of each read, ± 1 %
}

func newReader(a *arena.Arena, f *frontier, m *matcher, claimed *atomic.Int64) *reader {
	return &reader{arena: a, frontier: f, match: m, claimed: claimed, latencies: hdrhistogram.New(1, latencyMax, 2)}
}

// run claims blocks and scans them until the stream has ended and all are taken.
func (r *reader) run() error {
	for {
		block := int(r.claimed.Add(1)) - 1
		p := newPart(block, BlockSize)
		at, ended, err := r.waitFor(&p)
		if err != nil {
			return err
		}
		if ended && p.from >= at {
			return nil
		}
		if err := r.scan(&p); err != nil {
			return err
		}
		r.add(p.tally)
		r.done = append(r.done, scanned{block, int32(p.lines), int32(p.matches)})
	}
}

// scan scans p to its end, read by read.
func (r *reader) scan(p *part) error {
	for {
		at, ended, err := r.waitFor(p)
		if err != nil {
			return err
		}
		complete, err := r.read(p, at, ended)
		if err != nil || complete {
			return err
		}
	}
}

// read is one read, the unit of what is measured: pin, take the bytes, scan a
// block of them at most, unpin. At least at bytes must be there.
func (r *reader) read(p *part, at int, ended bool) (complete bool, err error) {
	start := time.Now()
	g, err := r.arena.Pin()
	if err != nil {
		return false, err
	}
	b := g.Bytes()
	if len(b) < at {
		g.Unpin()
		return false, fmt.Errorf("a pinned view shows %d bytes when %d have been read", len(b), at)
	}
	complete = p.scan(r.match, b[:at], ended)
	g.Unpin()
	took := time.Since(start)

	r.reads++
	r.max = max(r.max, took)
	// Clamped, so that it cannot fail.
	_ = r.latencies.RecordValue(min(int64(took), latencyMax))
	return complete, nil
}

// waitFor waits until p can go on. A reader that has caught up with the stream
// uses the time to look at a block again: once, so that a stream that pauses
// leaves the processor alone.
func (r *reader) waitFor(p *part) (at int, ended bool, err error) {
	at, ended, err = r.frontier.position()
	if err != nil || ended || at >= p.need() {
		return at, ended, err
	}
	if err := r.reread(); err != nil {
		return 0, false, err
	}
	return r.frontier.wait(p.need())
}

// reread scans a block, any of those this reader has counted, again. The arena
// has grown since, and the count must be the same.
func (r *reader) reread() error {
	if len(r.done) == 0 {
		return nil
	}
	was := r.done[rand.IntN(len(r.done))]
	p := newPart(was.block, BlockSize)
	for {
		// All of it was there when it was counted first.
		at, ended, err := r.frontier.position()
		if err != nil {
			return err
		}
		complete, err := r.read(&p, at, ended)
		if err != nil {
			return err
		}
		if complete {
			break
		}
	}
	r.rereads++
	if p.lines != int(was.lines) || p.matches != int(was.matches) {
		return fmt.Errorf("block %d of %d bytes had %d lines and %d matches, and has %d and %d since the arena has grown",
			was.block, BlockSize, was.lines, was.matches, p.lines, p.matches)
	}
	return nil
}
