package stream

import (
	"fmt"
	"io"
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
