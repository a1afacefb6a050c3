package stream

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/growarena/growarena/internal/pointerfree"
)

// Column is a sequence of values of a type without pointers, in one piece and in order. It is
// a group of its own, made by [NewColumn], or one of the columns of a [Group]: a zero
// Column that [NewGroup] is given. It has the methods of its group. It must not be copied.
type Column[T any] struct {
	*Group
	index int // in the group
}

// NewColumn makes an empty column that is alone in its group. It panics if opts contradict
// themselves, or T has pointers or no size.
func NewColumn[T any](opts Options) (*Column[T], error) {
	c := new(Column[T])
	if _, err := newGroup("column", opts, []AnyColumn{c}); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Column[T]) width() int64 { return sizeOf[T]() }

// join makes c the i-th column of g, or of none if that is nil.
func (c *Column[T]) join(g *Group, i int) {
	if g != nil {
		if c.Group != nil {
			panic(fmt.Sprintf("stream: a column of %v is in group %q already", reflect.TypeFor[T](), c.Name()))
		}
		if where := pointerfree.Pointer[T](); where != "" {
			panic(fmt.Sprintf("stream: a column of %v, which contains a pointer (%s): the collector does not look here", reflect.TypeFor[T](), where))
		}
		if sizeOf[T]() == 0 {
			panic(fmt.Sprintf("stream: a column of %v, which has no size: count in an integer", reflect.TypeFor[T]()))
		}
	}
	c.Group, c.index = g, i
}

// Append appends values, as one: who reads sees all of them or none. It returns the number of
// the first. Cost and errors are those of [Stream.Append]. Panics if the column is not
// alone in its group.
func (c *Column[T]) Append(values ...T) (row int64, err error) {
	g := c.Group
	if len(g.sizes) != 1 {
		panic(fmt.Sprintf("stream: Append to one of %d columns of %q: use Begin or Append of the group", len(g.sizes), g.name))
	}
	if len(values) == 0 {
		return g.appendNothing()
	}
	n := int64(len(values))
	f, row, err := g.take(n, true)
	if err != nil {
		return -1, err
	}
	done := false
	defer func() {
		if !done { // The copy has panicked: a fault.
			g.abandon(f, row, n)
		}
	}()
	copy(valuesAt[T](&f.tracks[0], row, len(values)), values)
	done = true
	g.order.publish(row, row+n)
	return row, nil
}

// In returns the column's values of r, to be written before r is published. Panics if r is
// not of the column's group, or published or canceled.
func (c *Column[T]) In(r Rows) []T {
	if r.f.s != &c.Group.sequence {
		c.notOurs("In")
	}
	if r.state == rowsEnded {
		r.misused("In")
	}
	return valuesAt[T](&r.f.tracks[c.index], r.at, r.n)
}

// View returns the values of the rows that g sees, in place: the first is that of row
// g.Front(). Valid until Unpin or Refresh of g. Panics if g is not pinned on the column's
// group.
func (c *Column[T]) View(g *Guard) []T {
	if g.s != &c.Group.sequence {
		c.notOurs("View")
	}
	return valuesAt[T](&g.frame.tracks[c.index], g.front, int(g.end-g.front))
}

// All returns the values that g sees with the numbers of their rows.
func (c *Column[T]) All(g *Guard) iter.Seq2[int64, T] {
	values, first := c.View(g), g.front
	return func(yield func(int64, T) bool) {
		for i, v := range values {
			if !yield(first+int64(i), v) {
				return
			}
		}
	}
}

// notOurs panics for something of another group.
func (c *Column[T]) notOurs(method string) {
	panic(fmt.Sprintf("stream: %s of a column of %q with something of another group", method, c.Name()))
}
