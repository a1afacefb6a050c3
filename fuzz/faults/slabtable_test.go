//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"slices"
	"testing"

	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/slab"
)

// slabOperations are those of package slab.
var slabOperations = slices.Concat(
	makeFirst(),
	allocs("Alloc/small", "Allocator.Alloc", 80, func(m *slabScene) ([]byte, error) { return m.a.Alloc(32 * kib) }, "plain"),
	allocs("Alloc/medium", "Allocator.Alloc", 3, func(m *slabScene) ([]byte, error) { return m.a.Alloc(mib) }),
	allocs("Alloc/large", "Allocator.Alloc", 1, func(m *slabScene) ([]byte, error) { return m.a.Alloc(2 * mib) }),
	allocs("Alloc/huge", "Allocator.Alloc", 1, func(m *slabScene) ([]byte, error) { return m.a.Alloc(hugeSize) }, everyMode...),
	thinned(allocs("AllocZero", "Allocator.AllocZero", 1, func(m *slabScene) ([]byte, error) { return m.a.AllocZero(hugeSize) })),
	allocs("AllocAligned", "Allocator.AllocAligned", 3, func(m *slabScene) ([]byte, error) { return m.a.AllocAligned(mib, 4096) }),
	reallocs(0, 4*mib),
	reallocs(1, 400, "debug"), reallocs(1, 400*kib, "debug"), reallocs(1, hugeSize),
	reallocs(2, 100*kib), reallocs(2, 2*mib), reallocs(2, hugeSize, everyMode...),
	frees("Free/medium", "Allocator.Free", mib, func(m *slabScene, b []byte) { m.a.Free(b) }, "debug"),
	frees("Free/large", "Allocator.Free", 12*mib, func(m *slabScene, b []byte) { m.a.Free(b) }),
	frees("Free/huge", "Allocator.Free", hugeSize, func(m *slabScene, b []byte) { m.a.Free(b) }),
	frees("Retire/huge", "Allocator.Retire", hugeSize, func(m *slabScene, b []byte) {
		must(m.t, m.a.Retire(b))
		must(m.t, m.domain.Barrier(context.Background()))
	}),
	inSlab("Trim", "Allocator.Trim", func(m *slabScene) error {
		m.warm()
		return m.a.Trim()
	}, (*slabScene).fill),
	inSlab("Trim/after being refused", "Allocator.Trim", func(m *slabScene) error { return m.a.Trim() }, func(m *slabScene) {
		restore := testutil.FailAll(sys.CallPunch, sys.ENOSPC)
		defer restore()
		m.a.Free(m.alloc(4 * mib))
		if err := m.a.Trim(); err == nil {
			m.t.Error("no error of Trim, and nothing can be given back")
		}
	}, "plain"),
	closes(),
	freesAll(),
	discards(),
	localOperations(),
	arrowOperations(),
	valueOperations(),
)

var everyMode = []string{"plain", "debug", "profile"}

// makeFirst are the operations of allocating from an allocator that has nothing.
func makeFirst() (all []operation) {
	for _, n := range []int{100, mib, 2 * mib} {
		for _, mode := range slabModes[:2] {
			all = append(all, operation{
				name: "slab.Alloc/first of " + sizeName(n) + "/" + mode.name, covers: []string{"slab.Allocator.Alloc"},
				setup: func(t *testing.T) *scene {
					m := newSlabScene(t, mode.o)
					for i, b := range m.held {
						m.a.Free(b)
						m.held[i] = nil
					}
					must(t, m.a.Close())
					o := mode.o
					o.Name, o.Space = "index", m.space
					must(t, m.space.Trim())
					m.a = slab.New(o)
					s := m.scene(func() error { return m.take(m.a.Alloc(n)) })
					s.check = func(t *testing.T, done bool) {
						for _, b := range m.more {
							marked(t, "an object", b, 0)
						}
					}
					return s
				},
			})
		}
	}
	return all
}

func sizeName(n int) string {
	switch {
	case n < kib:
		return "100 bytes"
	case n == mib:
		return "1 MiB"
	}
	return "2 MiB"
}

// closes are the operations of Close: all is given back whatever fails.
func closes() (all []operation) {
	for _, mode := range slabModes {
		all = append(all, operation{
			name: "slab.Close/" + mode.name, covers: []string{"slab.Allocator.Close"},
			setup: func(t *testing.T) *scene {
				m := newSlabScene(t, mode.o)
				m.warm()
				m.more = append(m.more, m.alloc(hugeSize))
				s := m.scene(func() error {
					m.closed = true
					if m.a.Close() == nil {
						t.Error("no error for what is in use")
					}
					return nil
				})
				s.once, s.print = true, nil
				s.check = func(t *testing.T, done bool) {
					if n := m.space.Stats().Windows; n != 0 {
						t.Errorf("%d windows are left", n)
					}
				}
				return s
			},
		})
	}
	return all
}

