package arena_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/growarena/growarena/addrspace"
	"github.com/growarena/growarena/arena"
	"github.com/growarena/growarena/internal/sys"
	"github.com/growarena/growarena/internal/testutil"
)

func TestNewPool_EachFailure(t *testing.T) {
	probeKernel(t)
	testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
		testutil.NoLeaks(t, nil)
		space := addrspace.New(addrspace.Options{})
		var p *arena.Pool
		err := arm(func() (err error) {
			p, err = arena.NewPool(arena.PoolOptions{Name: "index", Space: space})
			return err
		})
		if err != nil {
			checkMessage(t, err, `arena: make pool "index": `)
			if p != nil {
				t.Error("a pool beside the error")
			}
		} else {
			closePool(t, p)
		}
		if err := space.Trim(); err != nil {
			t.Error(err)
		}
	})
}

// poolScene is a pool in the middle of its life: one buffer in a band, one that
// has outgrown it, and one freed with its memory given back.
type poolScene struct {
	p            *arena.Pool
	small, large []byte
}

func newPoolScene(t *testing.T, o arena.PoolOptions) *poolScene {
	t.Helper()
	s := &poolScene{p: newPool(t, o)}
	s.small, s.large = alloc(t, s.p, 150*kib), alloc(t, s.p, 10*kib)
	fill(s.large, 1)
	s.large = grow(t, s.p, s.large, 3*mib)
	fill(s.small, 2)
	return s
}

// check compares contents and counters with what they should be.
func (s *poolScene) check(t *testing.T, buffers, length int) {
	t.Helper()
	if k := check(s.small[:min(len(s.small), 150*kib)], 2); k >= 0 {
		t.Errorf("byte %d of the small buffer is wrong", k)
	}
	if k := check(s.large[:10*kib], 1); k >= 0 {
		t.Errorf("byte %d of the large buffer is wrong", k)
	}
	if st := s.p.Stats(); st.Buffers != buffers || st.Len != length {
		t.Errorf("%d buffers of %d bytes, want %d of %d", st.Buffers, st.Len, buffers, length)
	}
}

