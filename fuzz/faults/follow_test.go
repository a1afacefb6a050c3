//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/memfile"
	"github.com/growarena/growarena/internal/sys"
)

// followScene is a follower in the middle of its life: of a memory file of 16 MiB, of which
// it knew 1 MiB when it was made, in a window of 2 MiB, with a guard.
type followScene struct {
	t      *testing.T
	space  *addrspace.Space
	file   *os.File
	data   []byte // of the file
	l      *follow.Follower
	guard  follow.Guard
	more   []*follow.Follower
	closed bool
}

func newFollowScene(t *testing.T, o follow.Options) *followScene {
	t.Helper()
	if err := memfile.NoDuplicate(); err != nil && o.NoDescriptor {
		t.Skip(err)
	}
	memfile.CanRehome() // Found out by calls of its own.
	m := &followScene{t: t, space: newSpace(t, addrspace.Options{}), data: make([]byte, 16*mib)}
	fd, err := sys.Memfd("followed", 0)
	must(t, err)
	m.file = os.NewFile(uintptr(fd), "followed")
	mark(m.data, 0)
	_, err = m.file.WriteAt(m.data[:mib], 0)
	must(t, err)
	o.Name, o.Space, o.Reserve = "log", m.space, 2*mib
	m.l, err = follow.New(m.file, o)
	must(t, err)
	must(t, m.l.Extend(mib))
	m.guard, err = m.l.Pin()
	must(t, err)
	_, err = m.file.WriteAt(m.data, 0)
	must(t, err)
	return m
}

func (m *followScene) scene(op func() error) *scene {
	return &scene{op: op, space: m.space, print: m.print, check: m.check, close: m.close}
}

func (m *followScene) print() string {
	s := m.l.Stats()
	s.Window = 0 // It may have become longer.
	return fmt.Sprintf("%+v, %d more\n", s, len(m.more))
}

func (m *followScene) check(t *testing.T, done bool) {
	t.Helper()
	same(t, "what a guard holds", m.guard.Bytes(), m.data[:mib])
	if !m.closed {
		b := m.l.Bytes()
		same(t, "what is followed", b, m.data[:len(b)])
	}
	for _, l := range m.more {
		must(t, l.Extend(mib))
		same(t, "another follower", l.Bytes(), m.data[:mib])
	}
}

func (m *followScene) close(t *testing.T) {
	m.guard.Unpin()
	if !m.closed {
		must(t, m.l.Extend(16*mib))
		same(t, "all of the file", m.l.Bytes(), m.data)
		must(t, m.l.Close())
	}
	for _, l := range append(m.more, m.l) {
		if l != m.l {
			must(t, l.Close())
		}
		if d := l.Domain(); d != nil {
			must(t, d.Shutdown(context.Background()))
		}
	}
	must(t, m.file.Close())
	closeSpace(t, m.space)
}

// follows makes an operation of one on a follower.
func follows(name, covers string, o follow.Options, op func(m *followScene) error) operation {
	return operation{
		name: "follow." + name, covers: []string{"follow." + covers},
		setup: func(t *testing.T) *scene {
			o := o
			if o.Domain != nil {
				o.Domain = epoch.NewDomain(epoch.Options{}) // For each scene.
			}
			m := newFollowScene(t, o)
			return m.scene(func() error { return op(m) })
		},
	}
}

// newFollower makes an operation of New.
func newFollower(name string, o follow.Options) operation {
	return follows("New/"+name, "New", o, func(m *followScene) error {
		o := o
		o.Space = m.space
		l, err := follow.New(m.file, o)
		if err == nil {
			m.more = append(m.more, l)
		}
		return err
	})
}

// extends makes an operation of Extend to n bytes.
func extends(name string, n int, o follow.Options) operation {
	return follows("Follower.Extend/"+name, "Follower.Extend", o, func(m *followScene) error { return m.l.Extend(n) })
}

const noExtend = arena.RungRehome | arena.RungAlias

var followOperations = []operation{
	newFollower("keep", follow.Options{}),
	newFollower("retire, no descriptor", follow.Options{Retire: true, NoDescriptor: true}),
	extends("in the window", 2*mib-5, follow.Options{}),
	extends("in the window, retire", 2*mib-5, follow.Options{Retire: true}),
	extends("longer in place", 5*mib, follow.Options{Rungs: arena.RungExtend}),
	extends("elsewhere", 5*mib, follow.Options{Rungs: noExtend}),
	extends("elsewhere, retire", 5*mib, follow.Options{Rungs: noExtend, Retire: true}),
	extends("elsewhere, domain", 5*mib, follow.Options{Rungs: noExtend, Domain: new(epoch.Domain)}),
	extends("elsewhere, no descriptor", 5*mib, follow.Options{NoDescriptor: true}),
	extends("elsewhere, no descriptor, retire", 5*mib, follow.Options{NoDescriptor: true, Retire: true}),
	extends("mapped again, no descriptor", 5*mib, follow.Options{NoDescriptor: true, Rungs: arena.RungAlias}),
	follows("Follower.Reserve/elsewhere", "Follower.Reserve", follow.Options{Rungs: noExtend}, func(m *followScene) error { return m.l.Reserve(20 * mib) }),
	follows("Follower.Reserve/no descriptor", "Follower.Reserve", follow.Options{NoDescriptor: true, Retire: true}, func(m *followScene) error { return m.l.Reserve(20 * mib) }),
	{
		name: "follow.Follower.Close", covers: []string{"follow.Follower.Close"},
		setup: func(t *testing.T) *scene {
			m := newFollowScene(t, follow.Options{Retire: true})
			must(t, m.l.Extend(5*mib))
			s := m.scene(func() error {
				m.closed = true
				return m.l.Close()
			})
			s.once = true
			return s
		},
	},
}
