package stream_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// table is a group of columns whose widths have nothing in common.
type table struct {
	*stream.Group
	a stream.Column[uint64]
	b stream.Column[uint8]
	c stream.Column[[3]uint32]
	d stream.Column[float64]
}

func newTable(t testing.TB, opts stream.Options) *table {
	t.Helper()
	if opts.Space == nil {
		opts.Space = addrspace.New(addrspace.Options{CacheWindows: -1})
	}
	x := new(table)
	g, err := stream.NewGroup(opts, &x.a, &x.b, &x.c, &x.d)
	if err != nil {
		t.Fatal(err)
	}
	x.Group = g
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if err := g.Domain().Barrier(context.Background()); err != nil {
			t.Error(err)
		}
		eventually(t, func() bool { return opts.Space.Stats().Windows == 0 })
	})
	return x
}

// write writes what stands in rows r.
func (x *table) write(r stream.Rows) error {
	a, b, c, d := x.a.In(r), x.b.In(r), x.c.In(r), x.d.In(r)
	for i := range r.Len() {
		row := uint64(r.First()) + uint64(i) + 1
		a[i], b[i], c[i], d[i] = row*row, byte(row), [3]uint32{uint32(row), 1, uint32(row >> 32)}, float64(row)/2
	}
	return nil
}

// check returns the first row of g that is not as written, or -1.
func (x *table) check(t testing.TB, g *stream.Guard) int64 {
	t.Helper()
	a, b, c, d := x.a.View(g), x.b.View(g), x.c.View(g), x.d.View(g)
	if n := int(g.Len() - g.Front()); len(a) != n || len(b) != n || len(c) != n || len(d) != n {
		t.Errorf("%d, %d, %d and %d of %d rows", len(a), len(b), len(c), len(d), n)
		return g.Front()
	}
	for i := range a {
		row := uint64(g.Front()) + uint64(i) + 1
		if a[i] != row*row || b[i] != byte(row) || c[i] != [3]uint32{uint32(row), 1, uint32(row >> 32)} || d[i] != float64(row)/2 {
			return int64(row - 1)
		}
	}
	return -1
}

// TestGroup_Model appends, drops and holds guards over many windows.
func TestGroup_Model(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, options := range variants {
		t.Run(name, func(t *testing.T) {
			x := newTable(t, options())
			rnd := rand.New(rand.NewPCG(3, 4))
			var guards []stream.Guard
			front, end := int64(0), int64(0)
			failed := errors.New("failed")
			for step := range 200 {
				n := 1 + rnd.IntN(1<<rnd.IntN(18))
				switch p := rnd.IntN(8); {
				case p < 3:
					r, err := x.Begin(n)
					if err != nil || r.First() != end || r.Len() != n {
						t.Fatalf("step %d: %v, rows %d of %d, want %d", step, err, r.First(), r.Len(), end)
					}
					_ = x.write(r)
					r.Publish()
					end += int64(n)
				case p == 3:
					at, err := x.Append(n, x.write)
					if err != nil || at != end {
						t.Fatalf("step %d: %d, %v, want %d", step, at, err, end)
					}
					end += int64(n)
				case p == 4:
					if at, err := x.Append(n, func(r stream.Rows) error { return errors.Join(x.write(r), failed) }); at != -1 || !errors.Is(err, failed) {
						t.Fatalf("step %d: %d, %v", step, at, err)
					}
					if r := must(x.Begin(n)); r.First() != end || slices.ContainsFunc(x.c.In(r), func(c [3]uint32) bool { return c != [3]uint32{} }) || !r.Cancel() {
						t.Fatalf("step %d: what was taken back is not zero, at %d", step, end)
					}
				case p == 5:
					front += rnd.Int64N(end - front + 1)
					if err := x.DropFront(front); err != nil {
						t.Fatal(err)
					}
				case p == 6:
					guards = append(guards, must(x.Pin()))
				case len(guards) > 0:
					i := rnd.IntN(len(guards))
					guards[i].Unpin()
					guards = slices.Delete(guards, i, i+1)
				}
				if x.Front() != front || x.Len() != end {
					t.Fatalf("step %d: [%d, %d), want [%d, %d)", step, x.Front(), x.Len(), front, end)
				}
				if step%20 == 0 {
					for i := range guards {
						if row := x.check(t, &guards[i]); row >= 0 {
							t.Fatalf("step %d: a guard sees something else in row %d", step, row)
						}
					}
				}
			}
			guards = append(guards, must(x.Pin()))
			for i := range guards {
				if row := x.check(t, &guards[i]); row >= 0 {
					t.Errorf("row %d is wrong in the end", row)
				}
				guards[i].Unpin()
			}
			if st := x.Stats(); st.Moves < 1 {
				t.Errorf("%+v, want some moves", st)
			}
		})
	}
}

