//go:build exploreshm

package shm

import (
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

// newDroppable is newShared of a buffer whose front can be dropped.
func newDroppable(x *testutil.Execution) *shared {
	s := newShared(x)
	s.l.flags.v = flagDrops
	return s
}

// drop drops what is before n; gone is up to where the data reads as zero then.
func (s *shared) drop(gone *word64, n int) {
	_ = s.l.drop(n, func() error {
		raise(gone, uint64(n))
		return nil
	})
}

// look reads all that is live, and checks that it is no zero, or that this is told.
func (s *shared) look(gone *word64, last snapshot) snapshot {
	now := s.read(last)
	if zeros := int(gone.Load()); zeros > now.front && now.length > now.front && s.l.kept(now.front) {
		s.x.Fail("from %d on are zeros up to %d, and they are taken for data", now.front, zeros)
	}
	return now
}

// TestExplore_Front explores the front: who reads what is dropped meanwhile finds out.
func TestExplore_Front(t *testing.T) {
	for name, setup := range map[string]func(x *testutil.Execution){
		"readers": func(x *testutil.Execution) {
			s, gone := newDroppable(x), new(word64)
			x.Spawn("writer", func() {
				s.write(2)
				s.drop(gone, 1)
				s.write(4)
				s.drop(gone, 4)
			})
			x.Spawn("reader", func() {
				var last snapshot
				for range 2 {
					last = s.look(gone, last)
				}
			})
			x.Finally = func() {}
		},
		"takeover": func(x *testutil.Execution) {
			s, gone := newDroppable(x), new(word64)
			x.Spawn("writer", func() {
				s.write(3)
				s.drop(gone, 2)
			})
			x.Spawn("next", func() {
				x.Kill(0)
				s.takeOver()
				if now := s.read(snapshot{}); now.front > 0 {
					s.drop(gone, now.length)
				}
			})
			x.Spawn("reader", func() {
				var last snapshot
				for range 2 {
					last = s.look(gone, last)
				}
			})
			x.Finally = func() {}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if failure := testutil.Explore(t, setup); failure != "" {
				t.Error(failure)
			}
		})
	}
}
