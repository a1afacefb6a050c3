package stream

import (
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/stream"
)

// group is a table in a stream.Group.
type group struct {
	*stream.Group
	u [wide]stream.Column[uint64]
	v [narrow]stream.Column[uint32]
}

func openGroup(huge arena.HugePages) func(rows int64) (table, error) {
	return func(int64) (table, error) {
		t := new(group)
		var all []stream.AnyColumn
		for c := range t.u {
			all = append(all, &t.u[c])
		}
		for c := range t.v {
			all = append(all, &t.v[c])
		}
		var err error
		t.Group, err = stream.NewGroup(stream.Options{Name: "benchmark", HugePages: huge}, all...)
		return t, err
	}
}

func (t *group) write(first int64, n int) error {
	rows, err := t.Begin(n)
	if err != nil {
		return err
	}
	for c := range t.u {
		fill(t.u[c].In(rows), c, first)
	}
	for c := range t.v {
		fill(t.v[c].In(rows), wide+c, first)
	}
	rows.Publish()
	return nil
}

func (t *group) drop(to int64) error { return t.DropFront(to) }

func (t *group) read(pick uint64, last, other *row) error {
	g, err := t.Pin()
	if err != nil {
		return err
	}
	var u [wide][]uint64
	var v [narrow][]uint32
	for c := range u {
		u[c] = t.u[c].View(&g)
	}
	for c := range v {
		v[c] = t.v[c].View(&g)
	}
	front, end := g.Front(), g.Len()
	last.set(end-1, int(end-1-front), &u, &v)
	number := chosen(front, end, pick)
	other.set(number, int(number-front), &u, &v)
	g.Unpin()
	return nil
}

func (t *group) committed() int { return t.Stats().Committed }
func (t *group) close() error   { return t.Close() }
