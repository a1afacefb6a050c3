//go:build !portable && !exploreshm

package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"testing"
)

// tick is a row as an appender writes it: its check tells whether it is whole.
type tick struct {
	Appender uint32
	Seq      uint32
	Check    uint64
}

// tickSize is the size of one.
const tickSize = 16

func newTick(appender, seq int) tick {
	return tick{uint32(appender), uint32(seq), checkOf(uint32(appender), uint32(seq))}
}

// checkOf is not 0.
func checkOf(appender, seq uint32) uint64 {
	return (uint64(appender)<<32|uint64(seq))*0x9e3779b97f4a7c15 | 1
}

func (r *tick) whole() bool { return r.Check == checkOf(r.Appender, r.Seq) }

func init() {
	// rows reads a column of ticks to its end, and checks that each is whole, and those of each
	// appender are in order. It says on descriptor 6 that it has begun, and prints how many rows
	// there were, and how many of them it has seen.
	roles["rows"] = func() int {
		files := Inherited(3)
		f, err := Follow(files, FollowOptions{Reserve: 2 << 20, Retire: true})
		if err != nil {
			return fail("%v", err)
		}
		files.Close()
		defer f.Close()
		if _, err := os.NewFile(6, "begun").Write([]byte{1}); err != nil {
			return fail("%v", err)
		}
		next, seen := 0, 0
		last := map[uint32]int{}
		for {
			switch err := f.Wait(context.Background(), (next+1)*tickSize); err {
			case nil:
			case io.EOF:
				fmt.Println(next, seen)
				return 0
			default:
				return fail("Wait: %v", err)
			}
			g, err := f.Pin()
			if err != nil {
				return fail("Pin: %v", err)
			}
			first, rows := View[tick](&g)
			skipped := max(first-next, 0)
			next = max(next, first)
			if skipped > 0 {
				clear(last) // Some are missing.
			}
			bad, at := "", map[uint32]int{}
			for i, r := range rows[next-first:] {
				before, ok := at[r.Appender]
				if !ok {
					before, ok = last[r.Appender]
				}
				if !r.whole() || ok && int(r.Seq) != before+1 {
					bad = fmt.Sprintf("row %d is %+v, behind %d of the appender", next+i, r, before)
					break
				}
				at[r.Appender] = int(r.Seq)
			}
			err = g.Check(next * tickSize)
			switch {
			case errors.Is(err, ErrDropped):
				// What was seen may have been zeros: the next look begins at the front of then.
			case err != nil || bad != "":
				return fail("%s, %v", bad, err)
			default:
				for a, seq := range at {
					last[a] = seq
				}
				seen += first + len(rows) - next
				next = first + len(rows)
			}
			g.Unpin()
		}
	}
}

