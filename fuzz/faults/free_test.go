//go:build linux && !(386 || arm || mips || mipsle)

package faults

import (
	"context"
	"testing"
	"time"

	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/sys"
)

// freeings are the operations that give the windows of an arena back, under each
// pointer rule: they are done whatever fails.
func freeings() (all []operation) {
	for _, rule := range rules {
		all = append(all, operation{
			name: "arena.Free/" + rule.name, covers: []string{"arena.Arena.Free"},
			setup: func(t *testing.T) *scene {
				o := arena.Options{Rungs: arena.RungInWindow | arena.RungRehome}
				rule.set(&o)
				m := newArenaScene(t, o)
				must(t, m.alloc(2*mib)) // in another window
				return m.freeing(t)
			},
		})
	}
	return append(all,
		operation{
			name: "arena.Free/file", covers: []string{"arena.Arena.Free"},
			setup: func(t *testing.T) *scene {
				f := tempFile(t)
				m := newArenaScene(t, arena.Options{File: f})
				must(t, m.alloc(100))
				s := m.freeing(t)
				check := s.check
				s.check = func(t *testing.T, done bool) {
					check(t, done)
					want := int64(2*mib + 100)
					if s.hasFailed(sys.CallFtruncate) || s.hasFailed(sys.CallFstat) {
						want = 4 * mib
					}
					// EINTR is tried again.
					if info, err := f.Stat(); err != nil || info.Size() != want && info.Size() != 2*mib+100 {
						t.Errorf("the file is %d bytes long, want %d (%v)", info.Size(), want, err)
					}
				}
				return s
			},
		},
		operation{
			name: "arena.Free/while the domain takes no more", covers: []string{"arena.Arena.Free"},
			setup: func(t *testing.T) *scene {
				o := arena.Options{Domain: epoch.NewDomain(epoch.Options{MaxRetired: 1})}
				m := newArenaScene(t, o)
				must(t, m.alloc(2*mib))
				return m.freeing(t)
			},
		},
		operation{
			// The reaper gives the old window back when the guard has gone.
			name: "arena.Guard.Unpin", covers: []string{"arena.Guard.Unpin"},
			setup: func(t *testing.T) *scene {
				m := newArenaScene(t, arena.Options{Retire: true, Rungs: arena.RungInWindow | arena.RungRehome})
				must(t, m.alloc(2*mib))
				return &scene{
					once:  true,
					space: m.space,
					op: func() error {
						m.guard.Unpin()
						return m.a.Domain().Barrier(context.Background())
					},
					check: func(t *testing.T, done bool) {
						if s := m.a.Stats(); s.Windows != 1 {
							t.Errorf("%d windows after the last guard is gone", s.Windows)
						}
						marked(t, "the newest view", m.a.Bytes()[:2*mib], 0)
					},
					close: func(t *testing.T) {
						m.freed = true
						must(t, m.a.Free())
						m.close(t)
					},
				}
			},
		})
}

// freeing returns the scene of freeing the arena.
func (m *arenaScene) freeing(t *testing.T) *scene {
	var s *scene
	s = &scene{
		once:  true,
		space: m.space,
		op: func() error {
			m.guard.Unpin()
			m.freed = true
			err := m.a.Free()
			if cut := s.hasFailed(sys.CallFtruncate) || s.hasFailed(sys.CallFstat); err != nil && !cut {
				t.Errorf("Free: %v", err)
			}
			if d := m.a.Domain(); d != nil {
				must(t, d.Barrier(context.Background()))
			}
			// Where the domain takes no more a goroutine waits for the guards.
			for range 500 {
				if m.space.Stats().Windows == 0 {
					break
				}
				time.Sleep(time.Millisecond)
			}
			return nil
		},
		check: func(t *testing.T, done bool) {
			if n := m.space.Stats().Windows; n != 0 {
				t.Errorf("%d windows are left", n)
			}
		},
		close: m.close,
	}
	return s
}