// TestPool_EachFailure fails every system call of each operation in turn: after
// an error all is as it was and the operation works when repeated; an operation
// that returns none is done whatever fails. In the end nothing is left.
func TestPool_EachFailure(t *testing.T) {
	probeKernel(t)
	const base, total = 2, 150*kib + 3*mib
	tests := map[string]struct {
		o     arena.PoolOptions
		setup func(t *testing.T, s *poolScene)
		op    func(s *poolScene) ([]byte, error) // returns a new buffer, or a changed one
		grown int                                // by how many bytes op changes the sum of lengths
		added int                                // and by how many the buffers
	}{
		"Alloc of a fresh band": {
			op:    func(s *poolScene) ([]byte, error) { return s.p.Alloc(100) },
			grown: 100, added: 1,
		},
		"Alloc without a band": {
			op:    func(s *poolScene) ([]byte, error) { return s.p.Alloc(9 * mib) },
			grown: 9 * mib, added: 1,
		},
		"Grow out of a band": {
			op: func(s *poolScene) (_ []byte, err error) {
				b, err := s.p.Grow(s.small, 5*mib)
				if err == nil {
					s.small = b
				}
				return nil, err
			},
			grown: 5*mib - 150*kib,
		},
		"Grow in a longer window": {
			op: func(s *poolScene) (_ []byte, err error) {
				b, err := s.p.Grow(s.large, 50*mib)
				if err == nil {
					s.large = b
				}
				return nil, err
			},
			grown: 47 * mib,
		},
		"Grow in another window": {
			setup: func(t *testing.T, s *poolScene) { block(t, s.large) },
			op: func(s *poolScene) (_ []byte, err error) {
				b, err := s.p.Grow(s.large, 50*mib)
				if err == nil {
					s.large = b
				}
				return nil, err
			},
			grown: 47 * mib,
		},
		"Shrink": {
			op: func(s *poolScene) ([]byte, error) {
				s.small = s.p.Shrink(s.small, 5*kib)
				return nil, nil
			},
			grown: 5*kib - 150*kib,
		},
		"Shrink of a moved one": {
			setup: func(t *testing.T, s *poolScene) { s.large[2*mib] = 1 },
			op: func(s *poolScene) ([]byte, error) {
				s.large = s.p.Shrink(s.large, 10*kib)
				return nil, nil
			},
			grown: 10*kib - 3*mib,
		},
		"Trim": {
			setup: func(t *testing.T, s *poolScene) {
				b := alloc(t, s.p, 50*kib)
				fill(b, 0)
				s.p.Free(b)
			},
			op: func(s *poolScene) ([]byte, error) { return nil, s.p.Trim() },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
				testutil.NoLeaks(t, trim)
				tt.o.Name, tt.o.Band = "index", 256*kib
				s := newPoolScene(t, tt.o)
				if tt.setup != nil {
					tt.setup(t, s)
				}
				var added []byte
				op := func() (err error) {
					added, err = tt.op(s)
					return err
				}
				if err := arm(op); err != nil {
					checkMessage(t, err, "arena: ")
					s.check(t, base, total)
					if err := op(); err != nil {
						t.Fatalf("repeated: %v", err)
					}
				}
				s.check(t, base+tt.added, total+tt.grown)
				if added != nil {
					if !isZero(added) {
						t.Error("new bytes are not zero")
					}
					s.p.Free(added)
				}
				small, large := s.p.Len(s.small), s.p.Len(s.large)
				s.small, s.large = grow(t, s.p, s.small, small+mib), grow(t, s.p, s.large, large+mib)
				if !isZero(s.small[small:]) || !isZero(s.large[large:]) {
					t.Error("regrown bytes are not zero")
				}
				s.p.Free(s.small)
				s.p.Free(s.large)
				if err := s.p.Trim(); err != nil {
					t.Error(err)
				}
				if st := s.p.Stats(); st.Buffers != 0 || st.Len != 0 || st.Committed != 0 || st.Far != 0 {
					t.Errorf("all freed: %+v", st)
				}
				closePool(t, s.p)
			})
		})
	}
}

// TestPool_FreeEachFailure fails the system calls of Free and Close, which have
// no way to say so: the buffer is gone, and its memory goes with the next Trim.
func TestPool_FreeEachFailure(t *testing.T) {
	probeKernel(t)
	testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
		testutil.NoLeaks(t, trim)
		s := newPoolScene(t, arena.PoolOptions{Name: "index", Band: 256 * kib, Keep: -1})
		_ = arm(func() error {
			s.p.Free(s.small)
			s.p.Free(s.large)
			return nil
		})
		if s.p.Owns(s.small) || s.p.Owns(s.large) {
			t.Error("freed, and still a buffer")
		}
		// What could not be given back is cleared when it is handed out again.
		for range 3 {
			b := alloc(t, s.p, 200*kib)
			if !isZero(b) {
				t.Error("recycled bytes are not zero")
			}
			fill(b, 0)
			s.p.Free(b)
		}
		if err := s.p.Trim(); err != nil {
			t.Error(err)
		}
		if st := s.p.Stats(); st.Committed != 0 || st.Kept != 0 || st.Far != 0 {
			t.Errorf("after Trim: %+v", st)
		}
		closePool(t, s.p)
	})
	testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
		testutil.NoLeaks(t, trim)
		s := newPoolScene(t, arena.PoolOptions{Name: "index", Band: 256 * kib})
		if err := arm(s.p.Close); err == nil {
			t.Error("no error for live buffers")
		}
	})
}