// TestColumn_Processes: several goroutines append rows, others drop the front, and processes
// follow in place: they see each row whole, and no gap but what they are told is dropped.
func TestColumn_Processes(t *testing.T) {
	for name, keep := range map[string]int{"all": 0, "dropping": 3000} {
		t.Run(name, func(t *testing.T) {
			const appenders, each = 4, 20_000
			w := create(t, Options{Droppable: keep > 0})
			files, err := w.Files()
			if err != nil {
				t.Fatal(err)
			}
			defer files.Close()
			begun, begins, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer begun.Close()
			var children []*child
			for range 3 {
				children = append(children, start(t, "rows", append(files[:], begins)))
			}
			begins.Close()
			if _, err := io.ReadFull(begun, make([]byte, len(children))); err != nil {
				t.Error(err)
			}
			var wg sync.WaitGroup
			for a := range appenders {
				wg.Go(func() {
					for seq := 0; seq < each; {
						rows := make([]tick, min(1+seq%7, each-seq))
						for i := range rows {
							rows[i] = newTick(a, seq+i)
						}
						first, err := AppendValues(w, rows...)
						if err != nil {
							t.Error(err)
							return
						}
						seq += len(rows)
						if keep > 0 && a == 0 {
							if err := w.DropFront(max(first-keep, 0) * tickSize); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			wg.Wait()
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			for _, c := range children {
				code := c.code(t)
				var next, seen int
				if n, err := fmt.Sscan(c.out.String(), &next, &seen); n != 2 || err != nil || code != 0 || next != appenders*each || keep == 0 && seen != next {
					t.Errorf("exit code %d: %s", code, c.out.String())
				}
				t.Logf("seen are %d rows of %d", seen, next)
			}
		})
	}
}

// TestColumn: rows have the numbers that they were appended with, whatever is dropped.
func TestColumn(t *testing.T) {
	w := create(t, Options{Droppable: true})
	f := follower(t, w, FollowOptions{})
	view := func(want int) {
		t.Helper()
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		first, rows := View[tick](&g)
		if first != want || len(rows) != max(w.Published()/tickSize-want, 0) {
			t.Fatalf("%d rows from %d on, want them from %d on", len(rows), first, want)
		}
		for i, r := range rows {
			if r != newTick(7, first+i) {
				t.Fatalf("row %d is %+v", first+i, r)
			}
		}
	}
	view(0)
	for row := 0; row < 20_000; row += 2 {
		if got, err := AppendValues(w, newTick(7, row), newTick(7, row+1)); got != row || err != nil {
			t.Fatalf("row %d, %v, want %d", got, err, row)
		}
	}
	view(0)
	for _, drop := range []struct{ to, first int }{{0, 0}, {10 * tickSize, 10}, {10*tickSize + 1, 11}, {5000*tickSize - 1, 5000}, {20_000 * tickSize, 20_000}} {
		if err := w.DropFront(drop.to); err != nil {
			t.Fatal(err)
		}
		view(drop.first)
	}
	if row, err := AppendValues[tick](w); row != 20_000 || err != nil {
		t.Errorf("no values: row %d, %v", row, err)
	}
}

// TestColumn_Misuse: what is no column panics.
func TestColumn_Misuse(t *testing.T) {
	w := create(t, Options{})
	f := follower(t, w, FollowOptions{})
	write(t, w, 10)
	g, err := f.Pin()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Unpin()
	for name, misuse := range map[string]func(){
		"pointers":          func() { _, _ = AppendValues(w, "a string") },
		"no size":           func() { _, _ = AppendValues(w, struct{}{}) },
		"pointers in view":  func() { View[*int](&g) },
		"no size in a view": func() { View[struct{}](&g) },
		"other things":      func() { _, _ = AppendValues(w, tick{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			misuse()
		}()
	}
	if first, values := View[int64](&g); first != 0 || len(values) != 1 {
		t.Errorf("of 10 bytes %d values of 8 from %d on", len(values), first)
	}
}

func init() {
	// appenders appends rows from several goroutines and drops the front until it is killed.
	roles["appenders"] = func() int {
		w, err := TakeOver(Options{Dir: os.Getenv(dirEnv), Name: "x"})
		if err != nil {
			return fail("%v", err)
		}
		generation, err := strconv.Atoi(os.Getenv(killEnv))
		if err != nil {
			return fail("%v", err)
		}
		for a := range 3 {
			go func() {
				for seq := 0; ; seq++ {
					if _, err := AppendValues(w, newTick(3*generation+a, seq)); err != nil {
						panic(err)
					}
				}
			}()
		}
		for {
			if err := w.DropFront(max(w.Published()-100_000, w.Front())); err != nil {
				return fail("%v", err)
			}
		}
	}
}

// TestColumn_Killed kills a writer whose goroutines append and drop, at any moment, again and
// again: a follower sees whole rows, and the next writer begins behind one.
func TestColumn_Killed(t *testing.T) {
	dir := tmpfsDir(t)
	w := create(t, Options{Dir: dir, Name: "x", Droppable: true})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir, "x", FollowOptions{Reserve: 2 << 20, Retire: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	next := 0
	look := func() {
		g, err := f.Pin()
		if err != nil {
			t.Fatal(err)
		}
		defer g.Unpin()
		first, rows := View[tick](&g)
		next = max(next, first)
		bad := -1
		for i, r := range rows[next-first:] {
			if !r.whole() {
				bad = next + i
				break
			}
		}
		if g.Len()%tickSize != 0 {
			t.Fatalf("half a row: %d bytes", g.Len())
		}
		if err := g.Check(next * tickSize); bad >= 0 && !errors.Is(err, ErrDropped) {
			t.Fatalf("row %d is not whole, %v", bad, err)
		}
		next = first + len(rows)
	}
	for round := range 8 {
		before := next
		c := start(t, "appenders", nil, dirEnv+"="+dir, killEnv+"="+strconv.Itoa(round))
		for next < before+20_000+round*1777 {
			look()
		}
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if code := c.code(t); code != -1 {
			t.Fatalf("exit code %d: %s", code, c.out.String())
		}
		look()
		if err := f.Wait(soon(t), (next+1)*tickSize); !errors.Is(err, ErrWriterGone) {
			t.Fatalf("Wait: %v", err)
		}
	}
	t.Logf("%d rows", next)
}
