package shm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
)

// GroupFollower follows a table of a [Group]. Make one with [OpenGroup]. Its methods may be called
// concurrently, but for Close.
type GroupFollower struct {
	name    string
	sizes   []int
	columns []*Follower
}

var _ io.Closer = (*GroupFollower)(nil)

// OpenGroup follows some of a group's columns, or all, in the order in which they were made. The
// error wraps fs.ErrNotExist if one is not there (yet). Panics as CreateGroup does.
func OpenGroup(dir, name string, opts FollowOptions, columns ...Column) (*GroupFollower, error) {
	w := newGroup("OpenGroup", Options{Dir: dir, Name: name}, columns)
	g := &GroupFollower{name: name, sizes: w.sizes}
	for _, c := range columns {
		f, err := Open(dir, columnName(name, c), opts)
		if err == nil {
			g.columns = append(g.columns, f)
			if f.org.id != g.columns[0].org.id { // It has just been made anew.
				err = fmt.Errorf("%w: column %q is of another group", fs.ErrNotExist, c.name)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("shm: follow group %s: %w", where(dir, name), errors.Join(err, g.Close()))
		}
	}
	return g, nil
}

// Wait returns when there are so many rows, in all columns: its errors are those of [Follower.Wait].
func (g *GroupFollower) Wait(ctx context.Context, rows int) error {
	for i := len(g.columns) - 1; i >= 0; i-- { // The last one is published last.
		if err := g.columns[i].Wait(ctx, min(rows, math.MaxInt/g.sizes[i])*g.sizes[i]); err != nil {
			return err
		}
	}
	return nil
}

// Close ends following: see [Follower.Close].
func (g *GroupFollower) Close() error {
	var errs []error
	for _, f := range g.columns {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// GroupGuard pins the rows from Front to Len, as a [Guard] does bytes.
type GroupGuard struct {
	of         *GroupFollower
	guards     []Guard
	front, end int
}

// Pin returns a guard on the rows that are published in all columns, and dropped in none.
func (g *GroupFollower) Pin() (*GroupGuard, error) {
	p := &GroupGuard{of: g, guards: make([]Guard, len(g.columns))}
	for i := len(g.columns) - 1; i >= 0; i-- {
		var err error
		if p.guards[i], err = g.columns[i].Pin(); err != nil {
			for j := i + 1; j < len(g.columns); j++ {
				p.guards[j].Unpin()
			}
			return nil, err
		}
		held, size := &p.guards[i], g.sizes[i]
		p.front = max(p.front, (held.Front()+size-1)/size)
		if rows := held.Len() / size; i == len(g.columns)-1 || rows < p.end {
			p.end = rows
		}
	}
	p.front = min(p.front, p.end)
	return p, nil
}

// Front returns the number of the first row that the guard shows.
func (g *GroupGuard) Front() int { return g.front }

// Len returns the number behind that of the last row.
func (g *GroupGuard) Len() int { return g.end }

// ViewColumn returns the values of a column, in place: those of the rows from Front to Len. What is
// valid for how long is as with [Guard.Bytes]. Panics if the column is not of values of that size.
func ViewColumn[T any](g *GroupGuard, column int) []T {
	if size := columnSize[T](); size != g.of.sizes[column] {
		panic(fmt.Sprintf("shm: ViewColumn %d of %q as values of %d bytes: it has values of %d", column, g.of.name, size, g.of.sizes[column]))
	}
	return valuesAt[T](g.guards[column].held.Bytes(), g.front, g.end-g.front)
}

// Check is [Guard.Check] of rows: nil if nothing from row on was dropped in any column.
func (g *GroupGuard) Check(row int) error {
	for i := range g.guards {
		if err := g.guards[i].Check(row * g.of.sizes[i]); err != nil {
			return err
		}
	}
	return nil
}

// Unpin ends the protection.
func (g *GroupGuard) Unpin() {
	for i := range g.guards {
		g.guards[i].Unpin()
	}
}
