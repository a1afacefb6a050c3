//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/growarena/growarena/shm"
)

// table is what groups here consist of.
var table = []shm.Column{shm.ColumnOf[uint64]("a"), shm.ColumnOf[[64]byte]("b")}

// groupScene is a group of some rows, and one who follows it.
type groupScene struct {
	*shmScene
	g *shm.Group
	f *shm.GroupFollower
}

// rows are the values of so many rows.
func rows(n int) []shm.Values {
	numbers := make([]uint64, n)
	for i := range numbers {
		numbers[i] = 7
	}
	return []shm.Values{shm.ValuesOf(numbers...), shm.ValuesOf(make([][64]byte, n)...)}
}

func newGroupScene(t *testing.T) *groupScene {
	m := &groupScene{shmScene: newShmScene(t, inTmpfs())}
	var err error
	o := m.options("g")
	o.Droppable = true
	m.g, err = shm.CreateGroup(o, table...)
	must(t, err)
	_, err = m.g.Append(rows(64 << 10)...)
	must(t, err)
	m.f, err = shm.OpenGroup(m.dir, "g", shm.FollowOptions{Space: m.space, Reserve: 2 * mib}, table...)
	must(t, err)
	m.made = append(m.made, func() error {
		var errs []error
		if m.f != nil {
			errs = append(errs, m.f.Close())
		}
		if m.g != nil {
			errs = append(errs, m.g.Close())
		}
		return errors.Join(errs...)
	})
	return m
}

// look is what each of them does to look.
var look = []string{"shm.ViewColumn", "shm.GroupGuard.Front", "shm.GroupGuard.Len", "shm.GroupGuard.Check", "shm.GroupGuard.Unpin"}

// groups makes an operation on a group; once says that it cannot be done twice, ended that the
// group has no writer any more.
func groups(name string, once, ended bool, op func(m *groupScene) error) operation {
	return operation{
		name: "shm." + name, covers: append(slices.Clip(look), "shm."+name), thin: true,
		setup: func(t *testing.T) *scene {
			m := newGroupScene(t)
			if ended {
				must(t, m.g.Close())
				m.g = nil
			}
			s := m.scene(func() error { return op(m) })
			s.check = func(t *testing.T, done bool) { // As many rows in each column.
				if m.f == nil {
					return
				}
				p, err := m.f.Pin()
				must(t, err)
				defer p.Unpin()
				must(t, p.Check(p.Front()))
				if m.g != nil && p.Len() != m.g.Rows() {
					t.Errorf("%d rows are followed, and there are %d", p.Len(), m.g.Rows())
				}
				for i, v := range shm.ViewColumn[uint64](p, 0) {
					if v != 7 {
						t.Fatalf("row %d is %d", i, v)
					}
				}
			}
			if s.once = once; once {
				s.print = nil
			}
			return s
		},
	}
}

var shmGroupOperations = []operation{
	shares("CreateGroup", "CreateGroup", inTmpfs, func(m *shmScene) error {
		g, err := shm.CreateGroup(m.options(fmt.Sprint("g", len(m.made))), table...)
		if err == nil {
			m.made = append(m.made, g.Close)
		}
		return err
	}),
	groups("Group.Append", false, false, func(m *groupScene) error {
		_, err := m.g.Append(rows(64 << 10)...)
		return err
	}),
	groups("Group.DropFront", false, false, func(m *groupScene) error { return m.g.DropFront(m.g.Rows()) }),
	groups("Group.Remove", true, false, func(m *groupScene) error { return m.g.Remove() }),
	groups("Group.Close", true, false, func(m *groupScene) error {
		g := m.g
		m.g = nil
		if g == nil {
			return nil // It is closed, whatever the error.
		}
		return g.Close()
	}),
	groups("OpenGroup", false, false, func(m *groupScene) error {
		f, err := shm.OpenGroup(m.dir, "g", shm.FollowOptions{Space: m.space}, table...)
		if err == nil {
			m.made = append(m.made, f.Close)
		}
		return err
	}),
	groups("GroupFollower.Close", true, false, func(m *groupScene) error {
		f := m.f
		m.f = nil
		if f == nil {
			return nil
		}
		return f.Close()
	}),
	groups("RemoveGroup", true, true, func(m *groupScene) error {
		err := shm.RemoveGroup(m.dir, "g", table...)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // All is gone that could be removed.
		}
		return err
	}),
	groups("TakeOverGroup", true, true, func(m *groupScene) error {
		g, err := shm.TakeOverGroup(m.options("g"), table...)
		if err == nil {
			m.g = g
		}
		return err
	}),
}
