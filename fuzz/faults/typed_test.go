//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"unsafe"

	"github.com/growarena/growarena/arena"
)

// small is too much for the arena of the scene, which is full.
type small [64]byte

// typedOperations are those that hand out values. Those that cannot return an
// error panic with it.
var typedOperations = []operation{
	typed("New", func(m *arenaScene) error {
		return recovered(func() { m.give(arena.New[small](m.a)) })
	}),
	typed("TryNew", func(m *arenaScene) error {
		p, err := arena.TryNew[small](m.a)
		if err == nil {
			m.give(p)
		}
		return err
	}),
	typed("NewFrom", func(m *arenaScene) error {
		return recovered(func() { m.give(arena.NewFrom[small](m.a.NewLocal())) })
	}),
	typed("MakeSlice", func(m *arenaScene) error {
		return recovered(func() { m.give(&arena.MakeSlice[small](m.a, 1, 1)[0]) })
	}),
	typed("TryMakeSlice", func(m *arenaScene) error {
		s, err := arena.TryMakeSlice[small](m.a, 1, 1)
		if err == nil {
			m.give(&s[0])
		}
		return err
	}),
	typed("Clone", func(m *arenaScene) error {
		return recovered(func() { m.give(arena.Clone(m.a, noBytes)) })
	}),
	typed("CloneSlice", func(m *arenaScene) error {
		return recovered(func() { m.give(&arena.CloneSlice(m.a, []small{noBytes})[0]) })
	}),
}

var noBytes small

// give adds what was handed out to the slices.
func (m *arenaScene) give(p *small) {
	must(m.t, m.take(unsafe.Slice(&p[0], len(p)), nil))
}

// typed makes an operation of a function that hands out values.
func typed(name string, op func(m *arenaScene) error) operation {
	o := inArena(name, name, arena.Options{}, op)
	o.thin = true
	return o
}
