package shm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"

	"github.com/growarena/growarena/internal/census"
	"github.com/growarena/growarena/internal/sys"
)

// Column says what a column of a group is called and what its values are: see [ColumnOf].
type Column struct {
	name string
	size int
}

// ColumnOf returns a column of values of T that has this name within its group. Panics if T has
// pointers or no size.
func ColumnOf[T any](name string) Column { return Column{name, columnSize[T]()} }

// Values are what is appended to a column: see [ValuesOf].
type Values struct {
	b       []byte
	size, n int
}

// ValuesOf returns values for [Group.Append], which copies them. Panics if T has pointers or no size.
func ValuesOf[T any](values ...T) Values {
	return Values{bytesOf(values), columnSize[T](), len(values)}
}

// Group is the writer of a table: columns that grow together, each a buffer NAME.COLUMN in the
// directory. Who follows it, by [OpenGroup], sees a row in all columns or in none, also where the
// writer was killed between them. Make one with [CreateGroup], or with [TakeOverGroup]. Append,
// DropFront, Sync and Rows may be called by any number of goroutines at once.
type Group struct {
	name    string
	sizes   []int
	columns []*Writer

	mu   sync.Mutex // Before those of the columns.
	rows int        // Protected by mu.
}

var _ io.Closer = (*Group)(nil)

// CreateGroup makes an empty table. Its options are those of [Create] for each column. Panics as
// that does, and if there is no Dir, no column, or two have one name.
func CreateGroup(opts Options, columns ...Column) (*Group, error) {
	g := newGroup("CreateGroup", opts, columns)
	id := [2]uint64{rand.Uint64(), rand.Uint64()}
	for _, c := range columns {
		o := opts
		o.Name = columnName(opts.Name, c)
		w, err := createAs(o, id)
		if err != nil {
			for _, w := range g.columns {
				err = errors.Join(err, w.Remove(), w.Close())
			}
			return nil, fmt.Errorf("shm: make group %q: %w", g.name, err)
		}
		g.columns = append(g.columns, w)
	}
	return g, nil
}

// columnName is the name of a column's buffer.
func columnName(group string, c Column) string { return group + "." + c.name }

// newGroup checks what a group is made of.
func newGroup(call string, opts Options, columns []Column) *Group {
	g := &Group{name: opts.Name}
	if len(columns) == 0 || opts.Dir == "" || opts.Name == "" {
		panic(fmt.Sprintf("shm: %s of %q in %q with %d columns: want a name, a Dir and one at least", call, opts.Name, opts.Dir, len(columns)))
	}
	names := map[string]bool{}
	for _, c := range columns {
		if c.size == 0 || names[c.name] {
			panic(fmt.Sprintf("shm: %s of %q: column %q comes twice, or is not of ColumnOf", call, opts.Name, c.name))
		}
		names[c.name] = true
		g.sizes = append(g.sizes, c.size)
	}
	return g
}

// Append appends rows, as many values to each column in the order of the columns, and returns the
// number of the first: all of them are seen or none. An error, those of [Writer.Append], has
// published nothing. Panics if they are not as many for each column, or of another size.
func (g *Group) Append(values ...Values) (row int, err error) {
	for i, v := range values {
		if len(values) != len(g.sizes) || v.size != g.sizes[i] || v.n != values[0].n {
			panic(fmt.Sprintf("shm: Append of %d columns to %q, which has %d: column %d gets %d values of %d bytes, want %d of %d", len(values), g.name, len(g.sizes), i, v.n, v.size, values[0].n, g.sizes[min(i, len(g.sizes)-1)]))
		}
	}
	if len(values) == 0 {
		panic(fmt.Sprintf("shm: Append of no columns to %q, which has %d", g.name, len(g.sizes)))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, w := range g.columns {
		if err := w.stage(values[i].b); err != nil {
			return -1, fmt.Errorf("shm: append %d rows to group %q: %w", values[0].n, g.name, err)
		}
	}
	// All of it is written before any is published: who takes over goes on behind the longest column.
	row, g.rows = g.rows, g.rows+values[0].n
	for i, w := range g.columns {
		w.publishStaged(g.rows * g.sizes[i])
	}
	return row, nil
}

// stage writes p behind what is published, without publishing it: the next one writes there again.
//
// Preconditions: nobody else appends.
func (w *Writer) stage(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return os.ErrClosed
	}
	if lacks := w.published + len(p) - w.a.Len(); lacks > 0 {
		if _, err := w.a.Alloc(lacks); err != nil {
			return err
		}
	}
	return caught(w.space, w.flags&flagSealed != 0, func() error {
		copy(w.a.Bytes()[w.published:], p)
		return nil
	})
}

