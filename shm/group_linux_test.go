//go:build !portable && !exploreshm

package shm

import (
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
)

// trade is the table that tests have.
var trade = []Column{ColumnOf[uint64]("id"), ColumnOf[uint32]("size"), ColumnOf[tick]("tick")}

// trades are the rows from one number on.
func trades(from, n int) []Values {
	var (
		ids   []uint64
		sizes []uint32
		ticks []tick
	)
	for row := from; row < from+n; row++ {
		ids, sizes, ticks = append(ids, uint64(row)<<20|1), append(sizes, uint32(3*row+1)), append(ticks, newTick(1, row))
	}
	return []Values{ValuesOf(ids...), ValuesOf(sizes...), ValuesOf(ticks...)}
}

// rowsIn checks that a guard shows rows as trades has them, and returns where they end.
func rowsIn(t *testing.T, f *GroupFollower) (front, end int) {
	t.Helper()
	g, err := f.Pin()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Unpin()
	ids, sizes, ticks := ViewColumn[uint64](g, 0), ViewColumn[uint32](g, 1), ViewColumn[tick](g, 2)
	if n := g.Len() - g.Front(); len(ids) != n || len(sizes) != n || len(ticks) != n {
		t.Fatalf("%d, %d and %d values, want %d", len(ids), len(sizes), len(ticks), n)
	}
	wrong := -1
	for i := range ids {
		if row := g.Front() + i; ids[i] != uint64(row)<<20|1 || sizes[i] != uint32(3*row+1) || ticks[i] != newTick(1, row) {
			wrong = row
			break
		}
	}
	if err := g.Check(g.Front()); wrong >= 0 && !errors.Is(err, ErrDropped) {
		t.Fatalf("row %d is wrong: %v", wrong, err)
	}
	return g.Front(), g.Len()
}

