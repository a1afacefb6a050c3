// Command columns is a column store that keeps its last rows: one goroutine appends events, of
// which each attribute is a column, and others ask for what the newest ones come to. Beside a
// stream.Group are slices behind a lock.
//
// Who reads a Group sees the same rows in each column, as slices, and never waits for the
// writer; what is dropped goes, memory and addresses, when nobody reads it any more.
//
//	go run ./examples/columns [-n ROWS] [-keep ROWS]
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/growarena/growarena/examples/internal/figures"
	"github.com/growarena/growarena/stream"
)

// store is what is compared: a table of events of which the last ones are kept.
type store interface {
	// write appends n events, of which the first has that number, and drops what is old.
	write(first int64, n int) error
	// query returns the sum of the amounts of the last n events.
	query(n int) (float64, error)
	close() error
}

// fill writes events, of which the first has that number.
func fill(times []int64, users []uint32, amounts []float64, first int64) {
	for i := range times {
		number := first + int64(i)
		times[i], users[i], amounts[i] = number, uint32(number*7919%1000), float64(number%100)
	}
}

// sum returns the sum of amounts. It checks that the columns belong together, row by row.
func sum(times []int64, users []uint32, amounts []float64) (total float64, err error) {
	for i, number := range times {
		if users[i] != uint32(number*7919%1000) || amounts[i] != float64(number%100) || number != times[0]+int64(i) {
			return 0, fmt.Errorf("row %d behind %d is %d, %d, %v", i, times[0], number, users[i], amounts[i])
		}
		total += amounts[i]
	}
	return total, nil
}

// group keeps them in a stream.Group.
type group struct {
	*stream.Group
	times   stream.Column[int64]
	users   stream.Column[uint32]
	amounts stream.Column[float64]
	keep    int64
}

func newGroup(keep int64) (*group, error) {
	t := &group{keep: keep}
	var err error
	t.Group, err = stream.NewGroup(stream.Options{Name: "events"}, &t.times, &t.users, &t.amounts)
	return t, err
}

func (t *group) write(first int64, n int) error {
	rows, err := t.Begin(n) // Nobody sees them before Publish.
	if err != nil {
		return err
	}
	fill(t.times.In(rows), t.users.In(rows), t.amounts.In(rows), first)
	rows.Publish()
	if old := t.Len() - t.keep; old > t.Front()+dropEvery {
		return t.DropFront(old)
	}
	return nil
}

func (t *group) query(n int) (float64, error) {
	g, err := t.Pin()
	if err != nil {
		return 0, err
	}
	defer g.Unpin()
	times, users, amounts := t.times.View(&g), t.users.View(&g), t.amounts.View(&g)
	from := max(len(times)-n, 0)
	return sum(times[from:], users[from:], amounts[from:])
}

func (t *group) close() error { return t.Close() }

// locked keeps them in slices behind a lock.
type locked struct {
	mu      sync.RWMutex
	times   []int64
	users   []uint32
	amounts []float64
	keep    int64
}

func (t *locked) write(first int64, n int) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	old := len(t.times)
	t.times = append(t.times, make([]int64, n)...)
	t.users = append(t.users, make([]uint32, n)...)
	t.amounts = append(t.amounts, make([]float64, n)...)
	fill(t.times[old:], t.users[old:], t.amounts[old:], first)
	// The next append that has no room behind copies what is kept.
	if old := len(t.times) - int(t.keep); old > dropEvery {
		t.times, t.users, t.amounts = t.times[old:], t.users[old:], t.amounts[old:]
	}
	return nil
}

func (t *locked) query(n int) (float64, error) {
	t.mu.RLock()
	// What was appended never changes, so it is read without the lock.
	times, users, amounts := t.times, t.users, t.amounts
	t.mu.RUnlock()
	from := max(len(times)-n, 0)
	return sum(times[from:], users[from:], amounts[from:])
}

func (t *locked) close() error { return nil }

const (
	batch     = 64      // rows of a write
	dropEvery = 1 << 16 // rows
	asked     = 5000    // rows of a query
	askers    = 2
)

// measure has one goroutine write n rows and others query them meanwhile.
func measure(name string, s store, n int64) (figures.Row, error) {
	var longest time.Duration
	var over atomic.Bool
	var queries atomic.Int64
	took, memory, err := figures.Measure(func() error {
		return figures.Together(1+askers, func(i int) error {
			if i > 0 {
				for !over.Load() {
					if _, err := s.query(asked); err != nil {
						return err
					}
					queries.Add(1)
					time.Sleep(100 * time.Microsecond)
				}
				return nil
			}
			defer over.Store(true)
			for first := int64(0); first < n; first += batch {
				start := time.Now()
				if err := s.write(first, batch); err != nil {
					return err
				}
				longest = max(longest, time.Since(start))
			}
			return nil
		})
	})
	each := figures.Time(took / time.Duration(max(n/batch, 1)))
	return figures.Row{name, figures.Time(took), each, figures.Time(longest), fmt.Sprint(queries.Load()), figures.MiB(memory)}, errors.Join(err, s.close())
}

func run(w io.Writer, n, keep int64) error {
	g, err := newGroup(keep)
	if err != nil {
		return err
	}
	ours, err := measure("stream.Group", g, n)
	if err != nil {
		return err
	}
	slices, err := measure("slices, RWMutex", &locked{keep: keep}, n)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d rows of 20 bytes, the last %d are kept (%s):\n", n, keep, figures.MiB(20*keep))
	return figures.Print(w, "store, time, write of 64 rows, longest, queries, most memory", ours, slices)
}

func main() {
	n := flag.Int64("n", 20_000_000, "number of rows")
	keep := flag.Int64("keep", 2_000_000, "how many of them are kept")
	flag.Parse()
	if err := run(os.Stdout, *n, *keep); err != nil {
		log.Fatal(err)
	}
}