// TestPool_NextRunEachFailure fails the system calls of making a run longer, and
// of making another one where that is not possible.
func TestPool_NextRunEachFailure(t *testing.T) {
	probeKernel(t)
	for name, space := range map[string]func(*testing.T) *addrspace.Space{
		"longer":  func(*testing.T) *addrspace.Space { return addrspace.Default() },
		"another": func(t *testing.T) *addrspace.Space { return narrow(t, 100) },
	} {
		t.Run(name, func(t *testing.T) {
			testutil.EachFailure(t, func(t *testing.T, arm testutil.Arm) {
				testutil.NoLeaks(t, trim)
				p := newPool(t, arena.PoolOptions{Name: "index", Band: 1 << 30, Space: space(t)})
				for range 64 {
					alloc(t, p, 10)
				}
				var b []byte
				op := func() (err error) {
					b, err = p.Alloc(10)
					return err
				}
				if err := arm(op); err != nil {
					checkMessage(t, err, `arena: alloc 10 bytes in pool "index": `)
					if s := p.Stats(); s.Buffers != 64 || s.Len != 640 {
						t.Errorf("after the error: %+v", s)
					}
					if err := op(); err != nil {
						t.Fatalf("repeated: %v", err)
					}
				}
				fill(b, 0)
				for range 200 {
					alloc(t, p, 10)
				}
				if k := check(b, 0); k >= 0 {
					t.Errorf("byte %d is wrong", k)
				}
				if s := p.Stats(); s.Bands != 265 || s.Buffers != 265 || s.Committed > 4096 {
					t.Errorf("%+v", s)
				}
				if err := p.Close(); err == nil {
					t.Error("no error for live buffers")
				}
			})
		})
	}
}

// TestPool_HoleLeftByMove plays a kernel that has unmapped the goal before it
// refuses to move page tables there.
func TestPool_HoleLeftByMove(t *testing.T) {
	probeKernel(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Name: "hole", Band: 256 * kib})
	defer closePool(t, p)
	b := alloc(t, p, 200*kib)
	fill(b, 0)
	holes := 0
	restore := sys.SetHook(func(c sys.Call) syscall.Errno {
		if c != sys.CallMremap {
			return 0
		}
		for w := range addrspace.Default().All() {
			// The window that is new has the band mapped and nothing behind it yet.
			if w.Name() == "hole" && w.Mapped() == 256*kib {
				if err := sys.Unmap(w.Range().Start, 256*kib); err != nil {
					t.Error(err)
				}
				holes++
			}
		}
		return sys.ENOMEM
	})
	b, err := p.Grow(b, mib)
	restore()
	if err != nil {
		t.Fatal(err)
	}
	if k := check(b[:200*kib], 0); holes != 1 || k >= 0 {
		t.Errorf("%d holes; byte %d is wrong", holes, k)
	}
	p.Free(b)
}

// TestPool_FileSizeLimit plays a limit on the size of files: the tail of a buffer
// is as long as it must be where it cannot be as long as it would be.
func TestPool_FileSizeLimit(t *testing.T) {
	probeKernel(t)
	testutil.NoLeaks(t, trim)
	p := newPool(t, arena.PoolOptions{Band: mib})
	defer closePool(t, p)
	b := alloc(t, p, 10)
	fill(b, 0)
	restore := testutil.FailNth(sys.CallFtruncate, 1, sys.EFBIG)
	b = grow(t, p, b, 3*mib)
	restore()
	if s := p.Stats(); s.Far != 4*mib {
		t.Errorf("%+v", s)
	}
	restore = testutil.FailAll(sys.CallFtruncate, sys.EFBIG)
	_, err := p.Grow(b, 100*mib)
	restore()
	if !errors.Is(err, sys.EFBIG) {
		t.Error(err)
	}
	b = grow(t, p, b, 100*mib)
	if k := check(b[:10], 0); k >= 0 || !isZero(b[10:]) {
		t.Errorf("byte %d is wrong", k)
	}
	p.Free(b)
}