// TestGroup_Appenders: rows that several append at once are whole in all columns, for readers
// who look meanwhile.
func TestGroup_Appenders(t *testing.T) {
	testutil.NeedsMoves(t)
	const rows = 800000
	x := newTable(t, stream.Options{Reserve: 1})
	var writing, reading sync.WaitGroup
	for a := range 3 {
		writing.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(a), 5))
			for x.Len() < rows {
				var err error
				if n := 1 + rnd.IntN(20); n == 20 {
					_, err = x.Append(n, func(r stream.Rows) error { runtime.Gosched(); return x.write(r) })
				} else if r, e := x.Begin(n); e != nil {
					err = e
				} else {
					_ = x.write(r)
					r.Publish()
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	reading.Go(func() {
		for row := int64(0); x.Wait(t.Context(), row) == nil; {
			g := must(x.Pin())
			if bad := x.check(t, &g); bad >= 0 {
				t.Errorf("row %d of [%d, %d) is torn", bad, g.Front(), g.Len())
				g.Unpin()
				return
			}
			row = g.Len()
			g.Unpin()
			if err := x.DropFront(max(0, row-rows/20)); err != nil {
				t.Error(err)
			}
		}
	})
	writing.Wait()
	x.CloseWrite()
	reading.Wait()
	if st := x.Stats(); st.Moves == 0 {
		t.Error("the group has not moved")
	}
}

// TestGroup_Faults fails each system call in turn: no column becomes longer than another, and
// the next call works.
func TestGroup_Faults(t *testing.T) {
	testutil.NeedsMoves(t)
	for nth := 0; ; nth++ {
		met := false
		var failed sys.Call
		space := addrspace.New(addrspace.Options{CacheWindows: -1})
		testutil.Tap(func() {
			var x table
			make := func() (err error) {
				x.Group, err = stream.NewGroup(stream.Options{Reserve: 8 * mib, Space: space}, &x.a, &x.b, &x.c, &x.d)
				return err
			}
			if make() != nil {
				if err := make(); err != nil {
					t.Fatal(err)
				}
			}
			for range 5 {
				front, end := x.Front(), x.Len()
				if _, err := x.Append(100000, x.write); err != nil {
					if x.Front() != front || x.Len() != end {
						t.Errorf("call %d (%v): %v has changed [%d, %d) to [%d, %d)", nth, failed, err, front, end, x.Front(), x.Len())
					}
					if at, err := x.Append(100000, x.write); at != end || err != nil {
						t.Fatalf("call %d (%v): again: %d, %v, want %d", nth, failed, at, err, end)
					}
				}
				if err := x.DropFront(max(0, end-50000)); err != nil {
					t.Fatal(err)
				}
			}
			g := must(x.Pin())
			if row := x.check(t, &g); row >= 0 {
				t.Errorf("call %d (%v): row %d is wrong", nth, failed, row)
			}
			g.Unpin()
			if err := x.Close(); err != nil {
				t.Error(err)
			}
			_ = x.Domain().Shutdown(t.Context())
		}, func(n int, c sys.Call) syscall.Errno {
			if n != nth || len(testutil.Errnos(c)) == 0 {
				met = met || n == nth
				return 0
			}
			met, failed = true, c
			return testutil.Errnos(c)[0]
		})
		_ = space.Trim()
		if st := space.Stats(); st.Windows != 0 || st.Stuck != 0 {
			t.Errorf("call %d (%v): %d windows are left, %d stuck", nth, failed, st.Windows, st.Stuck)
		}
		if !met {
			return
		}
		if testing.Short() {
			nth += 6
		}
	}
}

// TestColumn: values are appended whole, found by the number of their row, and dropped.
func TestColumn(t *testing.T) {
	c := must(stream.NewColumn[int32](stream.Options{Name: "c", Limit: 4 * mib}))
	defer c.Close()
	if row := must(c.Append(1, 2, 3)); row != 0 {
		t.Error(row)
	}
	if row := must(c.Append()); row != 3 {
		t.Error(row)
	}
	if row := must(c.Append(4)); row != 3 {
		t.Error(row)
	}
	if err := c.DropFront(1); err != nil {
		t.Fatal(err)
	}
	g := must(c.Pin())
	defer g.Unpin()
	if v := c.View(&g); !slices.Equal(v, []int32{2, 3, 4}) || cap(v) != 3 {
		t.Errorf("%v of capacity %d", v, cap(v))
	}
	for row, v := range c.All(&g) {
		if v != int32(row)+1 {
			t.Errorf("row %d is %d", row, v)
		}
		if row == 2 {
			break
		}
	}
	if _, err := c.Append(make([]int32, mib)...); !errors.Is(err, stream.ErrFull) || !strings.Contains(err.Error(), "3 rows are live") {
		t.Errorf("above the limit: %v", err)
	}
	must(c.Append(make([]int32, mib-3)...))
}

// TestColumn_BadInput: what cannot be a column, or is not of it, panics.
func TestColumn_BadInput(t *testing.T) {
	x, y := newTable(t, stream.Options{Name: "x"}), newTable(t, stream.Options{})
	g := must(x.Pin())
	defer g.Unpin()
	r := must(x.Begin(1))
	_ = x.write(r)
	r.Publish()
	one := must(stream.NewColumn[int](stream.Options{}))
	defer one.Close()
	for name, c := range map[string]struct {
		f    func()
		want string
	}{
		"pointers":            {func() { _, _ = stream.NewColumn[struct{ Name string }](stream.Options{}) }, "Name: string"},
		"no size":             {func() { _, _ = stream.NewColumn[struct{}](stream.Options{}) }, "has no size"},
		"no columns":          {func() { _, _ = stream.NewGroup(stream.Options{}) }, "without columns"},
		"a column twice":      {func() { _, _ = stream.NewGroup(stream.Options{}, &x.a) }, `in group "x" already`},
		"Append to one":       {func() { _, _ = x.a.Append(1) }, "4 columns"},
		"Append of none":      {func() { _, _ = x.Append(0, nil) }, "0 rows"},
		"Begin of none":       {func() { _, _ = x.Begin(-1) }, "-1 rows"},
		"another's guard":     {func() { y.a.View(&g) }, "another group"},
		"another's rows":      {func() { y.a.In(r) }, "another group"},
		"published twice":     {r.Publish, "published or canceled already"},
		"Bytes of a group":    {func() { _, _ = g.Bytes(0, 1) }, "have View"},
		"Bytes of a column":   {func() { g := must(one.Pin()); defer g.Unpin(); g.All() }, "have View"},
		"options of a column": {func() { _, _ = stream.NewColumn[int](stream.Options{Reserve: -1}) }, `"column"`},
	} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, c.want) {
					t.Errorf("%s: panic %q, want %q", name, text, c.want)
				}
			}()
			c.f()
		}()
	}
}

