//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/slab"
)

// slabScene is an allocator that holds an object of each kind: small, medium and
// large.
type slabScene struct {
	t      *testing.T
	space  *addrspace.Space
	domain *epoch.Domain
	a      *slab.Allocator
	debug  bool
	held   [3][]byte
	more   [][]byte // other objects, freed in the end
	pages  int      // bytes of pages when op begins; they may become more, not fewer
	closed bool
}

var heldSizes = [3]int{200, 50 * kib, 3 * mib}

// sizes that have an object served by what no object held is served by.
const (
	hugeSize = 18 * mib // above a band
	keepMin  = 16 * mib // of free pages keep their memory
)

func newSlabScene(t *testing.T, o slab.Options) *slabScene {
	t.Helper()
	m := &slabScene{t: t, space: newSpace(t, addrspace.Options{}), domain: epoch.NewDomain(epoch.Options{}), debug: o.Debug}
	o.Name, o.Space, o.Domain = "index", m.space, m.domain
	m.a = slab.New(o)
	for i, n := range heldSizes {
		m.held[i] = m.alloc(n)
		mark(m.held[i], i)
	}
	return m
}

func (m *slabScene) alloc(n int) []byte {
	b, err := m.a.Alloc(n)
	must(m.t, err)
	return b
}

// take adds what was handed out to the objects.
func (m *slabScene) take(b []byte, err error) error {
	if err == nil {
		mark(b, 0)
		m.more = append(m.more, b)
	}
	return err
}

// takeZero is take of what must be zero.
func (m *slabScene) takeZero(b []byte, err error) error {
	if err == nil {
		zero(m.t, "an object", b)
	}
	return m.take(b, err)
}

// fill makes free pages keep as much memory as they may: the next that become free
// make some be given back.
func (m *slabScene) fill() {
	var all [][]byte
	for range keepMin/mib + 2 {
		all = append(all, m.alloc(mib))
	}
	for range 20 {
		all = append(all, m.alloc(64*kib))
	}
	for _, b := range all {
		if m.a.Stats().Kept+len(b) <= keepMin {
			m.a.Free(b)
		} else {
			must(m.t, m.take(b, nil))
		}
	}
}

// warm leaves some of each kind that is free.
func (m *slabScene) warm() {
	for _, n := range []int{mib, 2 * mib, 100} {
		m.a.Free(m.alloc(n))
	}
}

func (m *slabScene) scene(op func() error) *scene {
	s := &scene{op: op, space: m.space, check: m.check, close: m.close}
	if !m.debug { // Where what was freed counts for a while.
		st := m.a.Stats()
		m.pages = st.FreePages + st.Charged - st.LargeBytes
		s.print = func() string {
			s := m.a.Stats()
			return fmt.Sprintln(s.Objects, s.Live, len(m.held[0]), len(m.held[1]), len(m.held[2]))
		}
	} else {
		// Protecting pages cuts VMAs, and is the allocator's doing, not its space's.
		s.space = nil
	}
	return s
}

func (m *slabScene) check(t *testing.T, done bool) {
	t.Helper()
	for i, b := range m.held {
		n := min(len(b), heldSizes[i])
		marked(t, "an object held", b[:1], i)
		if n == heldSizes[i] {
			marked(t, "an object held", b[:n], i)
		}
	}
	for _, b := range m.more {
		marked(t, "an object", b, 0)
	}
	if s := m.a.Stats(); !m.debug && s.Objects < len(m.held)+len(m.more) {
		t.Errorf("%d objects, at least %d are in use", s.Objects, len(m.held)+len(m.more))
	}
}

func (m *slabScene) close(t *testing.T) {
	if !m.closed {
		for _, b := range append(m.more, m.held[:]...) {
			m.a.Free(b)
		}
		must(t, m.a.Trim())
		if s := m.a.Stats(); s.Objects != 0 || s.Live != 0 || s.Kept != 0 || s.Held != 0 {
			t.Errorf("all is freed: %+v", s)
		} else if s.FreePages < m.pages {
			t.Errorf("%d bytes of pages are free, there were %d in all", s.FreePages, m.pages)
		}
		must(t, m.a.Close())
	}
	must(t, m.domain.Shutdown(context.Background()))
	closeSpace(t, m.space)
}

// slabModes are the ways to make an allocator.
var slabModes = []struct {
	name string
	o    slab.Options
}{
	{"plain", slab.Options{}},
	{"debug", slab.Options{Debug: true}},
	{"profile", slab.Options{Profile: mib}}, // Of every large object.
}

// inSlab makes operations of one, in the modes that are named; none are plain and
// debug.
func inSlab(name, covers string, op func(m *slabScene) error, prepare func(m *slabScene), modes ...string) (all []operation) {
	if len(modes) == 0 {
		modes = []string{"plain", "debug"}
	}
	for _, mode := range slabModes {
		if !slices.Contains(modes, mode.name) {
			continue
		}
		all = append(all, operation{
			name: "slab." + name + "/" + mode.name, covers: []string{"slab." + covers},
			setup: func(t *testing.T) *scene {
				m := newSlabScene(t, mode.o)
				if prepare != nil {
					prepare(m)
				}
				return m.scene(func() error { return op(m) })
			},
		})
	}
	return all
}

// allocs makes the operations of allocating n bytes so many times, which is more
// than what is free.
func allocs(name, covers string, times int, alloc func(m *slabScene) ([]byte, error), modes ...string) (all []operation) {
	return inSlab(name, covers, func(m *slabScene) error {
		had := len(m.more)
		for range times {
			if err := m.take(alloc(m)); err != nil {
				for _, b := range m.more[had:] {
					m.a.Free(b)
				}
				m.more = m.more[:had]
				return err
			}
		}
		return nil
	}, nil, modes...)
}

// thinned makes operations thin.
func thinned(operations ...[]operation) []operation {
	all := slices.Concat(operations...)
	for i := range all {
		all[i].thin = true
	}
	return all
}

// reallocs makes the operations of changing the length of object i held to n.
func reallocs(i, n int, modes ...string) []operation {
	name := fmt.Sprintf("Realloc/from %d to %d", heldSizes[i], n)
	return inSlab(name, "Allocator.Realloc", func(m *slabScene) error {
		b, err := m.a.Realloc(m.held[i], n)
		if err == nil {
			m.held[i] = b
			if len(b) != n {
				m.t.Errorf("%d bytes", len(b))
			}
		}
		return err
	}, nil, modes...)
}

// frees makes the operations of one that frees something of n bytes, which is
// allocated before.
func frees(name, covers string, n int, free func(m *slabScene, b []byte), modes ...string) []operation {
	return inSlab(name, covers, func(m *slabScene) error {
		b := m.more[0]
		m.more = m.more[1:]
		free(m, b)
		return nil
	}, func(m *slabScene) {
		for range 2 {
			must(m.t, m.take(m.a.Alloc(n)))
		}
		if n <= mib {
			m.fill()
			return
		}
		var kept [5][]byte // As much as may be kept, so that the next ones are given back.
		for i := range kept {
			kept[i] = m.alloc(n)
		}
		for _, b := range kept {
			m.a.Free(b)
		}
	}, modes...)
}