func createGroup(t *testing.T, o Options) (*Group, *GroupFollower) {
	t.Helper()
	o.Name = "t"
	o.Arena = arena.Options{Reserve: 2 << 20, Headroom: -1}
	g, err := CreateGroup(o, trade...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !g.columns[0].closed {
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	f, err := OpenGroup(o.Dir, "t", FollowOptions{Reserve: 2 << 20, Retire: true}, trade...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, f
}

// TestGroup: rows are seen in all columns, while several goroutines append and the front is dropped.
func TestGroup(t *testing.T) {
	places(t, func(t *testing.T, dir string) {
		g, f := createGroup(t, Options{Dir: dir, Droppable: true})
		if front, end := rowsIn(t, f); front != 0 || end != 0 {
			t.Errorf("[%d, %d) of none", front, end)
		}
		const each, all = 10, 40_000
		var next sync.Mutex // Their rows are to be in order.
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					next.Lock()
					row := g.Rows()
					if row == all {
						next.Unlock()
						return
					}
					got, err := g.Append(trades(row, each)...)
					next.Unlock()
					if got != row || err != nil {
						t.Errorf("row %d, %v, want %d", got, err, row)
						return
					}
					if row%1000 != 0 {
						continue
					}
					if err := g.DropFront(max(row-5000, 0)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for end := 0; end < all; {
			if err := f.Wait(soon(t), end+1); err != nil {
				t.Fatal(err)
			}
			_, end = rowsIn(t, f)
		}
		wg.Wait()
		if front, end := rowsIn(t, f); front < all-6000 || end != all {
			t.Errorf("[%d, %d) at the end", front, end)
		}
		if err := errors.Join(g.Sync(), g.Remove(), g.Close()); err != nil {
			t.Fatal(err)
		}
		if err := f.Wait(soon(t), all+1); err != io.EOF {
			t.Errorf("after Close: %v", err)
		}
		if _, err := OpenGroup(dir, "t", FollowOptions{}, trade...); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("after Remove: %v", err)
		}
	})
}

func init() {
	// halfway appends 100 rows, and is killed when it has published 10 more in so many columns.
	roles["halfway"] = func() int {
		g, err := TakeOverGroup(Options{Dir: os.Getenv(dirEnv), Name: "t"}, trade...)
		if err != nil {
			return fail("%v", err)
		}
		columns, err := strconv.Atoi(os.Getenv(killEnv))
		if err != nil {
			return fail("%v", err)
		}
		if _, err := g.Append(trades(0, 100)...); err != nil {
			return fail("%v", err)
		}
		more := trades(100, 10)
		for i, w := range g.columns {
			if err := w.stage(more[i].b); err != nil {
				return fail("%v", err)
			}
		}
		for i, w := range g.columns[:columns] {
			w.publishStaged(110 * g.sizes[i])
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	// grows appends rows until it is killed.
	roles["grows"] = func() int {
		g, err := TakeOverGroup(Options{Dir: os.Getenv(dirEnv), Name: "t"}, trade...)
		if err != nil {
			return fail("%v", err)
		}
		for {
			if _, err := g.Append(trades(g.Rows(), 1+g.Rows()%7)...); err != nil {
				return fail("%v", err)
			}
		}
	}
}

// TestGroup_KilledBetween kills a writer between the publications of any two columns: a follower sees as
// many rows in each, and who takes over goes on behind those that are in any.
func TestGroup_KilledBetween(t *testing.T) {
	for columns := range len(trade) + 1 {
		dir := tmpfsDir(t)
		g, f := createGroup(t, Options{Dir: dir})
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		c := start(t, "halfway", nil, dirEnv+"="+dir, killEnv+"="+strconv.Itoa(columns))
		if code := c.code(t); code != -1 {
			t.Fatalf("exit code %d: %s", code, c.out.String())
		}
		want := 100
		if columns == len(trade) {
			want = 110
		}
		if _, end := rowsIn(t, f); end != want {
			t.Errorf("%d rows with %d columns published, want %d", end, columns, want)
		}
		if err := f.Wait(soon(t), want+1); !errors.Is(err, ErrWriterGone) {
			t.Errorf("Wait: %v", err)
		}
		if columns > 0 {
			want = 110
		}
		g, err := TakeOverGroup(Options{Dir: dir, Name: "t"}, trade...)
		if err != nil {
			t.Fatal(err)
		}
		if _, end := rowsIn(t, f); g.Rows() != want || end != want {
			t.Errorf("taken over with %d columns published: %d rows, and %d are followed, want %d", columns, g.Rows(), end, want)
		}
		if row, err := g.Append(trades(want, 5)...); row != want || err != nil {
			t.Errorf("row %d, %v", row, err)
		}
		if _, end := rowsIn(t, f); end != want+5 {
			t.Errorf("%d rows, want %d", end, want+5)
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGroup_Killed kills a writer at any moment, again and again.
func TestGroup_Killed(t *testing.T) {
	dir := tmpfsDir(t)
	g, f := createGroup(t, Options{Dir: dir})
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	end := 0
	for range rounds {
		c := start(t, "grows", nil, dirEnv+"="+dir)
		for before := end; end == before; {
			_, end = rowsIn(t, f)
		}
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if code := c.code(t); code != -1 {
			t.Fatalf("exit code %d: %s", code, c.out.String())
		}
		_, end = rowsIn(t, f)
		if err := f.Wait(soon(t), end+1); !errors.Is(err, ErrWriterGone) {
			t.Fatalf("Wait: %v", err)
		}
	}
	t.Logf("%d rows", end)
}

// TestGroup_Fails: what fails leaves nothing, and an append that fails in one column is in none.
func TestGroup_Fails(t *testing.T) {
	dir := tmpfsDir(t)
	other := create(t, Options{Dir: dir, Name: "t.tick"})
	if _, err := CreateGroup(Options{Dir: dir, Name: "t"}, trade...); !errors.Is(err, fs.ErrExist) {
		t.Errorf("with a column that is there: %v", err)
	}
	if err := errors.Join(other.Remove(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if left := namesIn(t, dir); len(left) > 0 {
		t.Fatalf("left: %v", left)
	}
	g, f := createGroup(t, Options{Dir: dir})
	if _, err := g.Append(trades(0, 10)...); err != nil {
		t.Fatal(err)
	}
	g.columns[1].closed = true
	if _, err := g.Append(trades(10, 10)...); !errors.Is(err, os.ErrClosed) {
		t.Errorf("with a column that fails: %v", err)
	}
	g.columns[1].closed = false
	if _, end := rowsIn(t, f); end != 10 || g.Rows() != 10 {
		t.Errorf("%d rows, %d", end, g.Rows())
	}
	if row, err := g.Append(trades(10, 3)...); row != 10 || err != nil {
		t.Errorf("behind it: row %d, %v", row, err)
	}
	if _, end := rowsIn(t, f); end != 13 {
		t.Errorf("%d rows, want 13", end)
	}
	if err := g.DropFront(14); !errors.Is(err, ErrRange) {
		t.Errorf("DropFront beyond the end: %v", err)
	}
	for what, misuse := range map[string]func(){
		"too few columns":  func() { _, _ = g.Append(trades(0, 1)[:2]...) },
		"no columns":       func() { _, _ = g.Append() },
		"not as many":      func() { _, _ = g.Append(append(trades(0, 1)[:2], ValuesOf[tick]())...) },
		"of another size":  func() { _, _ = g.Append(ValuesOf[uint32](1), ValuesOf[uint32](1), ValuesOf(tick{})) },
		"without a name":   func() { _, _ = CreateGroup(Options{Dir: dir}, trade...) },
		"a column twice":   func() { _, _ = CreateGroup(Options{Dir: dir, Name: "u"}, trade[0], trade[0]) },
		"without columns":  func() { _, _ = OpenGroup(dir, "t", FollowOptions{}) },
		"a view of others": func() { p, _ := f.Pin(); defer p.Unpin(); ViewColumn[uint64](p, 1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			misuse()
		}()
	}
	if err := RemoveGroup(dir, "t", trade...); !errors.Is(err, ErrInUse) {
		t.Errorf("RemoveGroup of one that is in use: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := RemoveGroup(dir, "t", trade...); err != nil {
		t.Error(err)
	}
	if err := RemoveGroup(dir, "t", trade...); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a second time: %v", err)
	}
	// Columns of two groups are none.
	for range 2 {
		if g, err := CreateGroup(Options{Dir: dir, Name: "t"}, trade...); err != nil {
			t.Fatal(err)
		} else if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if err := RemoveGroup(dir, "t", trade[:1]...); err != nil {
			t.Fatal(err)
		}
		w := create(t, Options{Dir: dir, Name: "t.id"})
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenGroup(dir, "t", FollowOptions{}, trade...); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("OpenGroup of two: %v", err)
		}
		if _, err := TakeOverGroup(Options{Dir: dir, Name: "t"}, trade...); !errors.Is(err, ErrCorrupt) {
			t.Errorf("TakeOverGroup of two: %v", err)
		}
		if err := RemoveGroup(dir, "t", trade...); err != nil {
			t.Fatal(err)
		}
	}
}
