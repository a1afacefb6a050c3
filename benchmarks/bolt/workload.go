package bolt

import (
	"bytes"
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
	valueSize = 512
	batchNew  = 24 // new keys of an Update
	batchOld  = 8  // keys of an Update that get another value

	// viewEvery is how often a short View is due.
	viewEvery = 100 * time.Microsecond

	// heldKeys is how many keys a long View looks at.
	heldKeys = 64
)

// workload is one database that grows while it is read.
type workload struct {
	database
	hold time.Duration // how long a View stays; 0: there is none

	keys    atomic.Int64  // keys 0 to keys-1 are there
	done    chan struct{} // closed when the writer has done
	updates *hdrhistogram.Histogram
	views   *hdrhistogram.Histogram // from the moment they were due
	hot     *hdrhistogram.Histogram // of Views, when nothing else is done
	mapped  int64                   // bytes, when the writer has done
	held    bool                    // a View has stayed open
}

// key returns the i-th key. No two are equal, and their order is like chance: an odd
// factor and shifts can be undone.
func key(i int64) uint64 {
	x := uint64(i) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fill makes b the value that a key gets from some Update.
func fill(b []byte, key, update uint64) {
	binary.LittleEndian.PutUint64(b, key)
	binary.LittleEndian.PutUint64(b[8:], update)
	for i := 16; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], key+update+uint64(i))
	}
}

// verify returns an error unless b is a value of key.
func verify(b []byte, key uint64) error {
	if len(b) != valueSize {
		return fmt.Errorf("key %x has %d bytes", key, len(b))
	}
	var want [valueSize]byte
	fill(want[:], key, binary.LittleEndian.Uint64(b[8:]))
	if !bytes.Equal(b, want[:]) {
		return fmt.Errorf("key %x has a value that nobody gave it", key)
	}
	return nil
}

// run puts values of size bytes, all together, into a database. One goroutine writes,
// one makes a short View whenever it is due, and one has a View open, from when a sixteenth
// of the values is there.
func (w *workload) run(size int64) error {
	w.done = make(chan struct{})
	w.updates, w.views, w.hot = bench.NewHistogram(), bench.NewHistogram(), bench.NewHistogram()
	n := max(size/valueSize/batchNew, 2) * batchNew
	var wg sync.WaitGroup
	errs := make([]error, 3)
	if errs[0] = w.write(max(n/16, batchNew)); errs[0] != nil { // So that there is something to read.
		return errs[0]
	}
	w.updates.Reset()
	wg.Go(func() { errs[1] = w.viewer() })
	if w.hold > 0 {
		open := make(chan struct{})
		wg.Go(func() { errs[2] = w.holder(open) })
		<-open
	}
	errs[0] = w.write(n)
	w.mapped = w.space()
	close(w.done)
	wg.Wait()
	return errors.Join(append(errs, w.all(n), w.heat(n))...)
}

// write makes Updates until there are n keys.
func (w *workload) write(n int64) error {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	buffer := make([]byte, valueSize*(batchNew+batchOld))
	batch := make([]entry, 0, batchNew+batchOld)
	for have := w.keys.Load(); have < n; have = w.keys.Load() {
		batch = batch[:0]
		add := func(i int64) {
			b := buffer[len(batch)*valueSize:][:valueSize]
			fill(b, key(i), uint64(have))
			batch = append(batch, entry{key(i), b})
		}
		for i := range int64(batchNew) {
			add(have + i)
		}
		for range batchOld {
			add(rng.Int64N(have + batchNew))
		}
		start := time.Now()
		if err := w.update(batch); err != nil {
			return err
		}
		bench.Record(w.updates, time.Since(start).Nanoseconds())
		w.keys.Store(have + batchNew)
	}
	return nil
}

// viewer makes a short View, of one value, whenever it is due. One that could not
// begin in time because the last took so long has waited since then; that a timer
// was late is not the database's doing.
func (w *workload) viewer() error {
	rng := rand.New(rand.NewPCG(2, 2))
	for due := time.Now(); ; due = due.Add(viewEvery) {
		if early := time.Until(due); early > 0 {
			time.Sleep(early)
			due = time.Now()
		}
		select {
		case <-w.done:
			return nil
		default:
		}
		k := key(rng.Int64N(w.keys.Load()))
		if err := w.view(func(get func(uint64) []byte) error { return verify(get(k), k) }); err != nil {
			return err
		}
		bench.Record(w.views, time.Since(due).Nanoseconds())
	}
}

// holder makes one View, which looks at some keys, says that it is open, stays, and
// looks again: at the slices it has, and for the same keys.
func (w *workload) holder(open chan<- struct{}) error {
	said := false
	say := func() {
		if !said {
			said = true
			close(open)
		}
	}
	defer say() // Also after an error.
	rng := rand.New(rand.NewPCG(3, 3))
	return w.view(func(get func(uint64) []byte) error {
		keys := make([]uint64, heldKeys)
		slices, copies := make([][]byte, heldKeys), make([][]byte, heldKeys)
		for i := range keys {
			keys[i] = key(rng.Int64N(w.keys.Load()))
			slices[i] = get(keys[i])
			if err := verify(slices[i], keys[i]); err != nil {
				return err
			}
			copies[i] = bytes.Clone(slices[i])
		}
		say()
		select {
		case <-w.done:
		case <-time.After(w.hold):
		}
		for i, k := range keys {
			if again := get(k); !bytes.Equal(slices[i], copies[i]) || !bytes.Equal(again, copies[i]) {
				return fmt.Errorf("key %x has changed within a View", k)
			}
		}
		w.held = true
		return nil
	})
}

// heat makes Views of one key each, one after the other.
func (w *workload) heat(n int64) error {
	const views = 20_000
	rng := rand.New(rand.NewPCG(4, 4))
	for range views {
		k := key(rng.Int64N(n))
		start := time.Now()
		if err := w.view(func(get func(uint64) []byte) error { return verify(get(k), k) }); err != nil {
			return err
		}
		bench.Record(w.hot, time.Since(start).Nanoseconds())
	}
	return nil
}

// all checks that all n keys have a value of theirs.
func (w *workload) all(n int64) error {
	return w.view(func(get func(uint64) []byte) error {
		for i := range n {
			if err := verify(get(key(i)), key(i)); err != nil {
				return fmt.Errorf("at the end: %w", err)
			}
		}
		return nil
	})
}
