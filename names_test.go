package growarena_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/follow"
	"github.com/growarena/growarena/internal/testutil"
	"github.com/growarena/growarena/pool"
	"github.com/growarena/growarena/shm"
	"github.com/growarena/growarena/slab"
	"github.com/growarena/growarena/stream"
)

// What ends things that hand out or watch others' things is Close of io.Closer.
var _ = []io.Closer{(*epoch.Domain)(nil), (*epoch.Local)(nil), (*follow.Follower)(nil), (*shm.Writer)(nil), (*shm.Follower)(nil), (*shm.Files)(nil), (*shm.Mount)(nil), (*pool.Pool)(nil), (*stream.Stream)(nil), (*stream.Group)(nil), (*stream.Column[int])(nil), (*slab.Allocator)(nil), (*slab.Local)(nil)}

// TestDefaultNames: what has no name has the name of its kind in all that it says.
func TestDefaultNames(t *testing.T) {
	testutil.NeedsMoves(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	panicked := func(f func()) (err error) {
		defer func() { err = fmt.Errorf("%v", recover()) }()
		f()
		return nil
	}
	tests := map[string]struct {
		name string
		make func() []error // what an unnamed one says
	}{
		"Arena": {"arena", func() []error {
			a, err := arena.NewArena(arena.Options{Limit: 1 << 20})
			must(err)
			grow := a.Grow(2 << 20)
			must(a.Free())
			_, pin := a.Pin()
			bad := panicked(func() { _, _ = arena.NewArena(arena.Options{Limit: -1}) })
			return []error{grow, pin, panicked(func() { a.Bytes() }), bad, errors.New(a.Name())}
		}},
		"Arena, its domain": {"arena", func() []error {
			a, err := arena.NewArena(arena.Options{Retire: true})
			must(err)
			must(a.Free())
			_, pin := a.Domain().Pin()
			return []error{pin}
		}},
		"Buffer": {"buffer", func() []error {
			var b arena.Buffer
			_, err := b.Write([]byte{1})
			must(err)
			a := b.Arena()
			must(b.Free())
			return []error{errors.New(a.Name()), panicked(func() { b.Bytes() })}
		}},
		"LinearMemory": {"linear memory", func() []error {
			m, err := arena.NewLinearMemory(0, 1<<20, arena.LinearOptions{})
			must(err)
			m.Reallocate(2 << 20)
			grow := m.Err()
			m.Free()
			return []error{grow, panicked(m.Free)}
		}},
		"Alias": {"arena", func() []error {
			a, err := arena.NewArena(arena.Options{})
			must(err)
			_, err = a.Alloc(1)
			must(err)
			l, err := a.Alias(arena.AliasOptions{})
			must(err)
			l.Release()
			must(a.Free())
			return []error{panicked(l.Release)}
		}},
		"Alias of others": {"alias", func() []error {
			_, err := arena.AliasOf([]byte{1}, arena.AliasOfOptions{})
			return []error{err, panicked(func() { _, _ = arena.AliasOf(nil, arena.AliasOfOptions{}) })}
		}},
		"Follower": {"follower", func() []error {
			a, err := arena.NewArena(arena.Options{})
			must(err)
			f, err := a.File()
			must(err)
			l, err := follow.New(f, follow.Options{Limit: 1 << 20})
			must(err)
			must(f.Close())
			must(a.Free())
			beyond, full := l.Extend(1), l.Extend(2<<20)
			must(l.Close())
			_, pin := l.Pin()
			_, bad := follow.New(nil, follow.Options{})
			return []error{errors.New(l.Name()), beyond, full, pin, bad, panicked(func() { l.Bytes() }),
				panicked(func() { _, _ = follow.New(nil, follow.Options{Limit: -1}) })}
		}},
		"Pool": {"pool", func() []error {
			p, err := pool.New(pool.Options{Limit: 1})
			must(err)
			_, full := p.Alloc(2)
			b, err := p.Alloc(1)
			must(err)
			twice := panicked(func() { p.Free(b); p.Free(b) })
			_, err = p.Alloc(1)
			must(err)
			return []error{errors.New(p.Name()), full, twice, p.Close(), panicked(func() { _ = p.Trim() }),
				panicked(func() { _, _ = pool.New(pool.Options{Band: 1}) }),
				panicked(func() { _, _ = pool.New(pool.Options{HugePages: arena.HugeTLB2M}) })}
		}},
		"Stream": {"stream", func() []error {
			s, err := stream.New(stream.Options{Limit: 1})
			must(err)
			_, full := s.Append([]byte{1, 2})
			drop := s.DropFront(1)
			must(s.Close())
			_, closed := s.Append([]byte{1})
			_, pin := s.Pin()
			_, domain := s.Domain().Pin()
			return []error{full, drop, closed, pin, domain, errors.New(s.Name()), panicked(func() { _ = s.Close() }),
				panicked(func() { _, _ = stream.New(stream.Options{Limit: -1}) })}
		}},
		"Group": {"group", func() []error {
			var c stream.Column[int64]
			g, err := stream.NewGroup(stream.Options{Limit: 8}, &c)
			must(err)
			_, full := c.Append(1, 2)
			drop := g.DropFront(1)
			must(g.Close())
			_, closed := g.Begin(1)
			return []error{full, drop, closed, errors.New(c.Name()), panicked(func() { _, _ = g.Begin(0) }),
				panicked(func() { _ = g.Close() }), panicked(func() { _, _ = stream.NewGroup(stream.Options{}, &c) })}
		}},
		"Column": {"column", func() []error {
			c, err := stream.NewColumn[int64](stream.Options{Limit: 8})
			must(err)
			_, full := c.Append(1, 2)
			must(c.Close())
			return []error{full, c.DropFront(1), errors.New(c.Name())}
		}},
		"Allocator": {"slab", func() []error {
			a := slab.New(slab.Options{Limit: 1 << 20})
			_, full := a.Alloc(8 << 20)
			b, err := a.Alloc(100)
			must(err)
			twice := panicked(func() { a.Free(b); a.Free(b) })
			_, err = a.Alloc(100)
			must(err)
			l := a.NewLocal()
			must(l.Close())
			local := panicked(func() { _, _ = l.Alloc(1) })
			arrow := panicked(func() { slab.NewArrow(a, slab.ArrowOptions{Alignment: 3}) })
			return []error{full, twice, local, arrow, a.Close(), panicked(func() { _, _ = a.Alloc(1) }),
				panicked(func() { slab.New(slab.Options{Limit: -1}) })}
		}},
		"Domain": {"domain", func() []error {
			d := epoch.NewDomain(epoch.Options{MaxRetired: 1, StallAfter: 1})
			l := d.NewLocal()
			_, err := l.Pin()
			must(err)
			again := panicked(func() { _ = l.Close() })
			must(d.Retire(epoch.Retired{Bytes: 1, Free: func() {}}))
			full := d.Retire(epoch.Retired{Bytes: 1})
			stall := errors.New(d.Stats().Stalled[0].Domain)
			pinned := d.Close()
			l.Unpin()
			must(l.Close())
			must(d.Shutdown(context.Background()))
			_, pin := d.Pin()
			return []error{again, full, stall, pinned, pin, panicked(l.Unpin),
				panicked(func() { epoch.NewDomain(epoch.Options{Slots: -1}) })}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for i, err := range tt.make() {
				if err == nil {
					t.Errorf("%d: no error", i)
				} else if s := err.Error(); s != tt.name && !strings.Contains(s, fmt.Sprintf("%q", tt.name)) {
					t.Errorf("%d: %s: not named %q", i, s, tt.name)
				}
			}
		})
	}
}
