package shm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/benchmarks/internal/bench"
	"github.com/growarena/growarena/benchmarks/internal/raw"
	"github.com/growarena/growarena/shm"
)

// begin opens a channel, and starts its followers.
func begin(name, role string, size, followers int) (w writer, children []*child, err error) {
	if w, err = channels[name].open(size, followers); err != nil {
		return w, nil, err
	}
	for _, files := range w.files {
		c, err := start(role, name, files)
		if err != nil {
			for _, c := range children {
				err = errors.Join(err, c.kill())
			}
			return w, nil, errors.Join(err, w.started(), w.end(), w.close())
		}
		children = append(children, c)
	}
	return w, children, w.started()
}

// latency publishes so many records, pause apart, to one follower.
func latency(name string, pause time.Duration) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (s bench.Sample, err error) {
		w, children, err := begin(name, "latency", c.Count*record, 1)
		if err != nil {
			return s, err
		}
		b := make([]byte, record)
		for range c.Count {
			if pause < 100*time.Microsecond {
				for start := time.Now(); time.Since(start) < pause; { // Sleeping takes longer.
				}
			} else {
				time.Sleep(pause)
			}
			binary.LittleEndian.PutUint64(b, uint64(time.Now().UnixNano()))
			if err := w.write(b); err != nil {
				return s, errors.Join(err, children[0].kill())
			}
		}
		err = errors.Join(w.end(), children[0].result(&s), w.close())
		if err == nil && s.Latencies.TotalCount() == 0 {
			err = fmt.Errorf("nothing was seen")
		}
		if err != nil {
			return s, err
		}
		s.Values = map[string]float64{
			"p50-ns": float64(s.Latencies.ValueAtQuantile(50)), "p99-ns": float64(s.Latencies.ValueAtQuantile(99)),
			"seen": float64(s.Latencies.TotalCount()) / float64(c.Count),
		}
		return s, nil
	}}
}

// step is what is written at once where it is about throughput.
const step = 64 << 10

// throughput writes so many bytes to so many followers, until all of them have seen all.
func throughput(name string) bench.Contender {
	return bench.Contender{Name: name, Run: func(c bench.Case) (s bench.Sample, err error) {
		w, children, err := begin(name, "throughput", int(c.Size), c.Count)
		if err != nil {
			return s, err
		}
		b := make([]byte, step)
		for i := range b {
			b[i] = byte(i * 7)
		}
		var want seen
		start := time.Now()
		for off := 0; off < int(c.Size); off += step {
			binary.LittleEndian.PutUint64(b, uint64(off))
			if err := w.write(b); err != nil {
				for _, c := range children {
					err = errors.Join(err, c.kill())
				}
				return s, err
			}
		}
		wrote := time.Since(start)
		err = w.end()
		results := make([]seen, len(children))
		for i, c := range children {
			err = errors.Join(err, c.result(&results[i]))
		}
		took := time.Since(start)
		for off := 0; off < int(c.Size); off += step {
			binary.LittleEndian.PutUint64(b, uint64(off))
			want.add(b)
		}
		for _, got := range results {
			if got != want {
				err = errors.Join(err, fmt.Errorf("a follower has seen %+v, want %+v", got, want))
			}
		}
		s.Values = map[string]float64{"seconds": took.Seconds(), "writer-seconds": wrote.Seconds()}
		return s, errors.Join(err, w.close())
	}}
}

// opened makes a buffer with a follower in this process.
func opened(o shm.Options, reserve int) (*shm.Writer, *shm.Follower, error) {
	w, err := shm.Create(o)
	if err != nil {
		return nil, nil, err
	}
	files, err := w.Files()
	if err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	f, err := shm.Follow(files, shm.FollowOptions{Reserve: reserve})
	if err := errors.Join(err, files.Close()); err != nil {
		return nil, nil, errors.Join(err, w.Close())
	}
	return w, f, nil
}

// publish publishes byte after byte with nobody waiting.
func publish(c bench.Case) (s bench.Sample, err error) {
	w, f, err := opened(shm.Options{}, 0)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close(), w.Close()) }()
	if _, err := w.Arena().AllocSparse(c.Count); err != nil {
		return s, err
	}
	start := time.Now()
	for n := range c.Count {
		w.Publish(n + 1)
	}
	took := time.Since(start)
	s.Values = map[string]float64{"ns": float64(took) / float64(c.Count)}
	if n, err := f.Poll(); n != c.Count || err != nil {
		return s, fmt.Errorf("%d were seen, want %d: %v", n, c.Count, err)
	}
	return s, nil
}