// freesAll are the operations of freeing everything at once.
func freesAll() (all []operation) {
	for _, mode := range slabModes {
		all = append(all, operation{
			name: "slab.FreeAll/" + mode.name, covers: []string{"slab.Allocator.FreeAll"},
			setup: func(t *testing.T) *scene {
				m := newSlabScene(t, mode.o)
				m.alloc(hugeSize)
				s := m.scene(func() error {
					m.a.FreeAll()
					m.held = [3][]byte{}
					return nil
				})
				s.print = nil
				s.check = func(t *testing.T, done bool) {
					if n := m.a.Stats().Objects; n != 0 && !m.debug {
						t.Errorf("%d objects are left", n)
					}
				}
				return s
			},
		})
	}
	return all
}

// discards are the operations of Discard: all is given back whatever fails.
func discards() (all []operation) {
	for _, mode := range slabModes {
		all = append(all, operation{
			name: "slab.Discard/" + mode.name, covers: []string{"slab.Allocator.Discard"},
			setup: func(t *testing.T) *scene {
				m := newSlabScene(t, mode.o)
				m.warm()
				m.alloc(hugeSize)
				s := m.scene(func() error {
					m.closed = true
					must(t, m.a.Discard())
					return m.domain.Barrier(context.Background()) // Or its goroutine is at it.
				})
				s.once, s.print = true, nil
				s.check = func(t *testing.T, done bool) {
					if n := m.space.Stats().Windows; n != 0 {
						t.Errorf("%d windows are left", n)
					}
				}
				return s
			},
		})
	}
	return all
}

// localOperations are those of Local.
func localOperations() []operation {
	return slices.Concat(
		allocs("Local.Alloc", "Local.Alloc", 80, func(m *slabScene) ([]byte, error) {
			l := m.a.NewLocal()
			defer l.Close()
			return l.Alloc(32 * kib)
		}, "plain"),
		thinned(allocs("Local.AllocZero", "Local.AllocZero", 1, func(m *slabScene) ([]byte, error) {
			l := m.a.NewLocal()
			defer l.Close()
			return l.AllocZero(hugeSize)
		}, "plain")),
		thinned(frees("Local.Free", "Local.Free", hugeSize, func(m *slabScene, b []byte) {
			l := m.a.NewLocal()
			l.Free(b)
			l.Close()
		})),
	)
}

// arrowOperations are those of Arrow, which panic with errors.
func arrowOperations() []operation {
	var r *slab.Arrow
	open := func(m *slabScene) { r = slab.NewArrow(m.a, slab.ArrowOptions{}) }
	return thinned(
		inSlab("Arrow.Allocate", "Arrow.Allocate", func(m *slabScene) error {
			return recovered(func() { _ = m.takeZero(r.Allocate(hugeSize), nil) })
		}, open),
		inSlab("Arrow.Reallocate", "Arrow.Reallocate", func(m *slabScene) error {
			return recovered(func() {
				grown := r.Reallocate(hugeSize, m.held[2])
				zero(m.t, "what is new", grown[heldSizes[2]:])
				m.held[2] = grown
			})
		}, open),
		frees("Arrow.Free", "Arrow.Free", hugeSize, func(m *slabScene, b []byte) {
			slab.NewArrow(m.a, slab.ArrowOptions{}).Free(b[:1])
		}),
	)
}

// huge is a value that has a window of its own.
type huge [hugeSize]byte

// valueOperations are those that hand out values and take them back.
func valueOperations() []operation {
	return thinned(
		inSlab("NewOf", "NewOf", func(m *slabScene) error {
			p, err := slab.NewOf[huge](m.a)
			if err == nil {
				err = m.takeZero(p[:], nil)
			}
			return err
		}, nil, "plain"),
		inSlab("MakeSlice", "MakeSlice", func(m *slabScene) error { return m.takeZero(slab.MakeSlice[byte](m.a, hugeSize)) }, nil, "plain"),
		inSlab("GrowSlice", "GrowSlice", func(m *slabScene) error {
			s, err := slab.GrowSlice(m.a, m.held[2], hugeSize)
			if err == nil {
				m.held[2] = s
			}
			return err
		}, nil, "plain"),
		frees("FreeSlice", "FreeSlice", hugeSize, func(m *slabScene, b []byte) { slab.FreeSlice(m.a, b) }, "plain"),
		frees("Delete", "Delete", hugeSize, func(m *slabScene, b []byte) { slab.Delete(m.a, (*huge)(b)) }, "plain"),
		inSlab("Cache.Get", "Cache.Get", func(m *slabScene) error {
			p, err := slab.NewCache[huge](m.a).Get()
			if err == nil {
				err = m.takeZero(p[:], nil)
			}
			return err
		}, nil, "plain"),
		frees("Cache.Put", "Cache.Put", hugeSize, func(m *slabScene, b []byte) { slab.NewCache[huge](m.a).Put((*huge)(b)) }, "plain"),
	)
}