// publishStaged is Publish beside DropFront and Sync.
func (w *Writer) publishStaged(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Publish(n)
}

// Rows returns how many rows were appended, also after Close.
func (g *Group) Rows() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rows
}

// DropFront drops the rows before row, as [Writer.DropFront] does bytes.
func (g *Group) DropFront(row int) error {
	if rows := g.Rows(); row < 0 || row > rows {
		return fmt.Errorf("shm: drop rows of group %q up to %d: %w: it has %d", g.name, row, ErrRange, rows)
	}
	return g.each(func(i int, w *Writer) error { return w.DropFront(row * g.sizes[i]) })
}

// Sync is [Writer.Sync]: after a loss of power the rows that it has synced are there.
func (g *Group) Sync() error { return g.each(func(_ int, w *Writer) error { return w.Sync() }) }

// Remove takes the names away, as [Writer.Remove].
func (g *Group) Remove() error { return g.each(func(_ int, w *Writer) error { return w.Remove() }) }

// Close ends the table, as [Writer.Close]. Panics if it is closed.
func (g *Group) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.each(func(_ int, w *Writer) error { return w.Close() })
}

// each calls f for all columns, and joins the errors.
func (g *Group) each(f func(i int, w *Writer) error) error {
	var errs []error
	for i, w := range g.columns {
		errs = append(errs, f(i, w))
	}
	return errors.Join(errs...)
}

// RemoveGroup takes a group away that has no writer, or what is left of it, as [Remove] does a buffer.
func RemoveGroup(dir, name string, columns ...Column) error {
	var errs []error
	found := false
	for _, c := range columns {
		err := Remove(dir, columnName(name, c))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = true
		errs = append(errs, err)
	}
	if !found {
		return fmt.Errorf("shm: remove group %s: %w", where(dir, name), fs.ErrNotExist)
	}
	return errors.Join(errs...)
}

// TakeOverGroup is [TakeOver] of a group: it goes on behind the last row that was published in
// any column, since that is written in all of them. After the system has been started anew that is the
// last that was synced in all. Panics as CreateGroup does.
func TakeOverGroup(opts Options, columns ...Column) (*Group, error) {
	g := newGroup("TakeOverGroup", opts, columns)
	if err := g.takeOver(opts, columns); err != nil {
		for _, w := range g.columns {
			w.drop()
		}
		return nil, fmt.Errorf("shm: take over group %s: %w", where(opts.Dir, opts.Name), err)
	}
	return g, nil
}

func (g *Group) takeOver(opts Options, columns []Column) error {
	var left []snapshot
	most, least, old := 0, -1, false
	for i, c := range columns {
		o := opts
		o.Name = columnName(opts.Name, c)
		checkTakeOver(&o)
		w := newWriter(o)
		g.columns = append(g.columns, w)
		s, err := w.lockLeft()
		if err != nil {
			return err
		}
		if w.id != g.columns[0].id {
			return corrupt("column %q is of another group", c.name)
		}
		old = old || w.flags&flagOnDisk != 0 && !w.l.ofThisBoot()
		left = append(left, s)
		rows := s.length / g.sizes[i]
		most = max(most, rows)
		if least < 0 || rows < least {
			least = rows
		}
	}
	g.rows = most
	if old { // What is written behind what was synced counts in no column.
		g.rows = least
	}
	for i, w := range g.columns {
		s := left[i]
		s.length = g.rows * g.sizes[i]
		s.front = min(s.front, s.length)
		if info, err := sys.Stat(fdOf(w.data)); err != nil {
			return err
		} else if info.Size < int64(s.length) {
			return corrupt("column %q has %d bytes, and others have %d rows: it was taken over by itself", columns[i].name, info.Size, g.rows)
		}
		left[i] = s
	}
	if err := g.each(func(i int, w *Writer) error { return w.goOn(left[i]) }); err != nil {
		return err
	}
	for _, w := range g.columns {
		w.thing = census.Enter(w, "shm writer", w.name)
	}
	return nil
}
