package ingest

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/growarena/growarena/arena"
)

// Options say what to ingest and how.
type Options struct {
	Paths   []string       // see walk; Stdin stands for Stdin
	Stdin   io.Reader      //
	Readers int            // at least 1
	Pattern *regexp.Regexp // nil: lines are counted, and none matches
	Window  int            // length of the first window; 0: what package arena takes
	Rungs   arena.Rungs    // 0: all

	// Problem is told of each file and directory that cannot be read, Read of
	// bytes read, Checked of bytes checked in the end, out of how many. Each is
	// called by one goroutine at a time, and may be nil.
	Problem func(name string, err error)
	Read    func(n int)
	Checked func(n, of int)

	// Tamper may change the arena before the check: for tests.
	Tamper func(b []byte)
}

// stopGrace is how long a cancelled ingest waits for a Read that may never
// return, of a terminal for example.
const stopGrace = 200 * time.Millisecond

// ingest is one run.
type ingest struct {
	Options
	arena    *arena.Arena
	stream   *stream
	frontier *frontier
	readers  []*reader
	holder   *holder
	start    time.Time
	readTime time.Duration // from start until the stream had ended
	moved    int           // bytes that were in the arena when it moved, summed up over all moves
}

// Run ingests and checks. It returns a result beside the error too, if there is
// anything to tell: with ErrCheck all of it, after a cancellation the Bytes,
// Lines and Matches of so far. Files that cannot be read are no error.
func Run(ctx context.Context, o Options) (*Result, error) {
	a, err := arena.NewArena(arena.Options{Name: "ingest", Reserve: o.Window, Retire: true, Rungs: o.Rungs})
	if err != nil {
		return nil, err
	}
	in := &ingest{Options: o, arena: a, frontier: newFrontier(), start: time.Now()}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Whatever ends this early, the readers give up, waiting or not.
	defer context.AfterFunc(ctx, in.frontier.stop)()

	wait := in.startReaders(cancel)
	written := in.write(ctx)
	err, writing := await(ctx, written)
	if err != nil {
		cancel(err)
	}
	wait()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if writing {
		// The arena must stay until the Read into it ends, if it does.
		go func() {
			<-written
			_ = a.Free() // Has no file to be cut.
		}()
		return in.partial(), err
	}
	r := in.partial()
	if err == nil {
		r, err = in.finish(ctx)
	}
	return r, errors.Join(err, a.Free())
}

// startReaders starts the readers and the holder, and returns a function that waits for them.
// The first one that fails cancels the rest.
func (in *ingest) startReaders(cancel context.CancelCauseFunc) (wait func()) {
	match := newMatcher(in.Pattern)
	claimed := new(atomic.Int64)
	var wg sync.WaitGroup
	for range in.Readers {
		r := newReader(in.arena, in.frontier, match, claimed)
		in.readers = append(in.readers, r)
		wg.Go(func() {
			if err := r.run(); err != nil && err != errStopped {
				cancel(err)
			}
		})
	}
	in.holder = &holder{arena: in.arena, frontier: in.frontier, ready: make(chan struct{})}
	wg.Go(func() {
		if err := in.holder.run(); err != nil && err != errStopped {
			cancel(err)
		}
	})
	return wg.Wait
}

// write reads the stream into the arena, on a goroutine of its own: a Read may
// not return. It returns the channel for the outcome.
func (in *ingest) write(ctx context.Context) <-chan error {
	s := newStream(ctx, diskWalker.walk(in.Paths))
	in.stream = s
	s.stdin = in.Stdin
	s.room = enoughMemoryHere
	s.problem = func(name string, err error) {
		if in.Problem != nil {
			in.Problem(name, err)
		}
	}
	told, moves := 0, 0
	s.before = func() {
		// The arena grows between two Reads.
		g := in.arena.Stats().Growth
		in.moved += (g.Rehomed + g.Aliased - moves) * s.bytes
		moves = g.Rehomed + g.Aliased
		in.frontier.advance(s.bytes, false)
		if told == 0 && s.bytes > 0 {
			<-in.holder.ready // So that the first window is held when it is left.
		}
		if in.Read != nil && s.bytes > told {
			in.Read(s.bytes - told)
		}
		told = s.bytes
	}
	done := make(chan error, 1)
	go func() {
		// ReadFrom has each Read store into the window itself: no second copy of
		// anything is held anywhere.
		_, err := arena.NewBufferIn(in.arena).ReadFrom(s)
		s.end()
		in.readTime = time.Since(in.start)
		if err == nil {
			in.frontier.advance(s.bytes, true)
		}
		done <- err
	}()
	return done
}

// await waits for the writer, or for a while only once ctx has ended. Then it
// reports that the writer is still at it.
func await(ctx context.Context, written <-chan error) (err error, writing bool) {
	select {
	case err := <-written:
		return err, false
	case <-ctx.Done():
	}
	select {
	case err := <-written:
		return err, false
	case <-time.After(stopGrace):
		return ctx.Err(), true
	}
}

// partial returns what is known of a run that does not come to its end.
//
// Preconditions: the readers have ended.
func (in *ingest) partial() *Result {
	r := new(Result)
	r.Bytes, _, _ = in.frontier.position()
	for _, reader := range in.readers {
		r.Lines += reader.lines
		r.Matches += reader.matches
	}
	return r
}

// finish waits for the old windows to go, gathers the result and checks it.
//
// Preconditions: the stream has ended, and so have the readers.
func (in *ingest) finish(ctx context.Context) (*Result, error) {
	r := in.partial()
	r.Seconds = time.Since(in.start).Seconds()
	r.ReadTime = in.readTime
	r.Files, r.Unreadable, r.Skipped = in.stream.files, in.stream.unreadable, in.stream.skipped
	r.Bytes = in.stream.bytes
	r.SHA256 = hex.EncodeToString(in.stream.hash.Sum(nil))
	in.measure(r)

	if err := in.arena.Domain().Barrier(ctx); err != nil {
		return r, err
	}
	r.Moves = Moves{NotCopied: in.moved, Held: in.holder.windows, Compared: in.holder.bytes}
	grown, gone := in.arena.Stats().Growth, in.arena.Domain().Stats()
	r.Growth = Growth{InWindow: grown.InWindow, Extended: grown.Extended, Rehomed: grown.Rehomed, Aliased: grown.Aliased}
	r.Windows = Windows{Retired: int(gone.Freed) + gone.Retired, Reclaimed: int(gone.Freed), Pending: gone.Retired}

	start := time.Now()
	err := in.arena.Read(func(b []byte) error {
		if in.Tamper != nil {
			in.Tamper(b)
		}
		return check(ctx, b, in.Pattern, r, in.Checked)
	})
	r.CheckTime = time.Since(start)
	r.Checked = err == nil
	r.PeakRSS = peakRSS()
	return r, err
}

// measure puts the readers' numbers into r.
func (in *ingest) measure(r *Result) {
	all := hdrhistogram.New(1, latencyMax, 2)
	for _, reader := range in.readers {
		all.Merge(reader.latencies)
		r.Readers.Reads += reader.reads
		r.Readers.Max = max(r.Readers.Max, int64(reader.max))
		r.Rereads += reader.rereads
	}
	r.Readers.P50 = min(all.ValueAtQuantile(50), r.Readers.Max)
	r.Readers.P999 = min(all.ValueAtQuantile(99.9), r.Readers.Max)
}
