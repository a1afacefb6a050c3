//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/track"
)

// image is an io.WriterAt.
type image []byte

func (m *image) WriteAt(p []byte, off int64) (int, error) {
	*m = slices.Grow(*m, max(int(off)+len(p)-len(*m), 0))[:max(len(*m), int(off)+len(p))]
	return copy((*m)[off:], p), nil
}

// needTracking skips where writes cannot be tracked.
func needTracking(m *arenaScene) {
	err := m.a.Track()
	if errors.Is(err, track.ErrUnsupported) {
		m.t.Skip(err)
	}
	must(m.t, err)
	m.a.Untrack()
}

func tracking(m *arenaScene) {
	needTracking(m)
	must(m.t, m.a.Track())
}

var trackOperations = []operation{
	{
		name: "arena.Track", covers: []string{"arena.Arena.Track", "arena.Arena.Untrack"},
		setup: func(t *testing.T) *scene {
			m := newArenaScene(t, arena.Options{})
			needTracking(m)
			return m.scene(func() error {
				if err := m.a.Track(); err != nil {
					return err
				}
				m.a.Untrack()
				return nil
			})
		},
	},
	inArena("Checkpoint", "Arena.Checkpoint", arena.Options{Retire: true}, func(m *arenaScene) error {
		var dst image
		m.pinned[123]++
		m.pinned[123]--
		if _, err := m.a.Checkpoint(&dst, arena.CheckpointOptions{}); err != nil {
			return err
		}
		if !bytes.Equal(dst, m.a.Bytes()) {
			m.t.Error("the checkpoint is not the arena")
		}
		return nil
	}, tracking),
	inArena("TrackStats", "Arena.TrackStats", arena.Options{}, func(m *arenaScene) error {
		// A page table that cannot be looked at counts as written.
		if s, ok := m.a.TrackStats(); !ok || s.Windows != 1 || s.Written != 2*mib {
			m.t.Errorf("%+v, %v", s, ok)
		}
		return nil
	}, func(m *arenaScene) {
		tracking(m)
		_, err := m.a.Checkpoint(new(image), arena.CheckpointOptions{})
		must(m.t, err)
		for _, d := range []byte{1, 255} { // All is written, and the same.
			for i := 0; i < 2*mib; i += os.Getpagesize() {
				m.pinned[i] += d
			}
		}
	}),
	{
		// It moves while it is tracked, so another window is watched.
		name: "arena.Checkpoint/moved", covers: []string{"arena.Arena.Checkpoint"}, thin: true,
		setup: func(t *testing.T) *scene {
			m := newArenaScene(t, arena.Options{Rungs: arena.RungRehome | arena.RungAlias})
			tracking(m)
			must(t, m.alloc(2*mib))
			var last *arena.Checkpoint
			var dst image
			return m.scene(func() error {
				c, err := m.a.Checkpoint(&dst, arena.CheckpointOptions{Since: last})
				if err != nil {
					return err
				}
				if last = c; !bytes.Equal(dst, m.a.Bytes()) {
					t.Error("the checkpoint is not the arena")
				}
				return nil
			})
		},
	},
	{
		name: "arena.Adopt", covers: []string{"arena.Arena.Adopt"}, thin: true,
		setup: func(t *testing.T) *scene {
			b, err := unix.Mmap(-1, 0, mib, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			must(t, err)
			mark(b, 0)
			space := newSpace(t, addrspace.Options{})
			a, err := arena.NewArena(arena.Options{Space: space, Reserve: 2 * mib, Headroom: -1})
			must(t, err)
			needTracking(&arenaScene{t: t, a: a})
			return &scene{
				once:  true, // It is not private any more.
				space: space,
				op: func() error {
					_, err := a.Adopt(b, arena.AdoptOptions{})
					return err
				},
				print: func() string { return fmt.Sprintln(a.Len()) },
				check: func(t *testing.T, done bool) {
					marked(t, "the memory", b, 0)
					if done {
						marked(t, "the arena", a.Bytes(), 0)
					}
				},
				close: func(t *testing.T) {
					must(t, unix.Munmap(b))
					must(t, a.Free())
					closeSpace(t, space)
				},
			}
		},
	},
	{
		name: "arena.Restore", covers: []string{"arena.Arena.Restore"}, thin: true,
		setup: func(t *testing.T) *scene {
			want := make([]byte, 5*mib)
			mark(want, 0)
			space := newSpace(t, addrspace.Options{})
			a, err := arena.NewArena(arena.Options{Space: space, Reserve: 2 * mib, Headroom: -1})
			must(t, err)
			return &scene{
				space: space,
				op: func() error {
					a.Reset()
					return a.Restore(bytes.NewReader(want), len(want))
				},
				print: func() string { return fmt.Sprintln(a.Len()) },
				check: func(t *testing.T, done bool) {
					if done && !bytes.Equal(a.Bytes(), want) {
						t.Error("what was restored is something else")
					}
				},
				close: func(t *testing.T) {
					must(t, a.Free())
					closeSpace(t, space)
				},
			}
		},
	},
}

var _ io.WriterAt = (*image)(nil)
