//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
)

// bufferScene is a Buffer of 2 MiB that is full, over the arena of an arenaScene.
type bufferScene struct {
	*arenaScene
	b    *arena.Buffer
	held int // bytes
}

// inBuffer makes an operation of one that writes n bytes at the end of a full buffer,
// or makes room for some.
func inBuffer(name string, n int, op func(b *arena.Buffer, p []byte) (int64, error)) operation {
	return operation{
		name: "arena.Buffer." + name, covers: []string{"arena.Buffer." + name}, thin: true,
		setup: func(t *testing.T) *scene {
			m := &bufferScene{arenaScene: newArenaScene(t, arena.Options{}), held: 2 * mib}
			m.b = arena.NewBufferIn(m.a)
			// What is written is 0, so that a page that stays clean is right as well.
			p := make([]byte, n)
			return m.scene(func() error {
				done, err := op(m.b, p)
				if err == nil && done != int64(n) || err != nil && done != 0 {
					t.Errorf("%d bytes written, of %d: %v", done, n, err)
				}
				m.held += int(done)
				if m.b.Len() != m.held {
					t.Errorf("%d bytes, want %d", m.b.Len(), m.held)
				}
				return err
			})
		},
	}
}

// wrote is the result of a method of a Buffer that returns an int.
func wrote(n int, err error) (int64, error) { return int64(n), err }

var bufferOperations = []operation{
	inBuffer("Write", 1000, func(b *arena.Buffer, p []byte) (int64, error) { return wrote(b.Write(p)) }),
	inBuffer("WriteString", 1000, func(b *arena.Buffer, p []byte) (int64, error) { return wrote(b.WriteString(string(p))) }),
	inBuffer("WriteByte", 1, func(b *arena.Buffer, p []byte) (int64, error) {
		err := b.WriteByte(0)
		if err != nil {
			return 0, err
		}
		return 1, nil
	}),
	inBuffer("WriteRune", 2, func(b *arena.Buffer, p []byte) (int64, error) { return wrote(b.WriteRune('ö')) }),
	inBuffer("WriteAt", 1000, func(b *arena.Buffer, p []byte) (int64, error) { return wrote(b.WriteAt(p, int64(b.Len()))) }),
	inBuffer("ReadFrom", 1000, func(b *arena.Buffer, p []byte) (int64, error) { return b.ReadFrom(bytes.NewReader(p)) }),
	inBuffer("Grow", 0, func(b *arena.Buffer, p []byte) (int64, error) { return 0, recovered(func() { b.Grow(1) }) }),
	inBuffer("TryGrow", 0, func(b *arena.Buffer, p []byte) (int64, error) { return 0, b.TryGrow(1) }),
	makesBuffer("NewBuffer", func() *arena.Buffer { return arena.NewBuffer([]byte("hello")) }),
	makesBuffer("NewBufferString", func() *arena.Buffer { return arena.NewBufferString("hello") }),
	makesBuffer("Buffer.Write", func() *arena.Buffer {
		b := new(arena.Buffer)
		if _, err := b.Write([]byte("hello")); err != nil {
			if b.Len() != 0 {
				panic("it has written")
			}
			_ = b.Free() // Of a memfd: cannot fail.
			panic(err)
		}
		return b
	}),
	{
		name: "arena.Buffer.Free", covers: []string{"arena.Buffer.Free"},
		setup: func(t *testing.T) *scene {
			m := newArenaScene(t, arena.Options{})
			b := arena.NewBufferIn(m.a)
			return &scene{
				once: true, space: m.space,
				op: func() error {
					m.guard.Unpin()
					m.freed = true
					return b.Free()
				},
				check: func(t *testing.T, done bool) {
					if n := m.space.Stats().Windows; n != 0 {
						t.Errorf("%d windows are left", n)
					}
				},
				close: m.close,
			}
		},
	},
}

// makesBuffer makes an operation of making a Buffer in the default Space; instead of
// returning an error it panics.
func makesBuffer(name string, make func() *arena.Buffer) operation {
	return operation{
		name: "arena." + name + "/new", covers: []string{"arena." + name},
		setup: func(t *testing.T) *scene {
			var made []*arena.Buffer
			return &scene{
				op: func() error {
					return recovered(func() { made = append(made, make()) })
				},
				check: func(t *testing.T, done bool) {
					for _, b := range made {
						if s := b.String(); s != "hello" {
							t.Errorf("the buffer holds %q", s)
						}
					}
				},
				close: func(t *testing.T) {
					for _, b := range made {
						must(t, b.Free())
					}
				},
			}
		},
	}
}

// linears is the operation of making a LinearMemory longer, from one size to
// another: it stays where it is.
func linears(name string, from, to uint64, o arena.LinearOptions) operation {
	return operation{
		name: "arena.LinearMemory.Reallocate/" + name, covers: []string{"arena.LinearMemory.Reallocate"},
		setup: func(t *testing.T) *scene {
			o.Name, o.Space = "guest", newSpace(t, addrspace.Options{})
			m, err := arena.NewLinearMemory(0, 64*mib, o)
			must(t, err)
			old := m.Reallocate(from)
			mark(old, 0)
			next := to
			return &scene{
				space: o.Space,
				op: func() error {
					b := m.Reallocate(next)
					if b == nil {
						return m.Err()
					}
					if unsafe.SliceData(b) != unsafe.SliceData(old) || uint64(len(b)) != next {
						t.Errorf("%d bytes at %p, want %d at %p", len(b), b, next, old)
					}
					zero(t, "what is new", b[from:])
					next += to - from
					return nil
				},
				check: func(t *testing.T, done bool) { marked(t, "the memory", old, 0) },
				close: func(t *testing.T) {
					m.Free()
					closeSpace(t, o.Space)
				},
			}
		},
	}
}

var linearOperations = []operation{
	linears("by small pages", 64*kib, 192*kib, arena.LinearOptions{}),
	linears("to huge pages", mib, 3*mib, arena.LinearOptions{}),
	linears("by huge pages", 3*mib, 7*mib, arena.LinearOptions{}),
	linears("lazily", 3*mib, 9*mib, arena.LinearOptions{Lazy: true}),
	{
		name: "arena.NewLinearMemory", covers: []string{"arena.NewLinearMemory"},
		setup: func(t *testing.T) *scene {
			space := newSpace(t, addrspace.Options{})
			var made []*arena.LinearMemory
			return &scene{
				space: space,
				op: func() error {
					m, err := arena.NewLinearMemory(0, 64*mib, arena.LinearOptions{Space: space})
					if err == nil {
						made = append(made, m)
					}
					return err
				},
				print: func() string { return printSpace(space) },
				close: func(t *testing.T) {
					for _, m := range made {
						m.Free()
					}
					closeSpace(t, space)
				},
			}
		},
	},
	{
		name: "arena.LinearMemory.Free", covers: []string{"arena.LinearMemory.Free", "arena.LinearMemory.Stats"},
		setup: func(t *testing.T) *scene {
			space := newSpace(t, addrspace.Options{})
			m, err := arena.NewLinearMemory(0, 64*mib, arena.LinearOptions{Space: space})
			must(t, err)
			m.Reallocate(mib)
			return &scene{
				once: true, space: space,
				op: func() error {
					if n := m.Stats().Len; n != mib {
						t.Errorf("%d bytes", n)
					}
					m.Free()
					return nil
				},
				close: func(t *testing.T) { closeSpace(t, space) },
			}
		},
	},
}