// TestGroup_Cost: a row within what is ready allocates nothing and calls nobody.
func TestGroup_Cost(t *testing.T) {
	x := newTable(t, stream.Options{})
	must(x.Append(10, x.write))
	one := must(stream.NewColumn[uint64](stream.Options{}))
	defer one.Close()
	must(one.Append(1))
	for name, f := range map[string]func(){
		"Begin":         func() { r := must(x.Begin(1)); _ = x.write(r); r.Publish() },
		"Append":        func() { must(x.Append(2, x.write)) },
		"View":          func() { g := must(x.Pin()); x.check(t, &g); g.Unpin() },
		"Column.Append": func() { must(one.Append(1, 2, 3)) },
	} {
		calls := testutil.CountCalls(func() {
			if n := testing.AllocsPerRun(100, f); n != 0 {
				t.Errorf("%s allocates %v times", name, n)
			}
		})
		if len(calls) != 0 {
			t.Errorf("%s calls %v", name, calls)
		}
	}
}

// TestGroup_Follow: who follows gets each row once and in order, but for those that were dropped
// before he came to them, until the end, and holds nothing when he leaves.
func TestGroup_Follow(t *testing.T) {
	x := newTable(t, stream.Options{Reserve: 1})
	const rows = 300_000
	go func() {
		for n := 0; n < rows; n += 100 {
			must(x.Append(100, x.write))
			if n == rows/2 {
				runtime.Gosched()
			}
		}
		x.CloseWrite()
	}()
	next, turns := int64(7), 0
	for g, err := range x.Follow(t.Context(), 7) {
		if err != nil {
			t.Fatal(err)
		}
		if g.Front() != next || g.Len() <= next || len(x.a.View(g)) != int(g.Len()-next) {
			t.Fatalf("a turn of [%d, %d), want it from %d on, with %d values", g.Front(), g.Len(), next, len(x.a.View(g)))
		}
		if row := x.check(t, g); row >= 0 {
			t.Fatalf("row %d is wrong", row)
		}
		next = g.Len()
		turns++
	}
	if next != rows || turns == 0 {
		t.Errorf("it ends at %d of %d rows, after %d turns", next, rows, turns)
	}
	if err := x.KeepLast(rows / 3); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for g, err := range x.Follow(t.Context(), 0) { // Of what is dropped he sees nothing.
		if err != nil || g.Front() != rows-rows/3 || g.Len() != rows {
			t.Errorf("[%d, %d), %v", g.Front(), g.Len(), err)
		}
		seen++
		break
	}
	for range x.Follow(t.Context(), rows) {
		t.Error("there is something behind the end")
	}
	if seen != 1 {
		t.Errorf("%d turns", seen)
	}
}

