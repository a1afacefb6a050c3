//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/stream"
)

// streamScene is a stream, and a group of two columns, in the middle of their life: of what has been
// appended some was dropped, and there is a guard of before and one of now.
type streamScene struct {
	t      *testing.T
	space  *addrspace.Space
	s      *stream.Stream
	g      *stream.Group
	wide   stream.Column[uint64]
	narrow stream.Column[byte]
	held   [2]stream.Guard // of the stream
	more   []func() error  // closes others
	closed bool
}

// What stays of the stream, in bytes, and of the group.
const streamLive, rowsLive = 5 * mib, 300_000

func newStreamScene(t *testing.T, o stream.Options) *streamScene {
	t.Helper()
	memfile.CanRehome() // Found out by calls of its own.
	m := &streamScene{t: t, space: newSpace(t, addrspace.Options{})}
	o.Name, o.Space, o.Reserve = "log", m.space, 16*mib
	var err error
	m.s, err = stream.New(o)
	must(t, err)
	o.Name, o.Reserve = "table", 24*mib
	m.g, err = stream.NewGroup(o, &m.wide, &m.narrow)
	must(t, err)
	must(t, m.append(2*mib))
	m.held[0], err = m.s.Pin()
	must(t, err)
	for range 6 {
		must(t, m.append(3*mib/2))
		must(t, m.rows(rowsLive/2))
	}
	m.settle()
	m.held[0].Unpin()
	m.settle()
	for i := range m.held {
		m.held[i], err = m.s.Pin()
		must(t, err)
		must(t, m.append(100*kib))
	}
	return m
}

// settle drops the front, and waits for what goes with that.
func (m *streamScene) settle() {
	must(m.t, m.s.KeepLast(streamLive))
	must(m.t, m.g.KeepLast(rowsLive))
	m.reclaim()
}

// reclaim has what no guard sees go, with its system calls.
func (m *streamScene) reclaim() {
	m.s.Domain().TryReclaim()
	m.g.Domain().TryReclaim()
}

// unseen does what drops, with no guard pinned, and has it go.
func (m *streamScene) unseen(drop func() error) error {
	for i := range m.held {
		m.held[i].Unpin()
	}
	err := drop()
	m.reclaim()
	for i := range m.held {
		var pinErr error
		m.held[i], pinErr = m.s.Pin()
		err = errors.Join(err, pinErr)
	}
	return err
}

// append appends n bytes to the stream.
func (m *streamScene) append(n int) error {
	off := m.s.Len()
	b := make([]byte, n)
	testutil.Fill(b, int(off))
	at, err := m.s.Append(b)
	if err == nil && at != off {
		m.t.Errorf("appended at %d, not %d", at, off)
	}
	return err
}

// fill is append by a function.
func (m *streamScene) fill(n int) error {
	_, err := m.s.AppendFunc(n, func(b []byte) error {
		zero(m.t, "what a function gets", b)
		testutil.Fill(b, int(m.s.Len()))
		return nil
	})
	return err
}

// rows appends n rows to the group.
func (m *streamScene) rows(n int) error {
	_, err := m.g.Append(n, func(r stream.Rows) error { m.fillRows(r); return nil })
	return err
}

func (m *streamScene) fillRows(r stream.Rows) {
	wide, narrow := m.wide.In(r), m.narrow.In(r)
	zero(m.t, "a new column", narrow)
	for i := range wide {
		if wide[i] != 0 {
			m.t.Fatalf("row %d is %d at first", r.First()+int64(i), wide[i])
		}
		wide[i] = uint64(r.First()) + uint64(i) + 1
	}
	testutil.Fill(narrow, int(r.First()))
}

func (m *streamScene) scene(op func() error) *scene {
	return &scene{op: op, space: m.space, print: m.print, check: m.check, close: m.close}
}

func (m *streamScene) print() string {
	return fmt.Sprintln(m.s.Front(), m.s.Len(), m.g.Front(), m.g.Len(), len(m.more))
}

func (m *streamScene) check(t *testing.T, done bool) {
	t.Helper()
	for i := range m.held {
		m.bytes(t, "what a guard sees", &m.held[i])
	}
	if m.closed {
		return
	}
	now, err := m.s.Pin()
	must(t, err)
	defer now.Unpin()
	m.bytes(t, "the stream", &now)
	table, err := m.g.Pin()
	must(t, err)
	defer table.Unpin()
	wide, narrow := m.wide.View(&table), m.narrow.View(&table)
	if i := testutil.Check(narrow, int(table.Front())); i >= 0 || len(wide) != len(narrow) {
		t.Errorf("row %d of the narrow column is wrong, of %d and %d", i, len(narrow), len(wide))
	}
	for i, v := range wide {
		if v != uint64(table.Front())+uint64(i)+1 {
			t.Errorf("row %d of the wide column is %d", table.Front()+int64(i), v)
			break
		}
	}
}

func (m *streamScene) bytes(t *testing.T, what string, g *stream.Guard) {
	t.Helper()
	if i := testutil.Check(g.All(), int(g.Front())); i >= 0 {
		t.Errorf("%s, [%d, %d): byte %d is wrong", what, g.Front(), g.Len(), g.Front()+int64(i))
	}
}

