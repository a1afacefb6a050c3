package stream

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/stream"
)

// block is how much is appended to a feed at once.
const block = 64 << 10

// feed is something that grows and is followed by HTTP.
type feed struct {
	handler   http.HandlerFunc
	append    func(p []byte) error
	end       func() // Nothing is appended any more.
	committed func() int
	close     func() error
}

func feedContender(name string, open func() (feed, error)) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (bench.Sample, error) {
		return serve(int(c.Size), c.Goroutines, open)
	}}
}

// serve appends size bytes to a feed, which clients follow from the beginning to the end. Each of
// them checks all it gets.
func serve(size, clients int, open func() (feed, error)) (s bench.Sample, err error) {
	rss := bench.RSS()
	f, err := open()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	server := httptest.NewServer(f.handler)
	defer server.Close()
	errs := make([]error, clients+1)
	var g sync.WaitGroup
	cpu, start := bench.CPUTime(), time.Now()
	for i := range clients {
		g.Go(func() { errs[i] = client(server, size) })
	}
	b := newBlock()
	for off := 0; off < size && errs[clients] == nil; off += block {
		stampBlock(b, off)
		errs[clients] = f.append(b)
	}
	wrote := time.Since(start)
	f.end()
	g.Wait()
	s.Values = map[string]float64{
		"seconds":        time.Since(start).Seconds(),
		"write-seconds":  wrote.Seconds(),
		"cpu-seconds":    bench.CPUTime() - cpu,
		"peak-rss-bytes": float64(max(bench.PeakRSS()-rss, int64(f.committed()))),
	}
	return s, errors.Join(errs...)
}

func client(server *httptest.Server, size int) error {
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	want, got := newBlock(), make([]byte, block)
	for off := 0; off < size; off += block {
		stampBlock(want, off)
		if _, err := io.ReadFull(resp.Body, got); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("the block at %d is another one: %v", off, err)
		}
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != 0 || err != nil {
		return fmt.Errorf("behind the end are %d bytes, %v", n, err)
	}
	return nil
}

func newBlock() []byte { return bytes.Repeat([]byte("growing "), block/8) }

// stampBlock makes the block that is appended at off different from all others.
func stampBlock(b []byte, off int) {
	binary.LittleEndian.PutUint64(b, uint64(off))
	binary.LittleEndian.PutUint64(b[block-8:], ^uint64(off))
}

func openStreamFeed() (feed, error) {
	s, err := stream.New(stream.Options{Name: "benchmark"})
	if err != nil {
		return feed{}, err
	}
	return feed{
		handler: func(w http.ResponseWriter, r *http.Request) {
			// An error is the client's, who finds it.
			_, _ = io.Copy(w, s.Follow(r.Context(), 0))
		},
		append:    func(p []byte) error { _, err := s.Append(p); return err },
		end:       s.CloseWrite,
		committed: func() int { return s.Stats().Committed },
		close:     s.Close,
	}, nil
}

// growing is what changes behind a lock, and who waits for that.
type growing struct {
	mu   sync.RWMutex
	over bool
	more chan struct{} // Closed, and made anew, with each change.
}

func (g *growing) change(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.more)
	g.more = make(chan struct{})
}

// feed makes a feed of how to add a block, and what comes at an offset: called with the lock
// held, what it returns is written without.
func (g *growing) feed(add func(p []byte), next func(off int) []byte) feed {
	g.more = make(chan struct{})
	return feed{
		handler:   func(w http.ResponseWriter, r *http.Request) { g.follow(r.Context(), w, next) },
		append:    func(p []byte) error { g.change(func() { add(p) }); return nil },
		end:       func() { g.change(func() { g.over = true }) },
		committed: func() int { return 0 },
		close:     func() error { return nil },
	}
}

func (g *growing) follow(ctx context.Context, w http.ResponseWriter, next func(off int) []byte) {
	for off := 0; ; {
		g.mu.RLock()
		b, over, more := next(off), g.over, g.more
		g.mu.RUnlock()
		if len(b) > 0 {
			n, err := w.Write(b)
			if off += n; err != nil {
				return
			}
			continue
		}
		if over {
			return
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// openSliceFeed is a slice: append copies it when it grows, and what was appended never changes.
func openSliceFeed() (feed, error) {
	var all []byte
	return new(growing).feed(
		func(p []byte) { all = append(all, p...) },
		func(off int) []byte { return all[off:min(len(all), off+1<<20)] },
	), nil
}

// openChunkFeed is a list of blocks, which are never one piece.
func openChunkFeed() (feed, error) {
	var all [][]byte
	return new(growing).feed(
		func(p []byte) { all = append(all, bytes.Clone(p)) },
		func(off int) []byte {
			if off/block == len(all) {
				return nil
			}
			return all[off/block][off%block:]
		},
	), nil
}
