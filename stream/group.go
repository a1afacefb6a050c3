package stream

import (
	"context"
	"fmt"
	"io"
	"iter"
)

// Group is a table: columns that grow and are dropped together, so that who reads sees
// the same rows in each. Its columns are in memory of their own, one value behind the other.
// Make one with [NewGroup]. Its methods may be called concurrently.
type Group struct{ sequence }

var _ io.Closer = (*Group)(nil)

// AnyColumn is a *[Column] of any type.
type AnyColumn interface {
	join(g *Group, i int)
	width() int64
}

// NewGroup makes an empty group of columns, which are zero Columns before. Limit and Reserve
// of the options are for all of them together. It panics if opts contradict
// themselves, there is no column, one is in a group already, or its values have pointers or
// no size.
func NewGroup(opts Options, columns ...AnyColumn) (*Group, error) {
	return newGroup("group", opts, columns)
}

func newGroup(what string, opts Options, columns []AnyColumn) (*Group, error) {
	opts.check(what)
	if len(columns) == 0 {
		panic(fmt.Sprintf("stream: NewGroup of %q without columns", opts.Name))
	}
	g := new(Group)
	g.elements = "rows"
	var sizes []int64
	opened := false
	defer func() {
		if !opened { // Or one cannot join: that panics.
			for _, c := range columns[:len(sizes)] {
				c.join(nil, 0)
			}
		}
	}()
	for i, c := range columns {
		c.join(g, i)
		sizes = append(sizes, c.width())
	}
	if err := g.open(what, opts, sizes); err != nil {
		return nil, fmt.Errorf("stream: make %q: %w", opts.Name, err)
	}
	opened = true
	return g, nil
}

// Append appends n rows that write writes to, in all columns of the group at once, and
// returns the number of the first. An error of write, a panic, and what others have
// appended meanwhile are as for [Stream.AppendFunc]: no column becomes longer than another.
// Panics if n is not positive. For a row at a time [Group.Begin] is quicker.
func (g *Group) Append(n int, write func(Rows) error) (first int64, err error) {
	if n <= 0 {
		g.badCount("Append", n)
	}
	return g.append(n, write)
}

// Follow returns the rows from number row on, as they come. In each turn of the loop there is a
// guard, pinned for as long as the turn takes and not to be unpinned or refreshed, whose snapshot is what is new: it begins where
// that of the turn before has ended, or later, at the front, where more was dropped meanwhile. The loop
// ends behind the last row, after CloseWrite. Where ctx ends, or the group is closed, there is an error in
// the last turn, as of Wait or Pin, and no guard. Panics if row is negative or ctx nil.
func (g *Group) Follow(ctx context.Context, row int64) iter.Seq2[*Guard, error] {
	if row < 0 || ctx == nil {
		panic(fmt.Sprintf("stream: Follow of %q from %d, with the context %v", g.name, row, ctx))
	}
	return func(yield func(*Guard, error) bool) {
		at, err := row, error(nil) // The sequence may be ranged over again.
		for more := true; more; {
			if err = g.Wait(ctx, at); err == nil {
				at, more, err = g.followOnce(at, yield)
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// followOnce yields what there is from row at on, and returns the next row, and whether to
// go on.
func (g *Group) followOnce(at int64, yield func(*Guard, error) bool) (next int64, more bool, err error) {
	now, err := g.Pin()
	if err != nil {
		return at, false, err
	}
	defer now.Unpin()
	// A pin that was preempted while the group moved may have nothing of it yet.
	end := now.end
	if now.front = max(now.front, at); now.front >= end {
		return max(at, end), true, nil
	}
	return end, yield(&now, nil), nil
}