func (m *streamScene) close(t *testing.T) {
	for i := range m.held {
		m.held[i].Unpin()
	}
	if !m.closed {
		must(t, m.append(3*mib))
		must(t, m.rows(rowsLive))
		m.settle()
		m.checkNow(t)
		must(t, m.s.Close())
	}
	must(t, m.g.Close())
	for _, f := range m.more {
		must(t, f())
	}
	must(t, m.s.Domain().Shutdown(context.Background()))
	must(t, m.g.Domain().Shutdown(context.Background()))
	closeSpace(t, m.space)
}

// checkNow is check when the guards are gone.
func (m *streamScene) checkNow(t *testing.T) {
	var err error
	for i := range m.held {
		m.held[i], err = m.s.Pin()
		must(t, err)
	}
	m.check(t, true)
	for i := range m.held {
		m.held[i].Unpin()
	}
}

// streams makes an operation of one on a stream or a group.
func streams(name, covers string, o stream.Options, op func(m *streamScene) error) operation {
	return operation{
		name: "stream." + name, covers: []string{"stream." + covers}, heavy: true,
		setup: func(t *testing.T) *scene {
			m := newStreamScene(t, o)
			return m.scene(func() error { return op(m) })
		},
	}
}

// opens makes an operation of what opens something.
func opens(name string, open func(o stream.Options) (closing func() error, err error)) operation {
	return streams(name, name, stream.Options{}, func(m *streamScene) error {
		closing, err := open(stream.Options{Name: "new", Space: m.space})
		if err == nil {
			m.more = append(m.more, closing)
		}
		return err
	})
}

// errUnwritten is what functions fail with here.
var errUnwritten = errors.New("not written")

var streamOperations = []operation{
	opens("New", func(o stream.Options) (func() error, error) {
		s, err := stream.New(o)
		if err != nil {
			return nil, err
		}
		return s.Close, nil
	}),
	opens("NewColumn", func(o stream.Options) (func() error, error) {
		c, err := stream.NewColumn[uint32](o)
		if err != nil {
			return nil, err
		}
		return c.Close, nil
	}),
	opens("NewGroup", func(o stream.Options) (func() error, error) {
		var a stream.Column[uint64]
		var b stream.Column[uint16]
		g, err := stream.NewGroup(o, &a, &b)
		if err != nil {
			return nil, err
		}
		return g.Close, nil
	}),
	streams("Stream.Append/where something was dropped", "Stream.Append", stream.Options{}, func(m *streamScene) error { return m.append(3 * mib / 2) }),
	streams("Stream.Append/small pages", "Stream.Append", stream.Options{HugePages: arena.HugeNever}, func(m *streamScene) error { return m.append(3 * mib) }),
	streams("Stream.Append/in another window", "Stream.Append", stream.Options{}, func(m *streamScene) error { return m.append(11 * mib) }),
	streams("Stream.Append/committed", "Stream.Append", stream.Options{Commit: true}, func(m *streamScene) error { return m.append(5 * mib) }),
	streams("Stream.AppendFunc/of much", "Stream.AppendFunc", stream.Options{}, func(m *streamScene) error { return m.fill(5 * mib) }),
	streams("Stream.AppendFunc/that fails", "Stream.AppendFunc", stream.Options{}, func(m *streamScene) error {
		_, err := m.s.AppendFunc(5*mib, func(b []byte) error { mark(b, 1); return errUnwritten })
		if errors.Is(err, errUnwritten) {
			err = nil
		}
		return err
	}),
	streams("Stream.DropFront", "Stream.DropFront", stream.Options{}, func(m *streamScene) error {
		return m.unseen(func() error { return m.s.DropFront(max(m.s.Front(), m.s.Len()-mib)) })
	}),
	streams("Stream.KeepLast", "Stream.KeepLast", stream.Options{HugePages: arena.HugeNever}, func(m *streamScene) error {
		return m.unseen(func() error { return errors.Join(m.s.KeepLast(100*kib), m.g.KeepLast(1000)) })
	}),
	streams("Stream.Stats", "Stream.Stats", stream.Options{}, func(m *streamScene) error { m.s.Stats(); m.g.Stats(); return nil }),
	streams("Group.Append", "Group.Append", stream.Options{}, func(m *streamScene) error { return m.rows(rowsLive / 2) }),
	streams("Group.Append/in other windows", "Group.Append", stream.Options{}, func(m *streamScene) error { return m.rows(3 * mib) }),
	streams("Group.Begin", "Group.Begin", stream.Options{HugePages: arena.HugeNever}, func(m *streamScene) error {
		r, err := m.g.Begin(2 * rowsLive)
		if err == nil {
			m.fillRows(r)
			r.Publish()
		}
		return err
	}),
	streams("Rows.Cancel", "Rows.Cancel", stream.Options{}, func(m *streamScene) error {
		r, err := m.g.Begin(rowsLive)
		if err == nil {
			m.fillRows(r)
			if !r.Cancel() {
				m.t.Error("rows at the end could not be taken back")
			}
		}
		return err
	}),
	{
		name: "stream.Stream.Close", covers: []string{"stream.Stream.Close"},
		setup: func(t *testing.T) *scene {
			m := newStreamScene(t, stream.Options{})
			s := m.scene(func() error {
				m.closed = true
				err := m.s.Close()
				m.reclaim()
				return err
			})
			s.once = true
			return s
		},
	},
}