// TestGroup_FollowEnds: an ended context and a closed group are an error in the last turn.
func TestGroup_FollowEnds(t *testing.T) {
	var c stream.Column[int32]
	g := must(stream.NewGroup(stream.Options{Name: "prices"}, &c))
	must(c.Append(1, 2, 3))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for now, err := range c.Follow(ctx, 1) {
		if errs = append(errs, err); err != nil {
			if now != nil {
				t.Error("a guard beside the error")
			}
			continue
		}
		if v := c.View(now); !slices.Equal(v, []int32{2, 3}) {
			t.Errorf("%v", v)
		}
		cancel()
	}
	if len(errs) != 2 || errs[0] != nil || !errors.Is(errs[1], context.Canceled) {
		t.Errorf("%v", errs)
	}
	if err := g.KeepLast(-1); !errors.Is(err, stream.ErrRange) || !strings.Contains(err.Error(), `keep the last -1 rows of "prices"`) {
		t.Error(err)
	}
	if err := g.KeepLast(10); err != nil || g.Front() != 0 {
		t.Errorf("%v, %d", err, g.Front())
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	errs = nil
	for _, err := range c.Follow(t.Context(), 1) {
		errs = append(errs, err)
	}
	if len(errs) != 1 || !errors.Is(errs[0], stream.ErrClosed) {
		t.Errorf("%v", errs)
	}
	for name, f := range map[string]func(){
		"row":     func() { g.Follow(t.Context(), -1) },
		"context": func() { var none context.Context; g.Follow(none, 1) },
	} {
		if text := panics(f); !strings.Contains(text, `Follow of "prices" from`) {
			t.Errorf("%s: panic %q", name, text)
		}
	}
	if err := g.Domain().Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
