// Command checkpoint has a table in an arena that a goroutine writes at full speed, while a copy of it goes
// to a file again and again: all of it the first time, then what has changed. The writer stands still for what is
// copied last. Beside it the writer stands still while all of the table is copied to the Go heap, and from there to the file.
//
// Each copy is synced, and what has changed is read back and compared with what the table was when the writer stood still; of the
// first and the last one all is. The copy on the heap is as large as the table: -alone leaves it out.
//
//	go run ./examples/checkpoint [-size MIB] [-for TIME] [-every TIME] [-alone]
//
// On a virtual machine with two processors that is itself in one, on 2026-11-30, -size 4096 -alone -for 20s:
//
//	copies   longest 64 writes   longest pause   first copy   later ones   writes
//	19       121ms               109ms           4659 MiB     15.4 MiB     109 million/s
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/examples/internal/figures"
)

// checkpoint copies what has changed since last, all of it if that is nil, and returns how many writes are in the copy.
func (t *table) checkpoint(f *os.File, last *arena.Checkpoint) (done *arena.Checkpoint, writes uint64, err error) {
	if last == nil {
		if err := t.arena.Track(); err != nil {
			return nil, 0, err
		}
	}
	done, err = t.arena.Checkpoint(f, arena.CheckpointOptions{
		Quiesce: func() error { t.mu.Lock(); writes = t.n; return nil },
		Resume:  t.mu.Unlock,
		Since:   last,
	})
	return done, writes, err
}

// copyAll copies all of it to the heap while the writer stands still, and from there to the file.
func (t *table) copyAll(f *os.File, _ *arena.Checkpoint) (*arena.Checkpoint, uint64, error) {
	if t.copy == nil {
		t.copy = bytes.Repeat([]byte{1}, t.arena.Len()) // Its pages are there then.
	}
	t.mu.Lock()
	start, writes := time.Now(), t.n
	copy(t.copy, t.arena.Bytes())
	pause := time.Since(start)
	t.mu.Unlock()
	n, err := f.WriteAt(t.copy, 0)
	return &arena.Checkpoint{Copied: int64(n), Pause: pause}, writes, err
}

// method is how a table is copied.
type method func(*table, *os.File, *arena.Checkpoint) (*arena.Checkpoint, uint64, error)

// measure has a table written while all of it is copied, and for a while then, in which it is copied every so often.
func measure(name string, f *os.File, blocks int, total, every time.Duration, copyTo method) (row figures.Row, err error) {
	t, err := newTable(blocks)
	if err != nil {
		return nil, err
	}
	defer t.arena.Free()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { t.write(stop); close(ended) }()
	var first, last *arena.Checkpoint
	var pause time.Duration
	var later, n int64
	var copied uint64 // writes that the last copy has
	took, memory, err := figures.Measure(func() error {
		end, tick := time.Now().Add(total), time.Tick(every)
		for first == nil || time.Now().Before(end) {
			done, writes, err := copyTo(t, f, last)
			if err == nil {
				err = f.Sync()
			}
			if err == nil {
				err = t.check(f, writes, copied)
			}
			if err != nil {
				return fmt.Errorf("%s: copy %d: %w", name, n+1, err)
			}
			last, copied, pause, n = done, writes, max(pause, done.Pause), n+1
			if first == nil {
				first, end = done, time.Now().Add(total)
			} else {
				later += done.Copied
			}
			<-tick
		}
		return t.check(f, copied, 0)
	})
	close(stop)
	<-ended
	if err != nil {
		return nil, err
	}
	return figures.Row{name, fmt.Sprint(n), figures.Time(t.longest), figures.Time(pause), figures.MiB(first.Copied), figures.MiB(later / max(n-1, 1)),
		figures.MiB(memory), fmt.Sprintf("%.0f million/s", float64(t.n)/1e6/took.Seconds())}, nil
}

func run(w io.Writer, dir string, blocks int, total, every time.Duration, alone bool) error {
	f, err := os.CreateTemp(dir, "table")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	ours, err := measure("Arena.Checkpoint", f, blocks, total, every, (*table).checkpoint)
	if err != nil {
		return err
	}
	rows := []figures.Row{ours}
	if !alone {
		plain, err := measure("stop, copy all", f, blocks, total, every, (*table).copyAll)
		if err != nil {
			return err
		}
		rows = append(rows, plain)
	}
	fmt.Fprintf(w, "a table of %d MiB, copied every %v for %v, each copy read and compared:\n", blocks, every, total)
	return figures.Print(w, "how, copies, longest 64 writes, longest pause, first copy, later ones, most memory, writes", rows...)
}

func main() {
	size := flag.Int("size", 256, "size of the table in MiB: a power of two")
	total := flag.Duration("for", 5*time.Second, "how long it is written")
	every := flag.Duration("every", time.Second, "how often it is copied")
	alone := flag.Bool("alone", false, "do not copy all of it to the heap, for comparison")
	flag.Parse()
	if *size <= 0 || *size&(*size-1) != 0 {
		log.Fatalf("-size %d is not a power of two", *size)
	}
	if err := run(os.Stdout, "", *size, *total, *every, *alone); err != nil {
		log.Fatal(err)
	}
}