// rehome has a full buffer of a size outgrow its windows, the writer's and a follower's.
func rehome(o shm.Options) func(c bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		o := o
		o.Arena.Reserve, o.Arena.Rungs, o.Arena.HugePages = int(c.Size), arena.RungInWindow|arena.RungRehome, arena.HugeNever
		w, f, err := opened(o, int(c.Size))
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, f.Close(), w.Close()) }()
		if _, err := w.Arena().AllocSparse(int(c.Size)); err != nil {
			return s, err
		}
		if err := raw.Populate(w.Arena().Bytes()); err != nil {
			return s, err
		}
		w.Publish(int(c.Size))
		if _, err := f.Poll(); err != nil {
			return s, err
		}
		if err := f.Read(raw.PopulateRead); err != nil { // The pages are the follower's, too.
			return s, err
		}
		touch := func(b []byte) error {
			for i := 0; i < len(b); i += 1 << 20 {
				if b[i] != 0 {
					return fmt.Errorf("byte %d is %d", i, b[i])
				}
			}
			return nil
		}
		if err := f.Read(touch); err != nil {
			return s, err
		}
		before := w.Arena().Stats().Growth
		start := time.Now()
		if err := w.Arena().Grow(1); err != nil {
			return s, err
		}
		grown := time.Now()
		if after := w.Arena().Stats().Growth; after == before {
			return s, fmt.Errorf("BUG: the writer has not moved: %+v", after)
		}
		if _, err := w.Write([]byte{0}); err != nil {
			return s, err
		}
		published := time.Now()
		n, err := f.Poll()
		seen := time.Now()
		if n != int(c.Size)+1 || err != nil {
			return s, fmt.Errorf("%d bytes are seen: %v", n, err)
		}
		s.Values = map[string]float64{"writer-ns": float64(grown.Sub(start)), "follower-ns": float64(seen.Sub(published))}
		return s, f.Read(touch)
	}
}

// grow appends to a buffer that outgrows its window again and again.
func grow(o shm.Options) func(c bench.Case) (bench.Sample, error) {
	return func(c bench.Case) (s bench.Sample, err error) {
		o := o
		o.Arena.Reserve = 2 << 20
		start := time.Now()
		w, err := shm.Create(o)
		if err != nil {
			return s, err
		}
		b := make([]byte, step)
		for err == nil && w.Published() < int(c.Size) {
			_, err = w.Write(b)
		}
		s.Values = map[string]float64{"seconds": time.Since(start).Seconds()}
		return s, errors.Join(err, w.Close())
	}
}

// death kills writers that are waited for, one after another.
func death(c bench.Case) (s bench.Sample, err error) {
	dir, err := os.MkdirTemp("/dev/shm", "growarena-bench-")
	if err != nil {
		return s, err
	}
	defer os.RemoveAll(dir)
	w, err := shm.Create(shm.Options{Dir: dir, Name: victim})
	if err != nil {
		return s, err
	}
	if err := w.Close(); err != nil {
		return s, err
	}
	f, err := shm.Open(dir, victim, shm.FollowOptions{})
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s.Latencies = bench.NewHistogram()
	for range c.Count {
		c, err := start("victim", dir, nil)
		if err != nil {
			return s, err
		}
		noticed := make(chan error, 1)
		go func() { noticed <- f.Wait(context.Background(), 1<<30) }()
		time.Sleep(20 * time.Millisecond) // It sleeps by then.
		start := time.Now()
		if err := c.kill(); err != nil {
			return s, err
		}
		err = <-noticed
		bench.Record(s.Latencies, int64(time.Since(start)))
		if !errors.Is(err, shm.ErrWriterGone) {
			return s, fmt.Errorf("noticed is %v", err)
		}
	}
	s.Values = map[string]float64{"p50-ns": float64(s.Latencies.ValueAtQuantile(50)), "worst-ns": float64(s.Latencies.Max())}
	return s, nil
}
