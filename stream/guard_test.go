package stream

import (
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/epoch"
	"github.com/growarena/growarena/internal/testutil"
)

// TestPin_Preempted pins, and takes the snapshot when the stream has gone on meanwhile, in
// other windows and files: it ends where an append ends, and all of it can be read.
func TestPin_Preempted(t *testing.T) {
	testutil.NeedsMoves(t)
	for name, domain := range map[string]*epoch.Domain{"own": nil, "shared": epoch.NewDomain(epoch.Options{})} {
		t.Run(name, func(t *testing.T) {
			space := addrspace.New(addrspace.Options{CacheWindows: -1})
			s, err := New(Options{Reserve: 16 << 20, Space: space, Domain: domain})
			if err != nil {
				t.Fatal(err)
			}
			ends := map[int64]bool{0: true}
			add := func(n int) {
				off, err := s.AppendFunc(n, func(b []byte) error { b[n-1] = 1; return nil })
				if err != nil {
					t.Fatal(err)
				}
				ends[off+int64(n)] = true
			}
			add(10 << 20)
			moved := false
			for i := range 60 {
				pin, err := s.domain.Pin()
				if err != nil {
					t.Fatal(err)
				}
				g := Guard{s: &s.sequence, pin: pin}
				f := s.frame.Load()
				// Front stays behind, so that a snapshot of an older frame is not empty.
				add((1 + i%9) << 20)
				moved = moved || f != s.frame.Load()
				g.show(f)
				if !ends[g.Len()] {
					t.Fatalf("append %d: a snapshot [%d, %d) that ends within an append", i, g.Front(), g.Len())
				}
				if n := g.Len(); n > g.Front() {
					err := arena.CatchFault(space, func() error {
						b, err := g.Bytes(n-1, 1)
						if err == nil && b[0] != 1 {
							t.Errorf("append %d: byte %d is %d", i, n-1, b[0])
						}
						return err
					})
					if err != nil {
						t.Fatalf("append %d: snapshot [%d, %d): %v", i, g.Front(), n, err)
					}
				}
				g.Unpin()
				if err := s.DropFront(s.Len() - 1<<20); err != nil {
					t.Fatal(err)
				}
			}
			if !moved {
				t.Error("the stream has not moved between the halves of a pin")
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			if domain != nil {
				if err := domain.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
